// SPDX-License-Identifier: Apache-2.0

//go:build race

package main

// raceDetector says that the commands under test are to be built with it, as the tests are.
const raceDetector = true
