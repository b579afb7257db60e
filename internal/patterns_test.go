package internal_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestPatternsAreValid compiles every regular expression that the program only
// compiles when it is first used, and lets no package compile one before main.
func TestPatternsAreValid(t *testing.T) {
	h, checked := open(t), 0
	for _, pkg := range h.packages() {
		for _, f := range h.folders[pkg] {
			for _, d := range f.Decls {
				if vars, ok := d.(*ast.GenDecl); ok && vars.Tok == token.VAR && strings.HasPrefix(pkg, "internal/") {
					ast.Inspect(vars, func(n ast.Node) bool {
						if calls(n, "regexp.MustCompile") != nil {
							t.Errorf("%s: compiled before main; use pattern.Lazy", h.files.Position(n.Pos()))
						}
						return true
					})
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call := calls(n, "pattern.Lazy", "ecosystem.NewSign")
				if call == nil {
					return true
				}
				text, ok := call.Args[0].(*ast.BasicLit)
				if !ok {
					return true
				}
				expression, err := strconv.Unquote(text.Value)
				if err == nil {
					_, err = regexp.Compile(expression)
				}
				if err != nil {
					t.Errorf("%s: %v", h.files.Position(text.Pos()), err)
				}
				checked++
				return true
			})
		}
	}
	if checked < 50 {
		t.Errorf("only %d patterns were found", checked)
	}
}
