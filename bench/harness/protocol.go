// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"encoding/json"
	"errors"
	"io"
	"time"
)

// The conductor talks to the processes over their standard input and output, a JSON value a line: first the process says
// that it is ready, then it answers commands until its standard input ends.

// Ready is what a process says first. A client says it once its first call has been answered.
type Ready struct {
	Address  string            `json:"address,omitempty"` // a server's
	Settings string            `json:"settings,omitempty"`
	Versions map[string]string `json:"versions,omitempty"` // of the modules that carry the calls
}

// What a process can be told to do.
const (
	DoLoad    = "load"    // clients: play a load
	DoUsage   = "usage"   // all: what has been consumed
	DoMemory  = "memory"  // all: what is held
	DoConnect = "connect" // clients: open so many more connections and make a call on each
)

// Command is what the conductor says.
type Command struct {
	Do       string        `json:"do"`
	Load     string        `json:"load,omitempty"`
	InFlight int           `json:"in_flight,omitempty"`
	Lasting  time.Duration `json:"lasting,omitempty"`
	// Rate makes it an open loop of so many calls a second; Seed chooses their moments.
	Rate        float64 `json:"rate,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`
	Connections int     `json:"connections,omitempty"`
}

// Report is the answer.
type Report struct {
	Usage     Usage         `json:"usage"` // of a load: during it; else since the process began
	Units     int64         `json:"units,omitempty"`
	Took      time.Duration `json:"took,omitempty"`
	Offered   int64         `json:"offered,omitempty"` // an open loop's calls that were due
	Latencies Latencies     `json:"latencies,omitzero"`
	Lateness  Latencies     `json:"lateness,omitzero"` // of an open loop's pacer: part of the latencies
	Memory    Memory        `json:"memory,omitzero"`
	Error     string        `json:"error,omitempty"`
}

// Obey is the life of a process after its start: it says that it is ready, then answers commands until in ends.
func Obey(in io.Reader, out io.Writer, hello Ready, answer func(Command) (Report, error)) error {
	encoder := json.NewEncoder(out)
	if err := encoder.Encode(hello); err != nil {
		return err
	}
	for decoder := json.NewDecoder(in); ; {
		var order Command
		if err := decoder.Decode(&order); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		reply, err := answer(order)
		if err != nil {
			reply = Report{Error: err.Error()}
		}
		if err := encoder.Encode(reply); err != nil {
			return err
		}
	}
}
