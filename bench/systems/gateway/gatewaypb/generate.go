// SPDX-License-Identifier: Apache-2.0

// Package gatewaypb is grpc-gateway's generated code for the service of edgepb.
package gatewaypb

//go:generate env GOWORK=off go -C ../../../../conformance run ./generate -import ../bench/edgepb:../bench/chargepb -package github.com/farcall/farcall/bench/systems/gateway/gatewaypb -out ../bench/systems/gateway/gatewaypb -plugins go-grpc,grpc-gateway edge.proto
