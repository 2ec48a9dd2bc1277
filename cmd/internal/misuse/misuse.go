// SPDX-License-Identifier: Apache-2.0

// Package misuse finds streaming calls whose error is dropped, or that never start.
//
// It is an analyzer of golang.org/x/tools/go/analysis, so that go vet, editors and other linters can run it too: they all
// take analyzers of that form, and it brings the type checking and the tests with it.
package misuse

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
)

// Analyzer reports ranges over the messages of a stream that leave its error out, and streams that are never ranged.
var Analyzer = &analysis.Analyzer{
	Name: "streams",
	Doc: `find streams whose error is dropped, and streaming calls that never start

The result of a streaming method is an iter.Seq2[*Message, error]. Go lets a loop leave the second variable out; then a
call that failed looks like one that had no more messages:

	for event := range payments.Watch(ctx, req) { … }

The call starts when its result is ranged, so a result that is dropped is a call that was never made:

	payments.Watch(ctx, req)`,
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

func run(pass *analysis.Pass) (any, error) {
	nodes := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	interesting := []ast.Node{
		(*ast.RangeStmt)(nil), (*ast.ExprStmt)(nil), (*ast.GoStmt)(nil), (*ast.DeferStmt)(nil),
		(*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil),
	}
	nodes.Preorder(interesting, func(node ast.Node) {
		switch node := node.(type) {
		case *ast.RangeStmt:
			checkRange(pass, node)
		case *ast.ExprStmt:
			checkDropped(pass, node.X)
		case *ast.GoStmt:
			checkDropped(pass, node.Call)
		case *ast.DeferStmt:
			checkDropped(pass, node.Call)
		case *ast.AssignStmt:
			for i, value := range node.Rhs {
				if len(node.Lhs) == len(node.Rhs) && isBlank(node.Lhs[i]) {
					checkDropped(pass, value)
				}
			}
		case *ast.ValueSpec:
			for i, value := range node.Values {
				if len(node.Names) == len(node.Values) && isBlank(node.Names[i]) {
					checkDropped(pass, value)
				}
			}
		}
	})
	return nil, nil
}

// checkRange reports a loop over a stream that has no variable for the error.
func checkRange(pass *analysis.Pass, loop *ast.RangeStmt) {
	if loop.Value != nil && !isBlank(loop.Value) || !isStream(pass.TypesInfo.TypeOf(loop.X)) {
		return
	}
	pass.Report(analysis.Diagnostic{
		Pos:            loop.X.Pos(),
		End:            loop.X.End(),
		Message:        "the error of this stream is dropped: range with two variables and look at the second",
		SuggestedFixes: withError(loop),
	})
}

// withError returns the fix that gives the loop a variable for the error. Code so fixed does not compile before somebody
// looks at the variable, and that is the point. There is none for a loop that assigns to a variable of its surroundings:
// nothing says which variable there could take the error.
func withError(loop *ast.RangeStmt) []analysis.SuggestedFix {
	name := "err"
	if key, ok := loop.Key.(*ast.Ident); ok && key.Name == name {
		name = "streamErr"
	}
	edit := analysis.TextEdit{}
	switch {
	case loop.Key == nil: // for range stream
		edit.Pos, edit.End, edit.NewText = loop.Range, loop.Range, []byte("_, "+name+" := ")
	case loop.Tok == token.ASSIGN && isBlank(loop.Key): // for _ = range stream
		edit.Pos, edit.End, edit.NewText = loop.Key.Pos(), loop.TokPos+1, []byte("_, "+name+" :=")
	case loop.Tok == token.ASSIGN:
		return nil
	case loop.Value == nil: // for x := range stream
		edit.Pos, edit.End, edit.NewText = loop.Key.End(), loop.Key.End(), []byte(", "+name)
	default: // for x, _ := range stream
		edit.Pos, edit.End, edit.NewText = loop.Value.Pos(), loop.Value.End(), []byte(name)
	}
	return []analysis.SuggestedFix{{Message: "Add a variable for the error", TextEdits: []analysis.TextEdit{edit}}}
}

// checkDropped reports expression if it is a call that returns a stream. Its value is known to go nowhere.
func checkDropped(pass *analysis.Pass, expression ast.Expr) {
	call, ok := ast.Unparen(expression).(*ast.CallExpr)
	if !ok || pass.TypesInfo.Types[call.Fun].IsType() || !isStream(pass.TypesInfo.TypeOf(call)) {
		return
	}
	pass.ReportRangef(call, "this call never starts, because nothing ranges its result: range it, or take the call out")
}

func isBlank(expression ast.Expr) bool {
	name, ok := expression.(*ast.Ident)
	return ok && name.Name == "_"
}

// isStream reports whether t is an iter.Seq2 of a protobuf message and an error, under whatever name.
func isStream(t types.Type) bool {
	iterator := signature(t, 1, 0)
	if iterator == nil {
		return false
	}
	yield := signature(iterator.Params().At(0).Type(), 2, 1)
	return yield != nil && isMessage(yield.Params().At(0).Type()) &&
		types.Identical(yield.Params().At(1).Type(), types.Universe.Lookup("error").Type())
}

// signature returns the function type that t is, if it has so many parameters and results, or nil.
func signature(t types.Type, parameters, results int) *types.Signature {
	if t == nil {
		return nil
	}
	function, ok := t.Underlying().(*types.Signature)
	if !ok || function.Params().Len() != parameters || function.Results().Len() != results {
		return nil
	}
	return function
}

// isMessage reports whether t implements proto.Message: the analyzed package need not import the interface, so its one
// method is looked for.
func isMessage(t types.Type) bool {
	method, _, _ := types.LookupFieldOrMethod(t, false, nil, "ProtoReflect")
	function, ok := method.(*types.Func)
	if !ok {
		return false
	}
	reflect := signature(function.Type(), 0, 1)
	if reflect == nil {
		return false
	}
	result, ok := types.Unalias(reflect.Results().At(0).Type()).(*types.Named)
	return ok && result.Obj().Name() == "Message" && result.Obj().Pkg() != nil &&
		result.Obj().Pkg().Path() == "google.golang.org/protobuf/reflect/protoreflect"
}
