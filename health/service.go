// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/pb/healthv1"
)

// mostListed is how many services List returns at most; the protocol sets it.
const mostListed = 100

// The methods of grpc.health.v1.Health.
var (
	checkMethod = &farcall.Method{
		Path:        "/grpc.health.v1.Health/Check",
		Kind:        farcall.KindUnary,
		Idempotency: farcall.NoSideEffects,
		Descriptor:  func() protoreflect.MethodDescriptor { return methods().ByName("Check") },
		NewRequest:  func() proto.Message { return new(healthv1.HealthCheckRequest) },
		NewResponse: func() proto.Message { return new(healthv1.HealthCheckResponse) },
	}
	listMethod = &farcall.Method{
		Path:        "/grpc.health.v1.Health/List",
		Kind:        farcall.KindUnary,
		Idempotency: farcall.NoSideEffects,
		Descriptor:  func() protoreflect.MethodDescriptor { return methods().ByName("List") },
		NewRequest:  func() proto.Message { return new(healthv1.HealthListRequest) },
		NewResponse: func() proto.Message { return new(healthv1.HealthListResponse) },
	}
	watchMethod = &farcall.Method{
		Path:        "/grpc.health.v1.Health/Watch",
		Kind:        farcall.KindServerStream,
		Descriptor:  func() protoreflect.MethodDescriptor { return methods().ByName("Watch") },
		NewRequest:  func() proto.Message { return new(healthv1.HealthCheckRequest) },
		NewResponse: func() proto.Message { return new(healthv1.HealthCheckResponse) },
	}
)

func methods() protoreflect.MethodDescriptors {
	return healthv1.File_grpc_health_v1_health_proto.Services().ByName("Health").Methods()
}

// Check asks a server for the status of a service; "" is the server as a whole. A service that the server has no status
// for is ServiceUnknown, without an error. Give ctx a deadline: a server that does not answer is not healthy either.
func Check(ctx context.Context, via farcall.Invoker, service string) (Status, error) {
	request := &healthv1.HealthCheckRequest{Service: service}
	response, err := farcall.InvokeUnary[healthv1.HealthCheckResponse](ctx, via, checkMethod, request)
	if farcall.CodeOf(err) == farcall.NotFound {
		return ServiceUnknown, nil
	}
	if err != nil {
		return Unknown, err
	}
	return Status(response.GetStatus()), nil
}

func (s *Server) check(_ context.Context, request *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	status := s.Status(request.GetService())
	if status == ServiceUnknown {
		return nil, farcall.Errorf(farcall.NotFound, "no health status was set for the service %q", request.GetService())
	}
	return answer(status), nil
}

func (s *Server) list(context.Context, *healthv1.HealthListRequest) (*healthv1.HealthListResponse, error) {
	statuses := s.all()
	if len(statuses) > mostListed {
		return nil, farcall.Errorf(farcall.ResourceExhausted,
			"%d services have a health status and List returns at most %d: use Check", len(statuses), mostListed)
	}
	response := &healthv1.HealthListResponse{Statuses: make(map[string]*healthv1.HealthCheckResponse, len(statuses))}
	for service, status := range statuses {
		response.Statuses[service] = answer(status)
	}
	return response, nil
}

// watch sends the service's status and then every change. A receiver that is slower than the changes gets the latest.
func (s *Server) watch(ctx context.Context, stream farcall.Stream) error {
	request := new(healthv1.HealthCheckRequest)
	if err := stream.Receive(request); err != nil {
		return err
	}
	service := request.GetService()
	w, stop := s.begin(service)
	defer stop()
	sent := Status(-1) // nothing yet
	for {
		status, last := s.look(service)
		if status != sent {
			if err := stream.Send(answer(status)); err != nil {
				return err
			}
			sent = status
		}
		if last {
			return farcall.Errorf(farcall.Unavailable, "the server is shutting down")
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func answer(status Status) *healthv1.HealthCheckResponse {
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_ServingStatus(status)}
}
