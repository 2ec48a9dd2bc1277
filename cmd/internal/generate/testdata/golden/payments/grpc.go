// SPDX-License-Identifier: Apache-2.0

package payments

// What protoc-gen-go-grpc would declare beside our code: the package must still compile.
type (
	PaymentsClient              interface{}
	paymentsClient              struct{}
	PaymentsServer              interface{}
	UnimplementedPaymentsServer struct{}
	UnsafePaymentsServer        interface{}
)

func NewPaymentsClient() PaymentsClient       { return paymentsClient{} }
func RegisterPaymentsServer(_ PaymentsServer) {}
func _Payments_Charge_Handler()               {}

const Payments_Charge_FullMethodName = "/golden.payments.v1.Payments/Charge"

var Payments_ServiceDesc = struct{}{}
var _ = _Payments_Charge_Handler
