// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"strings"

	"github.com/farcall/farcall"
)

// format is how the messages of a body are written.
type format uint8

const (
	formatJSON     format = iota // one message
	formatProtobuf               // one message
	formatBytes                  // google.api.HttpBody: the body as it is
	formatForm                   // multipart/form-data
	formatLines                  // a line of JSON for each message
	formatArray                  // a JSON array of the messages
	formatEvents                 // server-sent events
)

// offer is what a request can be answered with.
type offer struct {
	media  string
	format format
}

const (
	mediaJSON    = "application/json"
	mediaLines   = "application/x-ndjson"
	mediaEvents  = "text/event-stream"
	mediaUnknown = "application/octet-stream"
)

// What can be answered, in order of preference.
var (
	jsonOffer      = offer{mediaJSON, formatJSON}
	messageOffers  = []offer{jsonOffer, {"application/protobuf", formatProtobuf}, {"application/x-protobuf", formatProtobuf}}
	protobufOffers = []offer{messageOffers[1], messageOffers[2], jsonOffer}
	valueOffers    = []offer{jsonOffer} // of what is no message, and so has no form of its own in protobuf
	streamOffers   = []offer{{mediaLines, formatLines}, {"application/ndjson", formatLines}, {"application/jsonl", formatLines},
		{mediaEvents, formatEvents}, {mediaJSON, formatArray}}
)

// offers returns what the route can answer a request with, the preferred first: what the request's own body is. It is nil
// where the answer is a google.api.HttpBody, whose type is known when it is there.
func (r *route) offers(contentType string) []offer {
	switch {
	case r.answersBytes:
		return nil
	case r.method.Kind.ReturnsStream():
		return streamOffers
	case r.rule.Answer != nil && (r.rule.Answer.Message() == nil || r.rule.Answer.IsMap() || r.rule.Answer.IsList()):
		return valueOffers
	case isProtobuf(contentType):
		return protobufOffers
	}
	return messageOffers
}

// isProtobuf reports whether a content-type is that of an encoded message.
func isProtobuf(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	return strings.EqualFold(media, messageOffers[1].media) || strings.EqualFold(media, messageOffers[2].media)
}

// choose returns the offer that an Accept header gives the highest weight, the first of several (RFC 9110 section 12.5.1).
func choose(accept string, offers []offer) (offer, error) {
	if strings.TrimSpace(accept) == "" {
		return offers[0], nil
	}
	best, chosen := 0, offer{}
	for _, candidate := range offers {
		if weight := weightOf(candidate.media, accept, matchMedia); weight > best {
			best, chosen = weight, candidate
		}
	}
	if best == 0 {
		names := make([]string, 0, len(offers))
		for _, candidate := range offers {
			names = append(names, candidate.media)
		}
		return chosen, refuse(406, farcall.InvalidArgument, "nothing that accept %q names can be answered: there is %s", clip(accept), strings.Join(names, ", "))
	}
	return chosen, nil
}

// weightOf returns the weight, in thousandths, that a list of ranges with weights gives a name: that of the range which
// match finds the most specific; 0 if there is none, or if it is excluded.
func weightOf(name, list string, match func(pattern, name string) int) int {
	most, weight := 0, 0
	for element := range strings.SplitSeq(list, ",") {
		pattern, parameters, _ := strings.Cut(element, ";")
		specific := match(strings.TrimSpace(pattern), name)
		if specific <= most {
			continue
		}
		if w, ok := weightIn(parameters); ok {
			most, weight = specific, w
		}
	}
	return weight
}

// matchMedia says how specific a media range is for a media type, 0 if it does not match.
func matchMedia(pattern, media string) int {
	switch {
	case pattern == "*/*":
		return 1
	case strings.HasSuffix(pattern, "/*"):
		if size := len(pattern) - 1; len(media) > size && strings.EqualFold(pattern[:size], media[:size]) {
			return 2
		}
	case strings.EqualFold(pattern, media):
		return 3
	}
	return 0
}

// matchCoding does the same for content codings.
func matchCoding(pattern, coding string) int {
	switch {
	case pattern == "*":
		return 1
	case strings.EqualFold(pattern, coding):
		return 2
	}
	return 0
}

// matchNamed does the same without "*", which stands for all that the client has no opinion of.
func matchNamed(pattern, coding string) int {
	if strings.EqualFold(pattern, coding) {
		return 1
	}
	return 0
}

// weightIn returns the parameter "q" in thousandths, 1000 without one; false if it is malformed.
func weightIn(parameters string) (weight int, ok bool) {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(name, "q") {
			return parseWeight(value)
		}
	}
	return 1000, true
}

// parseWeight reads a qvalue: 0 or 1, with at most three decimals (RFC 9110 section 12.4.2).
func parseWeight(text string) (weight int, ok bool) {
	whole, decimals, _ := strings.Cut(text, ".")
	if whole != "0" && whole != "1" || len(decimals) > 3 {
		return 0, false
	}
	weight = int(whole[0]-'0') * 1000
	for place, digit := 100, 0; digit < len(decimals); place, digit = place/10, digit+1 {
		if decimals[digit] < '0' || decimals[digit] > '9' {
			return 0, false
		}
		weight += place * int(decimals[digit]-'0')
	}
	return weight, weight <= 1000
}
