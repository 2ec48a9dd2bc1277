#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes this package's code from the .proto files of the suite's version that tools/go.mod pins.
set -eu
export GOWORK=off
path=connectrpc/conformance/v1
go -C ../../../tools mod download connectrpc.com/conformance
suite=$(go -C ../../../tools list -m -f '{{.Dir}}' connectrpc.com/conformance)/proto/$path
protos=$(mktemp -d)
trap 'rm -rf "$protos"' EXIT
mkdir -p "$protos/$path"
for name in config service server_compat client_compat; do # the suite's own cases are another file
	cat "$suite/$name.proto" >"$protos/$path/$name.proto"
done
go -C ../../../cmd run ./farcall generate "$protos/$path" -I "$protos" \
	--go-package github.com/farcall/farcall/conformance/suites/conformancepb --out ../conformance/suites/conformancepb
