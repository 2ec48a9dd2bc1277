// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"bytes"
	"strconv"
	"sync"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
)

// encodedFields returns a block of so many fields, none of which enters the table, and the fields.
func encodedFields(n int) (block []byte, fields []exchange.Field) {
	encoder := NewEncoder(defaultTableBytes)
	for i := range n {
		fields = append(fields, exchange.Field{Name: "name-" + strconv.Itoa(i), Value: strconv.Itoa(i)})
	}
	return encoder.AppendStateless(nil, fields), fields
}

func TestLargeListsTakeTurnsAndSmallOnesDoNotWait(t *testing.T) {
	var turns []*largeList
	for range cap(largeLists) {
		turns = append(turns, <-largeLists)
	}
	small, fields := encodedFields(maxSpareFields)
	head, err := NewDecoder(defaultTableBytes, 64<<10).Decode(small) // would never return if it waited
	if err != nil || len(head.Fields) != len(fields) {
		t.Fatalf("a small list beside large ones: %d fields, %v", len(head.Fields), err)
	}
	decoded := make(chan struct{})
	go func() {
		defer close(decoded)
		large, _ := encodedFields(maxSpareFields + 1)
		if _, err := NewDecoder(defaultTableBytes, 64<<10).Decode(large); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-decoded:
		t.Error("a large list did not wait for its turn")
	default:
	}
	for _, turn := range turns {
		largeLists <- turn
	}
	<-decoded
}

func TestLargeListsGiveTheirTurnBack(t *testing.T) {
	whole, fields := encodedFields(1000)
	long := bytes.Repeat([]byte{0, 0, 0}, maxSpareText) // fields with nothing in them
	broken := append(bytes.Clone(whole), 0xff, 0xff, 0xff, 0xff, 0xff)
	var decoders sync.WaitGroup
	for range 20 {
		decoders.Go(func() {
			decoder := NewDecoder(defaultTableBytes, 64<<10)
			for range 20 {
				head, err := decoder.Decode(whole)
				if err != nil || len(head.Fields) != len(fields) {
					t.Errorf("%d fields, %v; want %d", len(head.Fields), err, len(fields))
					return
				}
				for i, f := range head.Fields {
					if f != fields[i] {
						t.Errorf("field %d is %v, want %v", i, f, fields[i])
					}
				}
				if _, err := decoder.Decode(long); err != ErrListTooLarge {
					t.Errorf("a list above the limit: %v", err)
				}
				if _, err := decoder.Decode(broken); err == nil {
					t.Error("a broken block was decoded")
				}
			}
		})
	}
	decoders.Wait()
	if n := len(largeLists); n != cap(largeLists) {
		t.Errorf("%d of %d turns came back", n, cap(largeLists))
	}
}
