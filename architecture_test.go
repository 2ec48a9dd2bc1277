// SPDX-License-Identifier: Apache-2.0

package farcall_test

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module       = "github.com/farcall/farcall"
	architecture = "ARCHITECTURE.md"
	contributing = "CONTRIBUTING.md"
)

// packageRow says where a package stands and what it may import of ours.
type packageRow struct {
	row     int
	imports []string
}

// importTable is policy, not a record of what the code does: a package imports lower rows only, and of those only what
// its purpose needs. To change a line is to change the architecture, so it changes ARCHITECTURE.md too.
var importTable = map[string]packageRow{
	".":                             {1, nil},
	"internal/buffer":               {1, nil},
	"internal/certificate":          {1, nil},
	"internal/exchange":             {1, nil},
	"internal/fallback":             {1, nil},
	"internal/frame":                {1, nil},
	"internal/nonblock":             {1, nil},
	"codec":                         {3, []string{".", "internal/buffer", "internal/fallback", "transcode"}},
	"compress":                      {2, nil},
	"internal/hpack":                {2, []string{"internal/exchange"}},
	"internal/http1":                {2, []string{"internal/exchange"}},
	"internal/schema":               {2, []string{"."}},
	"internal/wire":                 {2, []string{".", "internal/exchange"}},
	"transcode":                     {2, []string{"."}},
	"internal/call":                 {4, []string{".", "codec", "compress", "internal/buffer", "internal/exchange", "internal/wire"}},
	"internal/http2":                {3, []string{"internal/buffer", "internal/exchange", "internal/frame", "internal/hpack", "internal/nonblock"}},
	"internal/pb":                   {3, nil},
	"internal/pb/healthv1":          {3, nil},
	"internal/pb/reflectionv1":      {3, nil},
	"internal/pb/reflectionv1alpha": {3, nil},
	"openapi":                       {5, []string{".", "internal/schema"}},
	"rest": {5, []string{
		".", "codec", "compress", "internal/buffer", "internal/exchange", "internal/schema", "internal/wire", "transcode",
	}},
	"web": {5, []string{
		".", "codec", "compress", "internal/buffer", "internal/call", "internal/exchange", "internal/wire",
	}},
	"client": {6, []string{
		".", "codec", "compress", "internal/buffer", "internal/call", "internal/certificate", "internal/exchange",
		"internal/frame", "internal/http2", "internal/wire",
	}},
	"server": {6, []string{
		".", "codec", "compress", "internal/buffer", "internal/call", "internal/certificate", "internal/exchange",
		"internal/frame", "internal/http1", "internal/http2", "internal/nonblock", "internal/wire", "openapi", "rest", "transcode", "web",
	}},
	"health":     {7, []string{".", "internal/pb/healthv1"}},
	"reflection": {7, []string{".", "internal/pb/reflectionv1", "internal/pb/reflectionv1alpha"}},
}

// netHTTPFiles are the only files that may import net/http: what serves HTTP/1.1, and the user's http.Handler. The build tag farcall_grpconly leaves
// them out, so that a program that speaks gRPC alone stays small.
var netHTTPFiles = []string{"client/http1.go", "server/foreign.go", "server/handler.go", "server/handleranswer.go", "server/http1.go", "server/http1age.go", "server/http1exchange.go", "server/websocket.go"}

// foreignModules belong to the modules that compare with them. A user of the library must not get them with it.
var foreignModules = []string{"google.golang.org/grpc", "golang.org/x/net"}

// walls are what a package must not see, besides packages of ours. Nothing below a name is let through either.
var walls = map[string][]string{
	"internal/frame": {"io", "net", "os", "syscall"},
	"internal/hpack": {"io", "net", "os", "syscall"},
	"internal/http1": {"io", "net", "os", "syscall"},
	"internal/wire":  {"io", "net", "os", "syscall"},
	"internal/http2": {"google.golang.org/protobuf", "google.golang.org/genproto"},
	"transcode":      {"net", "os", "syscall"},
	"rest":           {"net", "os", "syscall"},
	"web":            {"net/http", "os", "syscall"},
}

// maxCommentLines bounds a package comment. Indented examples and empty lines do not count.
const maxCommentLines = 15

// sourceFile is a Go file of the root module.
type sourceFile struct {
	path, dir string
	syntax    *ast.File
}

func (f sourceFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

func (f sourceFile) imports() (paths []string) {
	for _, spec := range f.syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			paths = append(paths, imported)
		}
	}
	return paths
}

// constraint returns the file's //go:build line, nil if it has none.
func (f sourceFile) constraint() constraint.Expr {
	for _, group := range f.syntax.Comments {
		for _, comment := range group.List {
			if comment.Pos() < f.syntax.Package && constraint.IsGoBuild(comment.Text) {
				if expression, err := constraint.Parse(comment.Text); err == nil {
					return expression
				}
			}
		}
	}
	return nil
}

// within reports whether imported is module's path or below it.
func within(imported, module string) bool {
	return imported == module || strings.HasPrefix(imported, module+"/")
}

// sourceFiles parses the imports and comments of every Go file of the root module; nothing is built. Other modules, and
// directories that the go command does not look into, are left out.
func sourceFiles(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	set := token.NewFileSet()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			base := path.Base(name)
			if name == "." {
				return nil
			}
			_, err := os.Stat(path.Join(name, "go.mod"))
			if err == nil || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		syntax, err := parser.ParseFile(set, name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, sourceFile{name, path.Dir(name), syntax})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go files: the test must run in the root of the module")
	}
	return files
}

// ours returns the directory of an imported package of this module.
func ours(imported string) (dir string, ok bool) {
	if !within(imported, module) {
		return "", false
	}
	if imported == module {
		return ".", true
	}
	return strings.TrimPrefix(imported, module+"/"), true
}

// Tests may import any row; the packages themselves hold to the table.
func TestImportsHoldToTheTable(t *testing.T) {
	found := make(map[string]bool)
	for _, file := range sourceFiles(t) {
		if file.isTest() {
			continue
		}
		known, ok := importTable[file.dir]
		if !ok && !found[file.dir] {
			t.Errorf("package directory %s has no row: decide where it stands and what it may import, and add a row to "+
				"importTable in architecture_test.go, to %s and to %s", file.dir, architecture, contributing)
		}
		found[file.dir] = true
		if !ok {
			continue
		}
		for _, imported := range file.imports() {
			if dir, ok := ours(imported); ok && !slices.Contains(known.imports, dir) {
				t.Errorf("%s imports %s: the table does not let %s know it", file.path, dir, file.dir)
			}
		}
	}
	for dir := range importTable {
		if !found[dir] {
			t.Errorf("importTable has a row for %s, where there is no package: remove the row", dir)
		}
	}
}

func TestTableImportsLowerRowsOnly(t *testing.T) {
	for dir, line := range importTable {
		for _, imported := range line.imports {
			lower, ok := importTable[imported]
			if !ok {
				t.Errorf("%s may import %s, which has no row", dir, imported)
			} else if lower.row >= line.row {
				t.Errorf("%s in row %d may import %s in row %d: only lower rows", dir, line.row, imported, lower.row)
			}
		}
	}
}

func TestForeignModulesStayOutside(t *testing.T) {
	for _, file := range sourceFiles(t) {
		for _, imported := range file.imports() {
			for _, foreign := range foreignModules {
				if within(imported, foreign) {
					t.Errorf("%s imports %s: that is for bench and conformance, which are modules of their own, or the "+
						"library's users would download it", file.path, imported)
				}
			}
		}
	}
}

func TestWalls(t *testing.T) {
	seen := make(map[string]bool)
	for _, file := range sourceFiles(t) {
		if file.isTest() {
			continue
		}
		seen[file.dir] = true
		for _, imported := range file.imports() {
			for _, wall := range walls[file.dir] {
				if within(imported, wall) {
					t.Errorf("%s imports %s: %s must work without it, see the invariants in %s", file.path, imported, file.dir, architecture)
				}
			}
		}
	}
	for dir := range walls {
		if !seen[dir] {
			t.Errorf("walls has %s, where there is no package: remove it", dir)
		}
	}
}

func TestNetHTTPStaysInItsFiles(t *testing.T) {
	importing := make(map[string]bool)
	for _, file := range sourceFiles(t) {
		usesNetHTTP := slices.ContainsFunc(file.imports(), func(s string) bool { return within(s, "net/http") })
		if file.isTest() || !usesNetHTTP {
			continue
		}
		importing[file.path] = true
		if !slices.Contains(netHTTPFiles, file.path) {
			t.Errorf("%s imports net/http: only %s may, because a program that speaks gRPC alone leaves them out",
				file.path, strings.Join(netHTTPFiles, " and "))
			continue
		}
		limit := file.constraint()
		if limit == nil || limit.Eval(func(tag string) bool { return tag == "farcall_grpconly" }) ||
			!limit.Eval(func(string) bool { return false }) {
			t.Errorf("%s imports net/http: it needs the line //go:build !farcall_grpconly", file.path)
		}
	}
	for _, name := range netHTTPFiles {
		if !importing[name] {
			t.Errorf("netHTTPFiles has %s, which does not import net/http or is not there: remove it", name)
		}
	}
}

func TestPackageComments(t *testing.T) {
	comments := make(map[string][]string) // from a package directory to the files that have a package comment
	dirs := make(map[string]bool)
	for _, file := range sourceFiles(t) {
		if file.isTest() {
			continue
		}
		dirs[file.dir] = true
		if file.syntax.Doc == nil || ast.IsGenerated(file.syntax) {
			continue
		}
		text := file.syntax.Doc.Text()
		comments[file.dir] = append(comments[file.dir], file.path)
		if want := "Package " + file.syntax.Name.Name + " "; !strings.HasPrefix(text, want) {
			t.Errorf("%s: the package comment does not begin with %q", file.path, want)
		}
		count := 0
		for line := range strings.Lines(text) {
			if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "\t") {
				count++
			}
		}
		if count > maxCommentLines {
			t.Errorf("%s: the package comment has %d lines, at most %d are read", file.path, count, maxCommentLines)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if have := comments[dir]; len(have) != 1 {
			t.Errorf("package %s has %d package comments %v, want one: the sentence that says what it is", dir, len(have), have)
		}
	}
}

// readPage returns the text of a page for people, which this test keeps true.
func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	backticked = regexp.MustCompile("`([^`\n]+)`")
	// fileName is a name with one of the extensions that files here have.
	fileName = regexp.MustCompile(`^[\w./-]+\.(go|md|mod|work|proto|sh|svg|json|ya?ml)$`)
	pathName = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)*/?$`)
	// tableRow is a row whose second cell is names alone.
	tableRow = regexp.MustCompile("(?m)^\\| (\\d+) \\| ((?:`[^`|]+`(?: \\(root\\))?[, ]*)+)\\|")
)

// namedPaths returns the files and directories that text names in backticks: what looks like a file, and what begins
// with a directory of the root.
func namedPaths(text string, isDirectory func(string) bool) (names []string) {
	for _, match := range backticked.FindAllStringSubmatch(text, -1) {
		name := match[1]
		first, _, below := strings.Cut(name, "/")
		if fileName.MatchString(name) || below && pathName.MatchString(name) && isDirectory(first) {
			names = append(names, name)
		}
	}
	return names
}

func TestNamedPaths(t *testing.T) {
	text := "`a.go`, `x/b.go` and `internal/http2`, `cmd/`; not `net/http`, `server.Local()`, `a b.go`, `farcall`, `go run ./x.go`;\n" +
		"c.go without. `go.work`"
	got := namedPaths(text, func(name string) bool { return name == "internal" || name == "cmd" })
	if want := []string{"a.go", "x/b.go", "internal/http2", "cmd/", "go.work"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestArchitectureNamesWhatExists(t *testing.T) {
	names := namedPaths(readPage(t, architecture), func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && info.IsDir()
	})
	if len(names) == 0 {
		t.Fatalf("%s names no file in backticks", architecture)
	}
	for _, name := range names {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s names %s, which is not there: correct the name, or give its path from the root", architecture, name)
		}
	}
}

// The tables of packages for people and the one for this test say the same.
func TestPagesHaveTheTable(t *testing.T) {
	for _, page := range []string{architecture, contributing} {
		written := make(map[string]int)
		for _, line := range tableRow.FindAllStringSubmatch(readPage(t, page), -1) {
			row, err := strconv.Atoi(line[1])
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range backticked.FindAllStringSubmatch(line[2], -1) {
				dir := name[1]
				if dir == "farcall" {
					dir = "."
				}
				written[dir] = row
			}
		}
		for dir, line := range importTable {
			row, ok := written[dir]
			if parent := path.Dir(dir); !ok && parent != "." {
				row, ok = written[parent] // a package below one that is written down
			}
			if !ok || row != line.row {
				t.Errorf("%s has %s in row %d, importTable in row %d (0 is none)", page, dir, row, line.row)
			}
		}
		for dir, row := range written {
			if _, ok := importTable[dir]; !ok {
				t.Errorf("%s has %s in row %d, importTable does not have it", page, dir, row)
			}
		}
	}
}
