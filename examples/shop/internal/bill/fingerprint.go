// SPDX-License-Identifier: Apache-2.0

package bill

import (
	"crypto/sha256"

	"github.com/farcall/farcall"
	"google.golang.org/protobuf/proto"
)

// Fingerprint returns a number that is the same for equal requests only: an idempotency key is kept with it, and not
// with the request, which has the card's token.
func Fingerprint(request proto.Message) ([sha256.Size]byte, error) {
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return [sha256.Size]byte{}, farcall.Errorf(farcall.Internal, "the request's fingerprint: %w", err)
	}
	return sha256.Sum256(encoded), nil
}
