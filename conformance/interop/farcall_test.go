// SPDX-License-Identifier: Apache-2.0

package interop

var sides = []side{grpcgo}
