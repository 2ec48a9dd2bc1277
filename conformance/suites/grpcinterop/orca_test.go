// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	orca "github.com/cncf/xds/go/xds/data/orca/v3"
	orcaservice "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/suites/testingpb"
)

// Backends tell their load by ORCA (grpc/proposal A51): with each call's trailer, or as a stream of reports.

// orcaTrailer carries the report of one call.
const orcaTrailer = "endpoint-load-metrics-bin"

// reportMethod is the stream of reports.
var reportMethod = &farcall.Method{
	Path: "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics", Kind: farcall.KindServerStream,
	NewRequest:  func() proto.Message { return new(orcaservice.OrcaLoadReportRequest) },
	NewResponse: func() proto.Message { return new(orca.OrcaLoadReport) },
}

func orcaReport(report *testingpb.TestOrcaReport) *orca.OrcaLoadReport {
	return &orca.OrcaLoadReport{
		CpuUtilization: report.GetCpuUtilization(), MemUtilization: report.GetMemoryUtilization(),
		RequestCost: report.GetRequestCost(), Utilization: report.GetUtilization(),
	}
}

// load is what the server reports of itself.
type load struct {
	mu      sync.Mutex // guards what follows
	report  *orca.OrcaLoadReport
	changed chan struct{} // closed when there is another report
}

func newLoad() *load { return &load{report: &orca.OrcaLoadReport{}, changed: make(chan struct{})} }

func (l *load) set(report *orca.OrcaLoadReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report = report
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *load) get() (*orca.OrcaLoadReport, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.report, l.changed
}

// StreamCoreMetrics reports at once, whenever the load changes, and at the interval that the client asks for.
func (l *load) StreamCoreMetrics(ctx context.Context, request *orcaservice.OrcaLoadReportRequest) iter.Seq2[*orca.OrcaLoadReport, error] {
	return func(yield func(*orca.OrcaLoadReport, error) bool) {
		interval := time.NewTicker(max(request.GetReportInterval().AsDuration(), time.Second))
		defer interval.Stop()
		for {
			report, changed := l.get()
			if !yield(report, nil) {
				return
			}
			select {
			case <-changed:
			case <-interval.C:
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
	}
}

func (c *caller) orcaPerRPC(ctx context.Context) error {
	report := &testingpb.TestOrcaReport{
		CpuUtilization: 0.8210, MemoryUtilization: 0.5847,
		RequestCost: map[string]float64{"cost": 3456.32}, Utilization: map[string]float64{"util": 0.30499},
	}
	ctx, call := farcall.NewCall(ctx)
	if _, err := c.stub.UnaryCall(ctx, &testingpb.SimpleRequest{OrcaPerQueryReport: report}); err != nil {
		return err
	}
	got := &orca.OrcaLoadReport{}
	if err := proto.Unmarshal([]byte(call.ResponseTrailer().Get(orcaTrailer)), got); err != nil {
		return err
	}
	if want := orcaReport(report); !proto.Equal(got, want) {
		return fmt.Errorf("the report is %v, want %v", got, want)
	}
	return nil
}

func (c *caller) orcaOutOfBand(ctx context.Context) error {
	reports, err := farcall.OpenServerStream[orca.OrcaLoadReport](ctx, c.via, reportMethod,
		&orcaservice.OrcaLoadReportRequest{ReportInterval: durationpb.New(time.Second)})
	if err != nil {
		return err
	}
	defer reports.Close()
	stream, err := testingpb.OpenTestServiceFullDuplexCall(ctx, c.via)
	if err != nil {
		return err
	}
	defer stream.Close()
	for _, report := range []*testingpb.TestOrcaReport{
		{CpuUtilization: 0.8210, MemoryUtilization: 0.5847, Utilization: map[string]float64{"util": 0.30499}},
		{CpuUtilization: 0.29309, MemoryUtilization: 0.2, Utilization: map[string]float64{"util": 0.2039}},
	} {
		request := asking(1, 0)
		request.OrcaOobReport = report
		if err := stream.Send(request); err != nil {
			return err
		}
		if _, err := stream.Receive(); err != nil {
			return err
		}
		for got := (*orca.OrcaLoadReport)(nil); !proto.Equal(got, orcaReport(report)); {
			if got, err = reports.Receive(); err != nil {
				return err
			}
		}
	}
	return nil
}
