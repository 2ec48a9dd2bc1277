// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// codeDigits are the values of grpc-status.
var codeDigits = [...]string{
	"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
}

// appendStatus appends grpc-status and, of a failure, grpc-message and grpc-status-details-bin. A nil failure is OK.
func appendStatus(dst []exchange.Field, failure *farcall.Error) []exchange.Field {
	if failure == nil {
		return append(dst, exchange.Field{Name: fieldGRPCStatus, Value: "0"})
	}
	failure = farcall.AsError(failure) // OK as an error is INTERNAL
	message, details := failure.Message, ""
	if len(failure.Details) > 0 {
		var err error
		if details, err = encodeDetails(failure); err != nil {
			message = fmt.Sprintf("%s (the details could not be encoded: %v)", message, err)
		}
	}
	digits := ""
	if int(failure.Code) < len(codeDigits) {
		digits = codeDigits[failure.Code]
	} else {
		digits = strconv.FormatUint(uint64(failure.Code), 10)
	}
	dst = append(dst, exchange.Field{Name: fieldGRPCStatus, Value: digits})
	if message != "" {
		dst = append(dst, exchange.Field{Name: fieldGRPCMessage, Value: EncodeStatusMessage(message)})
	}
	if details != "" {
		dst = append(dst, exchange.Field{Name: fieldDetails, Value: details})
	}
	return dst
}

// encodeDetails returns the value of grpc-status-details-bin: the whole status as a google.rpc.Status.
func encodeDetails(failure *farcall.Error) (string, error) {
	encoded, err := proto.Marshal(&status.Status{
		Code:    int32(failure.Code),
		Message: strings.ToValidUTF8(failure.Message, "\uFFFD"), // as in grpc-message
		Details: failure.Details,
	})
	if err != nil {
		return "", err
	}
	return encodeBinary(string(encoded)), nil
}

// receivedStatus is the status as its fields say it.
type receivedStatus struct {
	present                bool
	code, message, details string
	detailFields           int
}

// failure returns the error that the status stands for, nil for OK.
func (s *receivedStatus) failure() error {
	if s.code == "0" {
		return nil
	}
	message := DecodeStatusMessage(s.message)
	number, err := strconv.ParseUint(s.code, 10, 32)
	if err != nil || number >= uint64(len(codeDigits)) {
		return farcall.Errorf(farcall.Unknown, "the server sent grpc-status %q, which is not a code of gRPC, with the message %q", clip(s.code), message)
	}
	if number == 0 { // "00"
		return nil
	}
	failure := &farcall.Error{Code: farcall.Code(number), Message: message}
	if detailed := s.decodeDetails(); detailed != nil && detailed.Code == int32(number) {
		failure.Details = detailed.Details
		if detailed.Message != "" {
			failure.Message = detailed.Message
		}
	}
	return failure
}

// decodeDetails returns the google.rpc.Status of grpc-status-details-bin, nil if there is none, or several, or it cannot
// be read: grpc-status alone decides then, since details are an extra that must not turn one failure into another.
func (s *receivedStatus) decodeDetails() *status.Status {
	if s.detailFields != 1 {
		return nil
	}
	encoded, ok := decodeBinary(s.details)
	if !ok {
		return nil
	}
	var detailed status.Status
	if proto.Unmarshal([]byte(encoded), &detailed) != nil {
		return nil
	}
	return &detailed
}
