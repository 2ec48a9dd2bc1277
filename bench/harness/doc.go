// SPDX-License-Identifier: Apache-2.0

// Package harness is what runs inside the processes that are measured: the service, the loads, the clock and the counters
// are the same for every system, and a system brings nothing but the way of a call. A program of bench/systems is a main
// function that names its System; the program in bench starts it as server, as edge and as client, and tells it what to do.
package harness
