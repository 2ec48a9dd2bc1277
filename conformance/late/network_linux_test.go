// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// network is two network namespaces of the test's own with a cable between them, the client's and the server's. They have no
// name, and end with their files. Rules of nftables make them drop what comes in, without a word to anybody.
type network struct {
	client, server *namespace
}

const (
	clientAddress = "10.9.8.1"
	serverAddress = "10.9.8.2"
)

// newNetwork makes a network, which takes root, iproute2 and nftables.
func newNetwork(t *testing.T) *network {
	t.Helper()
	if os.Getuid() != 0 {
		lacks(t, "root")
	}
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			lacks(t, program+", which 'make install' installs")
		}
	}
	n := &network{client: newNamespace(t), server: newNamespace(t)}
	for _, command := range []string{
		"ip link set lo up",
		"ip link add cable type veth peer name cable netns /proc/self/fd/3",
		"ip address add " + clientAddress + "/24 dev cable",
		"ip link set cable up",
	} {
		n.client.run(t, n.server.file, command, "")
	}
	for _, command := range []string{"ip link set lo up", "ip address add " + serverAddress + "/24 dev cable", "ip link set cable up"} {
		n.server.run(t, nil, command, "")
	}
	return n
}

// lacks ends a test for which the machine lacks something: it is skipped, and fails where CI is set.
func lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("network namespaces need %s, and with CI set that is a failure", what)
	}
	t.Skipf("network namespaces need %s", what)
}

// drop makes both ends drop what matches: "" is everything.
func (n *network) drop(t *testing.T, what string) {
	t.Helper()
	n.client.drop(t, what)
	n.server.drop(t, what)
}

// heal lets everything through again.
func (n *network) heal(t *testing.T) {
	t.Helper()
	for _, end := range []*namespace{n.client, n.server} {
		end.run(t, nil, "nft flush ruleset", "")
	}
}

// listen listens in the server's namespace.
func (n *network) listen(t *testing.T) net.Listener {
	t.Helper()
	var listener net.Listener
	err := n.server.do(func() (err error) {
		config := net.ListenConfig{KeepAliveConfig: briskKeepalive}
		listener, err = config.Listen(t.Context(), "tcp", serverAddress+":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// dial is a client's Dialer in the client's namespace.
func (n *network) dial(ctx context.Context, network, address string) (nc net.Conn, err error) {
	failure := n.client.do(func() error {
		nc, err = (&net.Dialer{KeepAliveConfig: briskKeepalive}).DialContext(ctx, network, address)
		return nil
	})
	if failure != nil {
		return nil, failure
	}
	return nc, err
}

// briskKeepalive makes TCP ask after a second without a packet. Go's own default is 15 seconds.
var briskKeepalive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 9}

// namespace is one end of a network.
type namespace struct{ file *os.File }

func newNamespace(t *testing.T) *namespace {
	t.Helper()
	made := make(chan *os.File)
	failed := make(chan error)
	go func() { // its thread, which is in the namespace, ends with it
		runtime.LockOSThread()
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			failed <- err
			return
		}
		file, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", syscall.Gettid()))
		if err != nil {
			failed <- err
			return
		}
		made <- file
	}()
	select {
	case file := <-made:
		t.Cleanup(func() { file.Close() })
		return &namespace{file}
	case err := <-failed:
		lacks(t, fmt.Sprintf("the right to make them: %v", err))
		return nil
	}
}

// do runs f in the namespace: on a thread of its own, so f must not leave work to other goroutines.
func (n *namespace) do(f func() error) error {
	done := make(chan error)
	go func() { // its thread ends with it
		runtime.LockOSThread()
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// run runs a command in the namespace. other is its file descriptor 3, if it is not nil.
func (n *namespace) run(t *testing.T, other *os.File, command, input string) {
	t.Helper()
	fields := strings.Fields(command)
	program := exec.CommandContext(t.Context(), fields[0], fields[1:]...)
	program.Stdin = strings.NewReader(input)
	if other != nil {
		program.ExtraFiles = []*os.File{other}
	}
	var output []byte
	if err := n.do(func() (err error) { output, err = program.CombinedOutput(); return err }); err != nil {
		t.Fatalf("%s %s: %v\n%s", command, input, err, output)
	}
}

// drop makes the namespace drop what comes in and matches.
func (n *namespace) drop(t *testing.T, what string) {
	t.Helper()
	n.run(t, nil, "nft -f -", fmt.Sprintf("table ip late {\n\tchain incoming {\n\t\ttype filter hook input priority 0; policy accept;\n\t\t%s drop\n\t}\n}\n", what))
}
