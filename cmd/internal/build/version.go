// SPDX-License-Identifier: Apache-2.0

// Package build says which build of the commands this is.
package build

import "runtime/debug"

// Version returns the version of the module that this program was built from, "(devel)" for a work tree.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// Dependency returns the version of the module at path that this program is built with, "(unknown)" if there is none.
func Dependency(path string) string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range info.Deps {
			if module.Path == path {
				return module.Version
			}
		}
	}
	return "(unknown)"
}
