// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(t *testing.T) *Record {
	t.Helper()
	record, err := Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func printed(t *testing.T, record *Record, stable bool) string {
	t.Helper()
	var out strings.Builder
	if err := record.Print(&out, stable); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheJourneyIsTheSameEveryTime(t *testing.T) {
	one, other := run(t), run(t)
	first, second := printed(t, one, true), printed(t, other, true)
	if first != second {
		t.Errorf("two journeys differ. The first:\n%s\nThe second:\n%s", first, second)
	}
	if string(one.Picture()) != string(other.Picture()) {
		t.Error("the pictures of two journeys differ")
	}
}

func TestTheJourneyShowsEverything(t *testing.T) {
	record := run(t)
	shown := printed(t, record, false)
	for _, want := range []string{
		"\n 1  A REST call", "\n14  The order is paid",
		"POST /v1/orders HTTP/1.1", `"sku": "TEA-500"`, // the JSON
		"payments.Charge(ctx, ChargeRequest{", "amount: {currency_code: \"EUR\", units: 25, nanos: 980000000}", // the message
		"1 idempotency_key length 14  \"order/ord_q8wd\"", "2 units           varint     25", // the bytes
		":path: /shop.v1.Payments/Charge", ":authority: payments:9090", "content-type: application/grpc", "grpc-timeout: ",
		"HEADERS frame of stream 1", "DATA frame of stream 1", "END_STREAM", // the frames
		"func (s *Service) Charge(",                                                            // the handler
		"payment_id: \"pay_f3k7\"", "grpc-status: 0", "HTTP/1.1 200 OK", `"ORDER_STATUS_PAID"`, // and back
	} {
		if !strings.Contains("\n"+shown, want) {
			t.Errorf("%q is not shown", want)
		}
	}
	for line := range strings.Lines(shown) {
		if width := len([]rune(line)); width > 120 {
			t.Errorf("a line is %d wide: %s", width, line)
		}
	}
	if t.Failed() {
		t.Log(shown)
	}
}

func TestTheStepsAreInOrder(t *testing.T) {
	record := run(t)
	for step := farcall.StepCallStub; step <= farcall.StepAnswer; step++ {
		// Where a step is at the other end, neither end waits for the other: the bytes may be read before the call that
		// wrote them has returned.
		before := step - 1
		crossed := step == farcall.StepReceiveRequest || step == farcall.StepReceiveResponse
		if !crossed && record.since(step) < record.since(before) {
			t.Errorf("step %d was at %v, before step %d at %v", step, record.since(step), before, record.since(before))
		}
	}
}

func TestWhatIsSentIsRememberedTheSecondTime(t *testing.T) {
	record := run(t)
	first, second := len(record.there.blocks[0].bytes), len(record.again.blocks[0].bytes)
	if second*2 > first {
		t.Errorf("the headers of the second call have %d bytes, those of the first %d", second, first)
	}
}

func TestThePictureIsWellFormed(t *testing.T) {
	decoder := xml.NewDecoder(strings.NewReader(string(run(t).Picture())))
	numbers := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "circle" {
			numbers++
		}
	}
	if numbers != int(farcall.StepAnswer) {
		t.Errorf("the picture shows %d steps", numbers)
	}
}

func TestDocs(t *testing.T) {
	directory := t.TempDir()
	readme := filepath.Join(directory, "README.md")
	const before, after = "# farcall\n\nText.\n\n", "\n\nMore text.\n"
	write := func(text string) {
		if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(before + beginMarker + "\nold\n" + endMarker + after)
	docs := filepath.Join(directory, "docs")
	var versions [2]string
	for i := range versions {
		if err := WriteDocs(context.Background(), readme, docs); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		versions[i] = string(got)
	}
	if versions[0] != versions[1] {
		t.Error("the second run changes the README")
	}
	got := versions[0]
	if !strings.HasPrefix(got, before+beginMarker+"\n```text\n 1  A REST call") || !strings.HasSuffix(got, "```\n"+endMarker+after) ||
		strings.Contains(got, "old") {
		t.Errorf("the README is now\n%s", got)
	}
	if picture, err := os.ReadFile(filepath.Join(docs, "journey.svg")); err != nil || !strings.HasPrefix(string(picture), "<svg ") {
		t.Errorf("the picture: %.20s, %v", picture, err)
	}

	write("# farcall\n")
	if err := WriteDocs(context.Background(), readme, docs); err == nil || !strings.Contains(err.Error(), beginMarker) {
		t.Errorf("a README without markers: %v", err)
	}
}

// TestTheReadmeIsCurrent fails if the journey has changed and the documentation has not.
func TestTheReadmeIsCurrent(t *testing.T) {
	const root = "../../../.."
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	record := run(t)
	section, err := record.section()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(read("README.md"), beginMarker+"\n"+section+endMarker) {
		t.Error("README.md shows another journey than there is now: run 'make docs', and commit what it changes")
	}
	if read("docs/"+pictureFile) != string(record.Picture()) {
		t.Error("docs/journey.svg shows another journey than there is now: run 'make docs', and commit what it changes")
	}
}
