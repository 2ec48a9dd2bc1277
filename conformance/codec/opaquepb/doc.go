// SPDX-License-Identifier: Apache-2.0

// Package opaquepb has messages of an edition with the opaque API.
package opaquepb
