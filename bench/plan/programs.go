// SPDX-License-Identifier: Apache-2.0

package plan

import "slices"

// Program is a folder of systems/, and the systems that it contains.
type Program struct {
	Folder  string
	Systems []string
	// Build is the command that builds it, run in its folder with the name of the output as a further argument. Empty: it is
	// a package of this module.
	Build []string
	// Optional programs are left out where they cannot be built, and the report says so.
	Optional bool
}

// Programs are all that can be started.
var Programs = []Program{
	{Folder: "farcall", Systems: []string{Subject}},
	{Folder: "grpcgo", Systems: []string{Baseline}},
	{Folder: "floor", Systems: []string{Floor}},
	{Folder: "httpjson", Systems: []string{HTTPJSON}},
	{Folder: "restclient", Systems: []string{REST}},
}

// FindProgram returns the program that contains a system.
func FindProgram(system string) (Program, bool) {
	at := slices.IndexFunc(Programs, func(p Program) bool { return slices.Contains(p.Systems, system) })
	if at < 0 {
		return Program{}, false
	}
	return Programs[at], true
}

// SystemNames returns the names of all systems but the REST client, which has no server.
func SystemNames() []string {
	var names []string
	for _, p := range Programs {
		for _, name := range p.Systems {
			if name != REST {
				names = append(names, name)
			}
		}
	}
	return names
}

// AllSystems returns the names of all systems.
func AllSystems() []string { return append(SystemNames(), REST) }
