// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func TestBlockIsCutAtItsFields(t *testing.T) {
	for _, test := range []struct {
		name, block, want string
	}{
		{"RFC 7541 C.4.1, with Huffman", "828684418cf1e3c2e5f23a6ba0ab90f4ff", `82|line 2
86|line 6
84|line 4
418cf1e3c2e5f23a6ba0ab90f4ff|new, name 1`},
		{"RFC 7541 C.4.2, with the dynamic table", "828684be5886a8eb10649cbf", `82|line 2
86|line 6
84|line 4
be|line 62
5886a8eb10649cbf|new, name 24`},
		{"RFC 7541 C.2.1 to C.2.3", "400a637573746f6d2d6b65790d637573746f6d2d686561646572040c2f73616d706c652f70617468100870617373776f726406736563726574",
			`400a637573746f6d2d6b65790d637573746f6d2d686561646572|new
040c2f73616d706c652f70617468|as text, name 4
100870617373776f726406736563726574|secret`},
		{"a size update, 1337 as in C.1.2", "3f9a0a82", `3f9a0a|the table may have 1337 bytes from here on
82|line 2`},
	} {
		block, err := hex.DecodeString(test.block)
		if err != nil {
			t.Fatal(err)
		}
		forms, err := splitBlock(block)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var lines []string
		for _, f := range forms {
			lines = append(lines, fmt.Sprintf("%x|%s", f.bytes, f.words))
		}
		if got := strings.Join(lines, "\n"); got != test.want {
			t.Errorf("%s is cut into\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}

func TestBlockCutShort(t *testing.T) {
	whole, _ := hex.DecodeString("400a637573746f6d2d6b65790d637573746f6d2d686561646572")
	for length := 1; length < len(whole); length++ {
		if forms, err := splitBlock(whole[:length]); err == nil {
			t.Errorf("the first %d bytes of a field are taken for %v", length, forms)
		}
	}
}

func FuzzBlock(f *testing.F) {
	for _, seed := range []string{"828684418cf1e3c2e5f23a6ba0ab90f4ff", "3f9a0a82", "7fffffffff01", "1008706173"} {
		block, _ := hex.DecodeString(seed)
		f.Add(block)
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		forms, err := splitBlock(block)
		if err != nil {
			return
		}
		var joined []byte
		for _, f := range forms {
			joined = append(joined, f.bytes...)
		}
		if !bytes.Equal(joined, block) {
			t.Errorf("the fields' bytes are %x, the block's %x", joined, block)
		}
	})
}
