// SPDX-License-Identifier: Apache-2.0

// Package protoreflect stands in for the real one: the analyzer knows the interface by its name.
package protoreflect

type Message interface{ IsValid() bool }
