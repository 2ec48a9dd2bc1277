// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// listen returns a listener on an address as ListenAndServe takes it. Unix sockets are named as a client's target names
// them (grpc/grpc doc/naming.md).
func listen(address string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		if scheme, _, ok := strings.Cut(address, "://"); ok {
			return nil, fmt.Errorf("%s:// is not known here: host:port and unix:///path/of/socket are", scheme)
		}
		return net.Listen("tcp", address)
	}
	if path, isUnix = strings.CutPrefix(path, "//"); isUnix && !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("it names a host: unix:///%s, with three slashes, is the path of a socket", path)
	}
	if path == "" {
		return nil, errors.New("it names no socket: unix:///path/of/socket is expected")
	}
	listener, err := net.Listen("unix", path)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		if err := removeStale(path); err != nil {
			return nil, err
		}
		return net.Listen("unix", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("is there a directory %s? %w", filepath.Dir(path), err)
	case errors.Is(err, syscall.EINVAL):
		return nil, fmt.Errorf("is the path longer than the system takes (about 100 bytes)? %w", err)
	}
	return listener, err
}

// removeStale removes the socket of a server that has ended without removing it: nobody accepts connections on it. What is
// no socket, or is another server's, stays.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is no socket: remove it, or choose another path", path)
	}
	nc, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		nc.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("a server is listening on %s already: is this one started twice?", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("a server that has ended has left its socket: %w", err)
	}
	return nil
}
