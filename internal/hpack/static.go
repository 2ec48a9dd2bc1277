// SPDX-License-Identifier: Apache-2.0

package hpack

import "github.com/farcall/farcall/internal/exchange"

const staticEntries = 61

// staticTable is the table that everybody has, from index 1 (RFC 7541 appendix A). Entries of one name stand together.
var staticTable = [staticEntries + 1]exchange.Field{
	1:  {Name: ":authority"},
	2:  {Name: ":method", Value: "GET"},
	3:  {Name: ":method", Value: "POST"},
	4:  {Name: ":path", Value: "/"},
	5:  {Name: ":path", Value: "/index.html"},
	6:  {Name: ":scheme", Value: "http"},
	7:  {Name: ":scheme", Value: "https"},
	8:  {Name: ":status", Value: "200"},
	9:  {Name: ":status", Value: "204"},
	10: {Name: ":status", Value: "206"},
	11: {Name: ":status", Value: "304"},
	12: {Name: ":status", Value: "400"},
	13: {Name: ":status", Value: "404"},
	14: {Name: ":status", Value: "500"},
	15: {Name: "accept-charset"},
	16: {Name: "accept-encoding", Value: "gzip, deflate"},
	17: {Name: "accept-language"},
	18: {Name: "accept-ranges"},
	19: {Name: "accept"},
	20: {Name: "access-control-allow-origin"},
	21: {Name: "age"},
	22: {Name: "allow"},
	23: {Name: "authorization"},
	24: {Name: "cache-control"},
	25: {Name: "content-disposition"},
	26: {Name: "content-encoding"},
	27: {Name: "content-language"},
	28: {Name: "content-length"},
	29: {Name: "content-location"},
	30: {Name: "content-range"},
	31: {Name: "content-type"},
	32: {Name: "cookie"},
	33: {Name: "date"},
	34: {Name: "etag"},
	35: {Name: "expect"},
	36: {Name: "expires"},
	37: {Name: "from"},
	38: {Name: "host"},
	39: {Name: "if-match"},
	40: {Name: "if-modified-since"},
	41: {Name: "if-none-match"},
	42: {Name: "if-range"},
	43: {Name: "if-unmodified-since"},
	44: {Name: "last-modified"},
	45: {Name: "link"},
	46: {Name: "location"},
	47: {Name: "max-forwards"},
	48: {Name: "proxy-authenticate"},
	49: {Name: "proxy-authorization"},
	50: {Name: "range"},
	51: {Name: "referer"},
	52: {Name: "refresh"},
	53: {Name: "retry-after"},
	54: {Name: "server"},
	55: {Name: "set-cookie"},
	56: {Name: "strict-transport-security"},
	57: {Name: "transfer-encoding"},
	58: {Name: "user-agent"},
	59: {Name: "vary"},
	60: {Name: "via"},
	61: {Name: "www-authenticate"},
}

// staticNames finds the first entry of a name: a hash table with open addressing, 0 for an empty slot. It is several
// times faster than a map, and asked for every field that is sent.
var staticNames = func() (slots [128]uint8) {
	for i := staticEntries; i > 0; i-- { // downwards, so that the first entry of a name is the one that stays
		slot := nameHash(staticTable[i].Name) % uint32(len(slots))
		for slots[slot] != 0 && staticTable[slots[slot]].Name != staticTable[i].Name {
			slot = (slot + 1) % uint32(len(slots))
		}
		slots[slot] = uint8(i)
	}
	return slots
}()

// nameHash tells header names apart by their length and a few of their bytes.
func nameHash[Name string | []byte](name Name) uint32 {
	n := len(name)
	if n == 0 {
		return 0
	}
	return uint32(n)*31 + uint32(name[0])*7 + uint32(name[n-1])*131 + uint32(name[n/2])*17
}

// staticName returns the first index of name in the static table, 0 if it is not there.
func staticName(name string) int {
	for slot := nameHash(name) % uint32(len(staticNames)); staticNames[slot] != 0; slot = (slot + 1) % uint32(len(staticNames)) {
		if i := int(staticNames[slot]); staticTable[i].Name == name {
			return i
		}
	}
	return 0
}

// staticField returns the index of the static entry with this name and value, or else the first of the name, or else 0.
func staticField(name, value string) (index int, exact bool) {
	first := staticName(name)
	if first == 0 {
		return 0, false
	}
	for i := first; i <= staticEntries && staticTable[i].Name == name; i++ {
		if staticTable[i].Value == value {
			return i, true
		}
	}
	return first, false
}
