// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"strconv"

	"github.com/farcall/farcall/examples/shop/internal/bill"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/protobuf/proto"
)

// The sizes of a page.
const (
	usualPage   = 50
	largestPage = 500
	// pageBytes ends a page of large orders early: whoever asks takes 4 MiB unless told otherwise, and many who ask at once
	// should not fill the memory.
	pageBytes = 1 << 20
)

// ListOrders returns orders, the newest first, one page at a time. A page's token is the number of its last order, so
// that orders made meanwhile neither repeat nor hide one.
func (s *Service) ListOrders(ctx context.Context, req *shoppb.ListOrdersRequest) (*shoppb.ListOrdersResponse, error) {
	filter, err := checkList(req)
	if err != nil {
		return nil, err
	}
	page := filter.Most
	filter.Most++ // one more tells whether there is another page
	records, err := s.store.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	response := &shoppb.ListOrdersResponse{}
	bytes := 0
	for i, record := range records {
		bytes += proto.Size(record.Order)
		if i == page || i > 0 && bytes > pageBytes {
			response.NextPageToken = strconv.FormatInt(records[i-1].Number, 10)
			break
		}
		response.Orders = append(response.Orders, proto.CloneOf(record.Order))
	}
	return response, nil
}

func checkList(req *shoppb.ListOrdersRequest) (Filter, error) {
	var wrong bill.Violations
	filter := Filter{Customer: req.GetCustomer(), Status: req.GetStatus(), Most: min(int(req.GetPageSize()), largestPage)}
	switch {
	case req.GetPageSize() < 0:
		wrong.Add("page_size", "must not be negative, as %d is", req.GetPageSize())
	case req.GetPageSize() == 0:
		filter.Most = usualPage
	}
	if token := req.GetPageToken(); token != "" {
		number, err := strconv.ParseInt(token, 10, 64)
		if err != nil || number < 1 {
			wrong.Add("page_token", "must be the next_page_token of the page before, not %.40q", token)
		}
		filter.Before = number
	}
	return filter, wrong.Err()
}
