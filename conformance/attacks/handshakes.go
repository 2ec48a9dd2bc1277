// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"
)

var handshakes = family{"connections that never come to a request", []attack{
	{
		name: "half-open", about: "connects and says nothing", each: 20, least: 20,
		run: func(ctx context.Context, nc net.Conn, _ int) error { return hold(ctx, nc) },
	},
	{
		name: "slow-preface", about: "says the preface a byte at a time", each: 20, least: 20,
		run: func(ctx context.Context, nc net.Conn, _ int) error {
			return dribble(ctx, nc, []byte(http2.ClientPreface))
		},
	},
	{
		name: "no-settings", variant: true, about: "says the preface and then nothing", each: 20, least: 20,
		run: func(ctx context.Context, nc net.Conn, _ int) error {
			if _, err := io.WriteString(nc, http2.ClientPreface); err != nil {
				return err
			}
			return hold(ctx, nc)
		},
	},
	{
		name: "slow-tls", about: "says TLS's first record a byte at a time", secure: true, each: 20, least: 20,
		run: func(ctx context.Context, nc net.Conn, _ int) error { return dribble(ctx, nc, clientHello()) },
	},
	{
		name: "tls-flood", about: "begins TLS, which makes the server sign, and leaves", secure: true,
		run: func(_ context.Context, nc net.Conn, _ int) error {
			if _, err := nc.Write(clientHello()); err != nil {
				return err
			}
			if _, err := nc.Read(make([]byte, 1)); err != nil {
				return err
			}
			return errLeave
		},
	},
	{
		name: "connect-flood", variant: true, about: "connects, says the preface and SETTINGS, and leaves",
		run: func(_ context.Context, nc net.Conn, _ int) error {
			if _, err := nc.Write(newHostile(nil).out.Bytes()); err != nil {
				return err
			}
			return errLeave
		},
	},
}}

// hold waits for the end of the connection.
func hold(ctx context.Context, nc net.Conn) error {
	_, err := io.Copy(io.Discard, nc)
	if ctx.Err() != nil {
		return errLeave
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

// dribble sends b a byte at a time, and takes all the time that the server gives it.
func dribble(ctx context.Context, nc net.Conn, b []byte) error {
	const interval = 250 * time.Millisecond
	for i := range b[:len(b)-1] {
		if _, err := nc.Write(b[i : i+1]); err != nil {
			return err
		}
		if !pause(ctx, interval) {
			return errLeave
		}
	}
	return hold(ctx, nc)
}

// clientHello is what a client of TLS says first.
func clientHello() []byte {
	said := &recorder{}
	_ = tls.Client(said, &tls.Config{ServerName: "localhost", NextProtos: []string{"h2"}}).Handshake() // ends where the answer is due
	return said.bytes
}

// recorder is a connection that keeps what is written and has nothing to read.
type recorder struct {
	net.Conn
	bytes []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.bytes = append(r.bytes, b...)
	return len(b), nil
}

func (*recorder) Read([]byte) (int, error) { return 0, io.EOF }

func (*recorder) Close() error { return nil }
