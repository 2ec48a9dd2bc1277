// SPDX-License-Identifier: Apache-2.0

// Package soak puts clients and a server under full load for a long time, with random cancels, deadlines and reconnects, and
// checks every payload. In the end no answer is lost or wrong, and the number of goroutines and the heap are where they began.
//
// make soak runs it for SOAKTIME (10 minutes), half of it with both ends in one process and half in two; as a test it takes
// seconds.
package soak
