// SPDX-License-Identifier: Apache-2.0

//go:build !race

package transcode_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall/transcode"
)

// The race detector makes pools forget what they hold, so these tests are not for it.

func TestAppendMessageAllocations(t *testing.T) {
	texts := map[string]string{
		"everything but Any": appendJSON(t, withoutAny(t), transcode.Options{}),
		"50 items":           `{"items":[{"sku":"é"}` + strings.Repeat(`,{"sku":"a\n","quantity":1e2}`, 49) + `]}`,
	}
	for name, text := range texts {
		c, room, data := transcode.New(newOrder().Descriptor(), transcode.Options{}), make([]byte, 0, 8192), []byte(text)
		if allocations := testing.AllocsPerRun(100, func() { _, _ = c.AppendMessage(room, data) }); allocations >= 1 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

func TestAppendJSONAllocations(t *testing.T) {
	order := newOrder()
	items := order.Mutable(orderField("items")).List()
	for range 50 {
		item := items.NewElement()
		item.Message().Set(item.Message().Descriptor().Fields().ByName("sku"), protoreflect.ValueOfString("sku"))
		items.Append(item)
	}
	for name, encoded := range map[string][]byte{"everything but Any": withoutAny(t), "50 items": marshal(t, order)} {
		c, room := transcode.New(order.Descriptor(), transcode.Options{}), make([]byte, 0, 8192)
		if allocations := testing.AllocsPerRun(100, func() { _, _ = c.AppendJSON(room, encoded) }); allocations >= 1 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}
