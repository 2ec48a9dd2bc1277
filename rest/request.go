// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"strconv"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// requestHeaders are the fields of a request that the router reads itself, taken in one pass.
type requestHeaders struct {
	contentType     string
	contentEncoding string // of several fields, joined by commas
	contentLength   int64  // -1 if none was announced
	accept          string // of several fields, joined by commas
	acceptEncoding  string // likewise
	grpcTimeout     string
	serverTimeout   string
}

// readHeaders takes the fields of a request. A field that may be there once and comes with two values is refused: whoever
// stands in front may have read the other one.
func readHeaders(head exchange.Head) (requestHeaders, error) {
	h := requestHeaders{contentLength: -1}
	var twice, length string
	once := func(into *string, field exchange.Field) {
		if *into != "" && *into != field.Value {
			twice = field.Name
		}
		*into = field.Value
	}
	for field := range head.All {
		switch field.Name {
		case "content-type":
			once(&h.contentType, field)
		case "content-length":
			if field.Value == "" {
				return h, refuse(400, farcall.InvalidArgument, "content-length %q is not a number of bytes", "")
			}
			once(&length, field)
		case "content-encoding":
			join(&h.contentEncoding, field.Value)
		case "accept":
			join(&h.accept, field.Value)
		case "accept-encoding":
			join(&h.acceptEncoding, field.Value)
		case "grpc-timeout":
			once(&h.grpcTimeout, field)
		case "x-server-timeout":
			once(&h.serverTimeout, field)
		}
	}
	if twice != "" {
		return h, refuse(400, farcall.InvalidArgument, "the header %s is there twice, with different values", twice)
	}
	if length != "" {
		announced, err := strconv.ParseUint(length, 10, 63)
		if err != nil {
			return h, refuse(400, farcall.InvalidArgument, "content-length %q is not a number of bytes", clip(length))
		}
		h.contentLength = int64(announced)
	}
	return h, nil
}

// join adds a value to a list, as RFC 9110 section 5.3 says of fields that come more than once.
func join(list *string, value string) {
	if *list != "" {
		value = *list + "," + value
	}
	*list = value
}
