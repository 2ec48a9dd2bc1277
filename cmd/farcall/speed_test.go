// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// layMany makes a module with many .proto files, 20 in a package, the current directory. Each file has three messages, an
// enum and a service, and imports the one before it in its package.
func layMany(tb testing.TB, files int) {
	tb.Helper()
	tb.Chdir(tb.TempDir())
	for i := range files {
		imported, field := "", ""
		if i%20 > 0 {
			imported = fmt.Sprintf("import \"p%d/v1/f%d.proto\";\n", i/20, i-1)
			field = fmt.Sprintf("  M%d before = 9;\n", i-1)
		}
		text := fmt.Sprintf(`syntax = "proto3";
package p%[1]d.v1;
import "google/protobuf/timestamp.proto";
%[3]soption go_package = "example.com/many/p%[1]d/v1;p%[1]dv1";

// M%[2]d is a message.
message M%[2]d {
  string name = 1; // what it is called
  int64 number = 2;
  repeated string tags = 3;
  map<string, int32> counts = 4;
  google.protobuf.Timestamp at = 5;
  oneof kind {
    string a = 6;
    bytes b = 7;
  }
  optional bool flag = 8;
%[4]s}

enum E%[2]d {
  E%[2]d_ZERO = 0;
  E%[2]d_ONE = 1;
}

message Q%[2]d {
  M%[2]d m = 1;
  E%[2]d e = 2;
  repeated M%[2]d ms = 3;
  double d = 4;
}

message R%[2]d {
  repeated Q%[2]d qs = 1;
}

service S%[2]d {
  // Get gets.
  rpc Get(Q%[2]d) returns (R%[2]d);
  rpc Watch(Q%[2]d) returns (stream M%[2]d);
}
`, i/20, i, imported, field)
		name := fmt.Sprintf("proto/p%d/v1/f%d.proto", i/20, i)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.WriteFile("go.mod", []byte("module example.com/many\n"), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// TestManyFiles makes sure that what several goroutines generate is what one generates.
func TestManyFiles(t *testing.T) {
	layMany(t, 3*filesOfAShare)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if _, _, err := run(t, "generate", "proto"); err != nil {
		t.Fatal(err)
	}
	runtime.GOMAXPROCS(4)
	if stdout, _, err := run(t, "generate", "proto", "--check"); err != nil || stdout != "" {
		t.Errorf("%v\n%s", err, stdout)
	}
	if files := goFiles(t); len(files) != 3*3*filesOfAShare {
		t.Errorf("%d files", len(files))
	}
}

// BenchmarkThousandFiles generates the code of 1,000 .proto files, where there is none and where all is there.
//
//	go test -run '^$' -bench Thousand ./farcall
func BenchmarkThousandFiles(b *testing.B) {
	layMany(b, 1000)
	generate := func(arguments ...string) string {
		var out bytes.Buffer
		command := newCommand()
		command.SetArgs(append([]string{"generate", "proto"}, arguments...))
		command.SetOut(&out)
		command.SetErr(&out)
		if err := command.ExecuteContext(b.Context()); err != nil {
			b.Fatal(err)
		}
		return out.String()
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			if err := os.RemoveAll("gen"); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			generate("--out", "gen")
		}
	})
	b.Run("current", func(b *testing.B) {
		for b.Loop() {
			generate("--out", "gen", "--check")
		}
	})
}
