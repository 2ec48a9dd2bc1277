// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/farcall/farcall"
)

// A unary call of a method without side effects may be a GET, so that browsers and caches keep its answer: the query has
// the message and what else the head of a POST says.

// get is what the query of a GET says.
type get struct {
	message     []byte
	codec       string
	compression string
}

// parseGet reads a query. Parameters that are not Connect's say nothing; of one that is given twice the first counts.
func parseGet(query string) (*get, error) {
	given := make(map[string]string)
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "message", "encoding", "base64", "compression", "connect":
			if _, twice := given[name]; twice {
				continue
			}
			unescaped, err := url.QueryUnescape(value)
			if err != nil {
				return nil, farcall.Errorf(farcall.InvalidArgument, "the query parameter %q is malformed: percent-encoding is expected", name)
			}
			given[name] = unescaped
		}
	}
	g := &get{codec: given["encoding"], message: []byte(given["message"])}
	if version, ok := given["connect"]; ok && version != "v1" {
		return nil, farcall.Errorf(farcall.InvalidArgument, "the query parameter connect=%s is not spoken here, connect=v1 is", clip(version))
	}
	switch given["base64"] {
	case "", "0":
	case "1":
		decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(given["message"]), "="))
		if err != nil {
			return nil, farcall.Errorf(farcall.InvalidArgument, "the query parameter message is not base64, which base64=1 announces")
		}
		g.message = decoded
	default:
		return nil, farcall.Errorf(farcall.InvalidArgument, "the query parameter base64 is %q, 1 is expected", clip(given["base64"]))
	}
	if g.compression = given["compression"]; g.compression == "identity" {
		g.compression = ""
	}
	return g, nil
}

// entityTag returns the tag of an answer (RFC 9110 section 8.8.3), the same for the same bytes.
func entityTag(contentType, encoding string, body []byte) string {
	hash := sha256.New()
	for _, part := range []string{contentType, "\x00", encoding, "\x00"} {
		_, _ = hash.Write([]byte(part)) // never fails
	}
	_, _ = hash.Write(body)
	return `"` + base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:16]) + `"`
}

// tagged reports whether an If-None-Match has a tag (RFC 9110 section 13.1.2).
func tagged(ifNoneMatch, tag string) bool {
	if strings.TrimSpace(ifNoneMatch) == "*" {
		return true
	}
	for entry := range strings.SplitSeq(ifNoneMatch, ",") {
		if strings.TrimPrefix(strings.TrimSpace(entry), "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
