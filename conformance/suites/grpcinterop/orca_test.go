// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"iter"
	"sync"
	"time"

	orca "github.com/cncf/xds/go/xds/data/orca/v3"
	orcaservice "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/protobuf/proto"

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
