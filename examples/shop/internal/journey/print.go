// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/farcall/farcall"
	"google.golang.org/protobuf/proto"
)

// Print writes the journey, step by step. With stable set, what differs from run to run is left out or masked, so that
// each run writes the same.
func (r *Record) Print(out io.Writer, stable bool) error {
	p := &page{record: r, stable: stable}
	for _, write := range []func(*page) error{
		writeWayThere, writeService, writeWayBack, writeNextCall,
	} {
		if err := write(p); err != nil {
			return err
		}
	}
	_, err := io.WriteString(out, p.text.String())
	return err
}

// page is the text while it is being written.
type page struct {
	record *Record
	stable bool
	text   strings.Builder
}

// step begins a step: its number, what happens, and how many bytes and how much time it took.
func (p *page) step(step farcall.Step, words, size string) {
	if step > farcall.StepRequestArrives {
		p.text.WriteByte('\n')
	}
	right := size
	if !p.stable && step > farcall.StepRequestArrives {
		right = fmt.Sprintf("%-22s after %.2f ms", size, p.record.since(step).Seconds()*1000)
	}
	fmt.Fprintf(&p.text, "%s\n", strings.TrimRight(fmt.Sprintf("%2d  %-70s %s", step, words, right), " "))
}

// lines writes a text under its step.
func (p *page) lines(text string) {
	p.text.WriteByte('\n')
	for line := range strings.Lines(text) {
		fmt.Fprintf(&p.text, "    %s\n", strings.TrimRight(line, "\n"))
	}
}

func byteCount(count int) string { return fmt.Sprintf("%d bytes", count) }

func writeWayThere(p *page) error {
	r := p.record
	p.step(farcall.StepRequestArrives, "A REST call reaches the order service.", byteCount(len(r.ask.body))+" of JSON")
	p.lines(r.ask.line + "\ncontent-type: " + r.ask.contentType)
	p.lines(r.ask.body)
	p.step(farcall.StepCallStub, "The order service calls the payments stub, like a local function.", "")
	p.lines("payments.Charge(ctx, " + messageText(r.charge) + ")")

	encoded := message(r.there)
	p.step(farcall.StepEncodeRequest, "The message becomes bytes: for each field a tag, and its value.", byteCount(len(encoded)))
	if err := p.fields(encoded, r.charge); err != nil {
		return err
	}
	block := r.there.blocks[0]
	p.step(farcall.StepSendRequest, "Headers and message are handed to the transport.", byteCount(len(block.bytes))+" of headers")
	p.lines("HPACK writes a header as the number of a line in a table, where it can. Lines 1 to 61 are the same for\n" +
		"everybody. What is new is written out once (its name may come from a line) and gets a line of this\n" +
		"connection's own; what differs from call to call is sent as text.")
	if err := p.block(block); err != nil {
		return err
	}
	p.step(farcall.StepRequestFrames, "The transport sends HTTP/2 frames over TCP.", byteCount(wireBytes(r.there)))
	p.frames(r.there, "the header block of step 4", "the message of step 3")
	return nil
}

func writeService(p *page) error {
	r := p.record
	p.step(farcall.StepReceiveRequest, "The payment service receives the frames.", byteCount(wireBytes(r.there)))
	p.step(farcall.StepDecodeRequest, "Headers and message are decoded. The path names the method.", "")
	p.step(farcall.StepInvokeHandler, "The handler is invoked: a method of a plain Go struct.", "")
	p.lines("func (s *Service) Charge(ctx context.Context, req *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error)")
	p.step(farcall.StepHandlerReturns, "It returns its result.", "")
	p.lines("return &" + messageText(r.receipt) + ", nil")
	encoded := message(r.back)
	p.step(farcall.StepEncodeResponse, "The result becomes bytes.", byteCount(len(encoded)))
	return p.fields(encoded, r.receipt)
}

func writeWayBack(p *page) error {
	r := p.record
	head, trailers := r.back.blocks[0], r.back.blocks[1]
	p.step(farcall.StepSendResponse, "Headers, message and trailers are handed to the transport.",
		byteCount(len(head.bytes)+len(trailers.bytes))+" of headers")
	if err := p.block(head); err != nil {
		return err
	}
	p.text.WriteString("\n    The trailers come last, because only then it is known how the call ended:\n")
	if err := p.block(trailers); err != nil {
		return err
	}
	p.step(farcall.StepReceiveResponse, "The order service receives the frames.", byteCount(wireBytes(r.back)))
	p.frames(r.back, "headers and trailers of step 11", "the message of step 10")
	p.step(farcall.StepDecodeResponse, "Status and message are decoded. grpc-status 0 is OK: the stub returns.", "")
	p.lines("receipt, err := payments.Charge(ctx, …) // receipt is what the handler returned, err is nil")
	p.step(farcall.StepAnswer, "The order is paid, and the REST answer is written.", byteCount(len(r.answer.body))+" of JSON")
	p.lines(r.answer.line + "\ncontent-type: " + r.answer.contentType)
	fields, err := jsonLines(r.answer.body)
	if err != nil {
		return fmt.Errorf("the answer %s: %w", r.answer.body, err)
	}
	p.lines(fields)
	return nil
}

// jsonLines returns a JSON object with one line for each of its own fields.
func jsonLines(object string) (string, error) {
	decoder := json.NewDecoder(strings.NewReader(object))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return "", fmt.Errorf("no JSON object: %w", err)
	}
	var fields []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return "", err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return "", err
		}
		fields = append(fields, fmt.Sprintf("  %q: %s", name, value))
	}
	return "{\n" + strings.Join(fields, ",\n") + "\n}", nil
}

func writeNextCall(p *page) error {
	first, second := p.record.there.blocks[0], p.record.again.blocks[0]
	fmt.Fprintf(&p.text, "\nThe next call on this connection needs %d bytes for its headers, not %d: they are lines of the table now.\n",
		len(second.bytes), len(first.bytes))
	return p.block(second)
}

// fields shows an encoded message, each field's bytes with their meaning.
func (p *page) fields(encoded []byte, like proto.Message) error {
	fields, err := splitFields(encoded, like.ProtoReflect().Descriptor())
	if err != nil {
		return fmt.Errorf("the bytes of %s: %w", like.ProtoReflect().Descriptor().Name(), err)
	}
	p.text.WriteByte('\n')
	for _, f := range fields {
		indent := strings.Repeat("  ", f.depth)
		p.hex(indent, hexText(f.bytes, nil), fmt.Sprintf("%s%2d %-15s %-9s  %s", indent, f.number, f.name, f.wire, f.value))
	}
	return nil
}

// block shows a header block, each field's bytes with their meaning.
func (p *page) block(b block) error {
	forms, err := splitBlock(b.bytes)
	if err != nil {
		return err
	}
	p.text.WriteByte('\n')
	next := 0
	for _, f := range forms {
		if !f.field {
			p.hex("", hexText(f.bytes, nil), f.words)
			continue
		}
		if next == len(b.fields) {
			return fmt.Errorf("a header block has more fields than the %d that were decoded", next)
		}
		field := b.fields[next]
		next++
		value, masked := field.Value, []byte(nil)
		if p.stable && field.Name == "grpc-timeout" {
			value, masked = maskDigits(value), f.bytes[f.value:]
		}
		p.hex("", hexText(f.bytes, masked), fmt.Sprintf("%-15s  %s: %s", f.words, field.Name, value))
	}
	if next != len(b.fields) {
		return fmt.Errorf("a header block has %d fields, but %d were decoded", next, len(b.fields))
	}
	return nil
}

// maskDigits hides what differs from run to run: how much of the deadline is left when the call is sent.
func maskDigits(value string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return '·'
		}
		return c
	}, value)
}
