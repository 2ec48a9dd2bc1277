// SPDX-License-Identifier: Apache-2.0

package transcode

// Walk goes through the members of a JSON text that a Converter has accepted, in their order.
//
//	walk := transcode.NewWalk(text)
//	if walk.Open() {
//		for name, ok := walk.Next(); ok; name, ok = walk.Next() {
//			walk.Pass() // or Open, and the members of the object in it
//		}
//	}
//
// Of a text that is no JSON it sees what comes before the fault.
type Walk struct {
	reader reader
	within bool // behind a member of an object
}

// NewWalk returns a Walk that stands before the text's value.
func NewWalk(text []byte) *Walk { return &Walk{reader: reader{data: text}} }

// Open goes into the value ahead if it is an object, and reports whether it is.
func (w *Walk) Open() bool {
	if w.reader.peek() != '{' {
		return false
	}
	w.reader.i++
	w.within = false
	return true
}

// Next returns the name of the object's next member, and stands before its value. At the object's end it returns false, and
// stands behind it.
func (w *Walk) Next() (name string, ok bool) {
	if w.reader.peek() == '}' {
		w.reader.i++
		w.within = true // of the object around it
		return "", false
	}
	if w.within {
		if w.reader.peek() != ',' {
			return "", false
		}
		w.reader.i++
	}
	if w.reader.peek() != '"' {
		return "", false
	}
	text, ok := w.reader.string()
	if !ok || !w.reader.colon() {
		return "", false
	}
	w.within = true
	return string(text), true
}

// Pass goes past the value ahead, whatever it is.
func (w *Walk) Pass() {
	if !w.reader.skip(maxDepth) {
		w.reader.i = len(w.reader.data)
	}
}
