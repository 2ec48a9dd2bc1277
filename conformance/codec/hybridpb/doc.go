// SPDX-License-Identifier: Apache-2.0

// Package hybridpb has messages of an edition with the hybrid API.
package hybridpb
