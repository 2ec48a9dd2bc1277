module github.com/farcall/farcall/examples

go 1.26.0

replace github.com/farcall/farcall => ../

require (
	github.com/farcall/farcall v0.0.0
	google.golang.org/genproto/googleapis/api v0.0.0-20261019180522-ce908d29299b
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261019180522-ce908d29299b
	google.golang.org/protobuf v1.36.12
)

require go.uber.org/goleak v1.3.0

require (
	github.com/coder/websocket v1.8.15 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
)
