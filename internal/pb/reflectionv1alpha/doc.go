// SPDX-License-Identifier: Apache-2.0

// Package reflectionv1alpha has the messages of gRPC's server reflection protocol as it was before version 1.
package reflectionv1alpha
