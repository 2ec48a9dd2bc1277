// SPDX-License-Identifier: Apache-2.0

// Package otherpb has what the other packages import.
package otherpb
