// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"errors"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoregistry"

	// Linked in so that the .proto files they were generated from can be imported: all of google/api that concerns
	// calls, and google/rpc. The Go code that generated messages refer to is in these same packages.
	_ "google.golang.org/genproto/googleapis/api"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/api/configchange"
	_ "google.golang.org/genproto/googleapis/api/distribution"
	_ "google.golang.org/genproto/googleapis/api/error_reason"
	_ "google.golang.org/genproto/googleapis/api/httpbody"
	_ "google.golang.org/genproto/googleapis/api/label"
	_ "google.golang.org/genproto/googleapis/api/metric"
	_ "google.golang.org/genproto/googleapis/api/monitoredres"
	_ "google.golang.org/genproto/googleapis/api/visibility"
	_ "google.golang.org/genproto/googleapis/rpc/code"
	_ "google.golang.org/genproto/googleapis/rpc/context/attribute_context"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	_ "google.golang.org/genproto/googleapis/rpc/http"
	_ "google.golang.org/genproto/googleapis/rpc/status"
)

var errNotBuiltIn = errors.New("not built in")

// standard finds the files that come with every protoc.
var standard = protocompile.WithStandardImports(protocompile.ResolverFunc(
	func(string) (protocompile.SearchResult, error) { return protocompile.SearchResult{}, errNotBuiltIn }))

// builtIn finds the files that need not be on disk. A copy on disk is not looked at: the generated Go code would refer
// to the packages linked in here all the same.
func builtIn(name string) (protocompile.SearchResult, error) {
	if strings.HasPrefix(name, "google/api/") || strings.HasPrefix(name, "google/rpc/") {
		if file, err := protoregistry.GlobalFiles.FindFileByPath(name); err == nil {
			return protocompile.SearchResult{Desc: file}, nil
		}
	}
	return standard.FindFileByPath(name)
}
