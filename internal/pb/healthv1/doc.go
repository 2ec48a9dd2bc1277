// SPDX-License-Identifier: Apache-2.0

// Package healthv1 has the messages of gRPC's health checking protocol.
package healthv1
