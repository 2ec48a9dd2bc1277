// SPDX-License-Identifier: Apache-2.0

// Command bench measures farcall beside its peers: a client and a server process for each system, all on this machine,
// taking turns.
//
//	go run . quick      the rows that the work on speed is steered by, in three minutes
//	go run . compare    what its flags say, with profiles if wanted: for work on one thing
//	go run . run        everything, in about 45 minutes (with -short in ten); writes results/
//	go run . explain    where the CPU of a call goes, by layers, from profiles of the loads that goals are about; two minutes
//	go run . page       the pages anew from the results that are there
//
// Every system of a section is started once. Then the systems take turns, round after round, so that what disturbs the
// machine disturbs all of them; ratios are taken within a round.
//
// What is measured stands in plan/. To add a system, write a program in systems/ and name it there; to add a load, write
// it in harness/load.go. The goals stand in outcome/goal.go, and what a profile's samples count for in attribution/.
package main
