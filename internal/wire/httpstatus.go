// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strconv"
	"strings"

	"github.com/farcall/farcall"
)

// HTTPCode returns the code of a call that was answered with this HTTP status and no grpc-status (grpc/grpc
// doc/http-grpc-status-mapping.md). For 431 that page says INTERNAL; the gRPC conformance suite and grpc-go say UNKNOWN,
// and so does this.
func HTTPCode(httpStatus string) farcall.Code {
	switch httpStatus {
	case "400":
		return farcall.Internal
	case "401":
		return farcall.Unauthenticated
	case "403":
		return farcall.PermissionDenied
	case "404":
		return farcall.Unimplemented
	case "429", "502", "503", "504":
		return farcall.Unavailable
	}
	return farcall.Unknown
}

// notGRPC returns the error for a head that is not that of a gRPC answer, nil if it is.
func (a *answerFields) notGRPC() error {
	if _, ok := Subtype(a.contentType); a.httpStatus == "200" && ok {
		return nil
	}
	if !validHTTPStatus(a.httpStatus) {
		return farcall.Errorf(farcall.Internal, "the server answered with :status %q, which is not an HTTP status", clip(a.httpStatus))
	}
	return farcall.Errorf(HTTPCode(a.httpStatus), "the server answered %s %s, not gRPC: %s", a.httpStatus, a.shownType(), a.likelyMistake())
}

// shownType returns the content type as it can stand in a message.
func (a *answerFields) shownType() string {
	shown := clip(a.contentType)
	switch {
	case shown == "":
		return "without a content type"
	case !printable(a.contentType):
		return strconv.Quote(shown)
	}
	return shown
}

func validHTTPStatus(status string) bool {
	if len(status) != 3 {
		return false
	}
	for _, c := range []byte(status) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// likelyMistake guesses why the answer is not gRPC.
func (a *answerFields) likelyMistake() string {
	media, _, _ := strings.Cut(strings.ToLower(a.contentType), ";")
	media = strings.TrimSpace(media)
	switch {
	case strings.HasPrefix(media, "application/grpc-web"):
		return "it speaks gRPC-Web here, is this the port for browsers?"
	case a.httpStatus == "502", a.httpStatus == "503", a.httpStatus == "504":
		return "does a proxy in between not reach the service?"
	case a.httpStatus == "401", a.httpStatus == "403":
		return "does a proxy in between ask for credentials?"
	case a.httpStatus == "429":
		return "does a proxy in between limit the rate?"
	case a.httpStatus == "431":
		return "is the request's metadata too large?"
	case len(a.httpStatus) == 3 && a.httpStatus[0] == '3':
		return "gRPC follows no redirects, is the address right?"
	case media == "text/html":
		return "is this a gRPC port? It looks like a web site"
	case media == "application/json", media == "application/problem+json":
		return "is this the REST port?"
	}
	return "is this a gRPC port?"
}
