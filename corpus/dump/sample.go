// SPDX-License-Identifier: Apache-2.0

package main

// What the sample has: Envoy's services with all that they import, and of Google's APIs some that are large, old, or have
// streams.
import (
	_ "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/tap/v3"
	_ "google.golang.org/genproto/googleapis/actions/sdk/v2"
	_ "google.golang.org/genproto/googleapis/assistant/embedded/v1alpha2"
	_ "google.golang.org/genproto/googleapis/cloud/bigquery/v2"
	_ "google.golang.org/genproto/googleapis/cloud/mediatranslation/v1alpha1"
	_ "google.golang.org/genproto/googleapis/cloud/networkservices/v1"
	_ "google.golang.org/genproto/googleapis/cloud/texttospeech/v1beta1"
	_ "google.golang.org/genproto/googleapis/devtools/build/v1"
	_ "google.golang.org/genproto/googleapis/devtools/containeranalysis/v1beta1/vulnerability"
	_ "google.golang.org/genproto/googleapis/devtools/resultstore/v2"
	_ "google.golang.org/genproto/googleapis/example/library/v1"
	_ "google.golang.org/genproto/googleapis/genomics/v1"
	_ "google.golang.org/genproto/googleapis/iam/v1beta"
	_ "google.golang.org/genproto/googleapis/storage/v1"
	_ "google.golang.org/genproto/googleapis/storage/v2"
	_ "google.golang.org/genproto/googleapis/type/date_time_range"
	_ "google.golang.org/genproto/googleapis/type/localized_text"
	_ "google.golang.org/genproto/googleapis/type/postaladdress"
	_ "google.golang.org/genproto/googleapis/watcher/v1"
)
