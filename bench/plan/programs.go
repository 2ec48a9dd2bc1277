// SPDX-License-Identifier: Apache-2.0

package plan

import "slices"

// Program is a folder of systems/, and the systems that it contains.
type Program struct {
	Folder  string
	Systems []string
	// Tags are for the go command, where it is a package of this module.
	Tags string
	// Build is the command that builds it, run in its folder with the name of the output as a further argument. Empty: it is
	// a package of this module.
	Build []string
	// Profiled is the system whose program, profiled, says how this one is optimized (go build -pgo); "" for none.
	Profiled string
	// Optional programs are left out where they cannot be built, and the report says so.
	Optional bool
}

// Programs are all that can be started.
var Programs = []Program{
	{Folder: "farcall", Systems: []string{Subject}},
	{Folder: "grpcgo", Systems: []string{Baseline}},
	{Folder: "floor", Systems: []string{Floor}},
	{Folder: "httpjson", Systems: []string{HTTPJSON}},
	{Folder: "connect", Systems: []string{ConnectGRPC, Connect}},
	{Folder: "drpc", Systems: []string{DRPC}},
	{Folder: "kitex", Systems: []string{Kitex}, Optional: true,
		Build: []string{"go", "build", "-tags=kitex", "-ldflags=-checklinkname=0", "-o"}},
	{Folder: "cpp", Systems: []string{CPlusPlus}, Optional: true, Build: []string{"./build"}},
	{Folder: "gateway", Systems: []string{Gateway}},
	{Folder: "vanguard", Systems: []string{Vanguard}},
	{Folder: "restclient", Systems: []string{REST}},
	{Folder: "farcall", Systems: []string{Unyielding}, Tags: "farcall_noyield"},
	{Folder: "farcall", Systems: []string{SubjectPGO}, Profiled: Subject},
	{Folder: "grpcgo", Systems: []string{BaselinePGO}, Profiled: Baseline},
}

// Name returns the name of the program's file.
func (p Program) Name() string {
	switch {
	case p.Tags != "":
		return p.Folder + "-" + p.Tags
	case p.Profiled != "":
		return p.Folder + WithPGO
	}
	return p.Folder
}

// FindProgram returns the program that contains a system.
func FindProgram(system string) (Program, bool) {
	at := slices.IndexFunc(Programs, func(p Program) bool { return slices.Contains(p.Systems, system) })
	if at < 0 {
		return Program{}, false
	}
	return Programs[at], true
}

// AllSystems returns the names of all systems.
func AllSystems() []string {
	var names []string
	for _, p := range Programs {
		names = append(names, p.Systems...)
	}
	return names
}

// CallingSystems returns the names of the systems that have a server and a client.
func CallingSystems() []string {
	return slices.DeleteFunc(AllSystems(), func(name string) bool { return name == REST || name == Gateway || name == Vanguard })
}
