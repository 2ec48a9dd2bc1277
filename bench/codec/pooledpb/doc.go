// SPDX-License-Identifier: Apache-2.0

// Package pooledpb has the messages of the benchmark with the methods of vtprotobuf that take messages from pools.
package pooledpb
