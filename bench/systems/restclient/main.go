// SPDX-License-Identifier: Apache-2.0

// Command restclient is the client of every edge.
package main

import "github.com/farcall/farcall/bench/harness"

func main() { harness.Main(harness.RESTClient) }
