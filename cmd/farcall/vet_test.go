// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const (
	watching = `package shop

import (
	"iter"

	"google.golang.org/protobuf/types/known/emptypb"
)

func watch() iter.Seq2[*emptypb.Empty, error] { return nil }

func follow() (events int, err error) {
	for _, err := range watch() {
		if err != nil {
			return events, err
		}
		events++
	}
	return events, nil
}
`
	careless = `package shop

func count() (events int) {
	for range watch() {
		events++
	}
	watch()
	return events
}
`
	carelessTest = `package shop

import "testing"

func TestWatch(t *testing.T) {
	for event := range watch() {
		t.Log(event)
	}
}
`
	dropped = "the error of this stream is dropped: range with two variables and look at the second\n"
	idle    = "this call never starts, because nothing ranges its result: range it, or take the call out\n"

	tagged = "//go:build later\n\npackage shop\n\nvar _ = watch()\n"
)

// layModule makes a module that has protobuf the current directory.
func layModule(t *testing.T, files map[string]string) {
	t.Helper()
	sums := read(t, "../go.sum")
	version := regexp.MustCompile(`google.golang.org/protobuf (v\S+) `).FindStringSubmatch(sums)
	if version == nil {
		t.Fatal("no protobuf in go.sum")
	}
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off")
	lay(t, files)
	write(t, "go.sum", sums)
	write(t, "go.mod", fmt.Sprintf("module example.com/shop\n\ngo 1.26.0\n\nrequire google.golang.org/protobuf %s\n", version[1]))
}

// process runs the command as a process of its own, or by way of go.
func process(t *testing.T, name string, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, arguments...)
	command.Env = append(os.Environ(), "BE_FARCALL=1")
	var out, errors bytes.Buffer
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errors.String(), command.ProcessState.ExitCode()
}

func TestVet(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	layModule(t, map[string]string{"watch.go": watching, "inner/careless.go": "package inner\n"})
	if stdout, stderr, code := process(t, executable, "vet", "./..."); code != 0 || stdout != "" || stderr != "" {
		t.Fatalf("code without mistakes: exit %d, %q, standard error\n%s", code, stdout, stderr)
	}

	write(t, "careless.go", careless)
	write(t, "watch_test.go", carelessTest)
	write(t, "tagged.go", tagged)
	ofPackage := "careless.go:4:12: " + dropped + "careless.go:7:2: " + idle
	ofTest := "watch_test.go:6:21: " + dropped
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"vet"}, ofPackage + ofTest},
		{[]string{"vet", "./inner", "."}, ofPackage + ofTest},
		{[]string{"vet", "--tags", "later,never", "./..."}, ofPackage + "tagged.go:5:9: " + idle + ofTest},
	} {
		stdout, stderr, code := process(t, executable, test.arguments...)
		if code != 1 || stdout != "" || stderr != test.want {
			t.Errorf("%v: exit %d, %q, standard error\n%s\nwant\n%s", test.arguments, code, stdout, stderr, test.want)
		}
	}
}

// TestGoVet has the command run by go vet. go vet runs it for every dependency too, so the module's protobuf is a small one.
func TestGoVet(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOWORK", "off")
	lay(t, map[string]string{
		"go.mod": "module example.com/shop\n\ngo 1.26.0\n\nrequire google.golang.org/protobuf v1.0.0\n\n" +
			"replace google.golang.org/protobuf => ./protobuf\n",
		"protobuf/go.mod":                          "module google.golang.org/protobuf\n",
		"protobuf/reflect/protoreflect/message.go": "package protoreflect\n\ntype Message interface{}\n",
		"protobuf/types/known/emptypb/empty.go": "package emptypb\n\nimport \"google.golang.org/protobuf/reflect/protoreflect\"\n\n" +
			"type Empty struct{}\n\nfunc (*Empty) ProtoReflect() protoreflect.Message { return nil }\n",
		"watch.go":      watching,
		"careless.go":   careless,
		"watch_test.go": carelessTest,
	})
	_, stderr, code := process(t, "go", "vet", "-vettool="+executable, ".")
	for _, want := range []string{"careless.go:4:12: " + dropped, "careless.go:7:2: " + idle, "watch_test.go:6:21: " + dropped} {
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit %d, want %q in standard error\n%s", code, want, stderr)
		}
	}
}

func TestVetCannotLook(t *testing.T) {
	layModule(t, map[string]string{
		"watch.go":              watching,
		"broken/broken.go":      "package broken\n\nvar x int = y\n",
		"broken/broken_test.go": "package broken\n",
		"upon/upon.go":          "package upon\n\nimport _ \"example.com/shop/broken\"\n",
		"torn/torn.go":          "package torn\n\nfunc {\n",
		"data/notes.txt":        "",
	})
	for _, test := range []struct {
		pattern, want string
	}{
		{"./broken", "broken/broken.go:3:13: undefined: y"},
		{"./upon", "broken/broken.go:3:13: undefined: y"},
		{"./torn", "torn/torn.go:3:6: expected 'IDENT', found '{'"},
		{"./nowhere", "stat "},
		{"./data/...", "./data/... matched no packages"},
	} {
		stdout, _, err := run(t, "vet", test.pattern)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || stdout != "" {
			t.Errorf("%s: printed %q, error %v, want %s", test.pattern, stdout, err, test.want)
		}
	}
}

func TestByGoVet(t *testing.T) {
	for arguments, want := range map[string]bool{
		"":                             false,
		"-V=full":                      true,
		"-flags":                       true,
		"/tmp/b001/vet.cfg":            true,
		"-json -streams /b001/vet.cfg": true,
		"vet ./...":                    false,
		"vet a.cfg":                    false,
		"--help":                       false,
		"generate vet.cfg":             false,
	} {
		if got := byGoVet(strings.Fields(arguments)); got != want {
			t.Errorf("%q: %v, want %v", arguments, got, want)
		}
	}
}
