// SPDX-License-Identifier: Apache-2.0

// Package gettingstarted tests docs/getting-started.md by doing what it says, word by word, in an empty folder. The
// project's modules come from a module proxy made from the work tree, as a release would put them there. The README's two
// ends, and its section "Use it", are tried beside the work tree.
//
// The go command does not see that the outcome depends on files outside this module: run it with -count=1, as make test
// does.
package gettingstarted
