// SPDX-License-Identifier: Apache-2.0

//lint:file-ignore SA1019 tools in use still speak the deprecated version of the protocol, so the shop must answer it

package interop

import (
	"testing"

	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
)

func TestShopReflectionBeforeItWasStable(t *testing.T) {
	conn := grpcgoConn(t, shop(t, "payment"))
	ctx := within(t)
	older, err := grpc_reflection_v1alpha.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := older.Send(&grpc_reflection_v1alpha.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1alpha.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "shop.v1.Payments"},
	}); err != nil {
		t.Fatal(err)
	}
	if file, err := older.Recv(); err != nil || len(file.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("the file of shop.v1.Payments is %v, %v", file, err)
	}
}
