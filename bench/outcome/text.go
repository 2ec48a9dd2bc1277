// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/farcall/farcall/bench/attribution"
)

// TextGroup is a part of a program's machine code. A package belongs to the first group of which it begins with a path.
type TextGroup struct {
	Name  string
	paths []string
}

// TextGroups are all; the last takes what the others leave.
var TextGroups = []TextGroup{
	{"farcall", []string{"github.com/farcall/farcall/"}},
	{"grpc-go", []string{"google.golang.org/grpc/", "google.golang.org/genproto/", "golang.org/x/net/"}},
	{"protobuf-go", []string{"google.golang.org/protobuf/"}},
	{"net/http", []string{"net/http/", "vendor/golang.org/x/net/", "mime/", "net/textproto/", "vendor/golang.org/x/text/"}},
	{"TLS, crypto", []string{"crypto/", "vendor/golang.org/x/crypto/", "math/big/", "encoding/asn1/", "encoding/pem/", "hash/"}},
	{"gzip, zstd", []string{"compress/", "github.com/klauspost/"}},
	{"runtime, reflect", []string{"runtime/", "internal/runtime/", "internal/abi/", "internal/bytealg/", "internal/cpu/", "reflect/", "internal/reflectlite/", "sync/", "internal/sync/"}},
	{"other", []string{""}},
}

// ReadText adds up what `go tool nm -size` says of a program that has its symbols: the bytes of machine code by group.
func ReadText(symbols io.Reader) (map[string]int64, error) {
	text := map[string]int64{}
	lines := bufio.NewScanner(symbols)
	lines.Buffer(nil, 1<<20) // the name of a generic function has the names of its types
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[2] != "T" && fields[2] != "t" {
			continue // data, or a symbol of another program
		}
		size, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("go tool nm -size: %q has no size: %w", lines.Text(), err)
		}
		text[groupOf(fields[3])] += size
	}
	return text, lines.Err()
}

func groupOf(symbol string) string {
	path := attribution.PackageOf(strings.TrimPrefix(symbol, "type:.eq.")) + "/"
	for _, group := range TextGroups {
		for _, begin := range group.paths {
			if strings.HasPrefix(path, begin) {
				return group.Name
			}
		}
	}
	return ""
}
