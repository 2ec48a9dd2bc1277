// SPDX-License-Identifier: Apache-2.0

// Package reflectionv1 has the messages of gRPC's server reflection protocol, version 1.
package reflectionv1
