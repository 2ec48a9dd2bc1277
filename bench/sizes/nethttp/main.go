// SPDX-License-Identifier: Apache-2.0

// Command nethttp is a small server whose binary is weighed: protobuf messages as bodies, nothing else.
package main

import (
	"io"
	"log"
	"net/http"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/bench/chargepb"
)

func main() {
	http.HandleFunc("POST /charge", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || proto.Unmarshal(body, new(chargepb.ChargeRequest)) != nil {
			http.Error(w, "not a ChargeRequest", http.StatusBadRequest)
			return
		}
		encoded, err := proto.Marshal(&chargepb.ChargeResponse{Status: chargepb.Status_STATUS_PAID})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(encoded)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:9090", nil))
}
