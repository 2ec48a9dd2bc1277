module github.com/farcall/farcall/bench/codec

go 1.26.0

replace github.com/farcall/farcall => ../../

require (
	github.com/farcall/farcall v0.0.0-00010101000000-000000000000
	github.com/planetscale/vtprotobuf v0.6.0
	google.golang.org/protobuf v1.36.12
)

tool (
	github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto
	google.golang.org/protobuf/cmd/protoc-gen-go
)
