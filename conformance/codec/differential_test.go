// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"cmp"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// seeds is how many random messages, and bytes, a test tries of each type.
const seeds = 200

func TestRandomMessages(t *testing.T) {
	for _, kind := range types {
		t.Run(string(kind.Descriptor().FullName()), func(t *testing.T) {
			encoded := 0
			for seed := range uint64(seeds) {
				r := newRandom(seed)
				message := kind.New()
				r.message(message, 0)
				if data := compareEncoding(t, message.Interface()); data != nil {
					encoded++
					compareDecoding(t, kind, data)
					for range 3 {
						compareDecoding(t, kind, r.mutate(data))
					}
				}
			}
			if encoded < seeds/10 && !endless(kind) {
				t.Errorf("%d of %d messages were good", encoded, seeds)
			}
		})
	}
}

func TestRandomBytes(t *testing.T) {
	for _, kind := range types {
		t.Run(string(kind.Descriptor().FullName()), func(t *testing.T) {
			decoded := 0
			for seed := range uint64(seeds) {
				r := newRandom(seed)
				data := r.wire(kind.Descriptor(), 0)
				if message := compareDecoding(t, kind, data); message != nil {
					decoded++
					compareEncoding(t, message)
				}
				for range 3 {
					compareDecoding(t, kind, r.mutate(data))
				}
			}
			if decoded < seeds/10 && !endless(kind) {
				t.Errorf("%d of %d were messages", decoded, seeds)
			}
		})
	}
}

// endless reports whether a message that has all that it must have has no end.
func endless(kind protoreflect.MessageType) bool {
	return strings.Contains(string(kind.Descriptor().FullName()), "TestAllRequiredTypes")
}

// FuzzBytes tries the fuzzer's own bytes on a type.
func FuzzBytes(f *testing.F) {
	for k, kind := range types {
		for seed := range uint64(3) {
			f.Add(uint8(k), newRandom(seed).wire(kind.Descriptor(), 0))
		}
	}
	f.Fuzz(func(t *testing.T, k uint8, data []byte) {
		kind := types[int(k)%len(types)]
		if message := compareDecoding(t, kind, data); message != nil {
			compareEncoding(t, message)
		}
	})
}

// FuzzRandom lets the fuzzer choose seeds.
func FuzzRandom(f *testing.F) {
	f.Add(uint8(0), uint64(1))
	f.Fuzz(func(t *testing.T, k uint8, seed uint64) {
		kind, r := types[int(k)%len(types)], newRandom(seed)
		message := kind.New()
		r.message(message, 0)
		data := compareEncoding(t, message.Interface())
		if data == nil || r.chance(2) {
			data = r.wire(kind.Descriptor(), 0)
		}
		if message := compareDecoding(t, kind, data); message != nil {
			compareEncoding(t, message)
		}
		for range 4 {
			compareDecoding(t, kind, r.mutate(data))
		}
	})
}

// TestSoak tries random messages and bytes for as long as CODEC_SOAK says, and tells how many there were. It begins with
// other seeds each time.
//
//	CODEC_SOAK=10m go test -run Soak -timeout 0 -v ./codec
func TestSoak(t *testing.T) {
	duration, err := time.ParseDuration(cmp.Or(os.Getenv("CODEC_SOAK"), "0s"))
	if err != nil {
		t.Fatal(err)
	}
	if duration == 0 {
		t.Skip("CODEC_SOAK says for how long")
	}
	comparisons, end, first := 0, time.Now().Add(duration), rand.Uint64()
	for seed := first; time.Now().Before(end); seed++ {
		kind, r := types[rand.IntN(len(types))], newRandom(seed)
		message := kind.New()
		r.message(message, 0)
		data := compareEncoding(t, message.Interface())
		if data == nil || r.chance(2) {
			data = r.wire(kind.Descriptor(), 0)
		}
		if message := compareDecoding(t, kind, data); message != nil {
			compareEncoding(t, message)
		}
		for range 4 {
			compareDecoding(t, kind, r.mutate(data))
		}
		comparisons += 7
	}
	t.Logf("%d messages and inputs compared, from the seed %d on", comparisons, first)
}
