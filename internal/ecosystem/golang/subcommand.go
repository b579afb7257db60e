package golang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// subcommand is a command of Cobra's.
type subcommand struct {
	scope, name string // of its variable: directory, and function inside of one
	use         string // first word, which calls it
	runs        bool   // it does something itself
	parent      bool   // others are added to it
	hit         ecosystem.Hit
}

var cobraCommand = ecosystem.NewSign(`\bcobra\.Command\b|\.AddCommand\(|\.RunE?\s*=`)

// lookCommands takes the commands that a source declares, and which of them have
// others below them.
func (s *service) lookCommands(name string, data []byte) {
	if !cobraCommand.Match(data) {
		return
	}
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, data, parser.SkipObjectResolution)
	if err != nil {
		return
	}
	for _, d := range f.Decls {
		scope := path.Dir(name)
		if fn, ok := d.(*ast.FuncDecl); ok {
			scope += "#" + name + "#" + fn.Name.Name
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, id := range n.Names {
					if i < len(n.Values) {
						s.addCommand(scope, id.Name, n.Values[i], files)
					}
				}
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if sel, ok := l.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Run" || sel.Sel.Name == "RunE") {
						s.commandUses = append(s.commandUses, subcommand{scope: scope, name: lastName(sel.X), runs: true})
					} else if i < len(n.Rhs) {
						s.addCommand(scope, lastName(l), n.Rhs[i], files)
					}
				}
			case *ast.ReturnStmt:
				for _, r := range n.Results {
					s.addCommand(scope, "", r, files)
				}
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "AddCommand" {
					s.commandUses = append(s.commandUses, subcommand{scope: scope, name: lastName(sel.X), parent: true})
				}
			}
			return true
		})
	}
}

// addCommand notes a variable that is a command.
func (s *service) addCommand(scope, name string, e ast.Expr, files *token.FileSet) {
	if u, ok := e.(*ast.UnaryExpr); ok {
		e = u.X
	}
	lit, ok := e.(*ast.CompositeLit)
	if !ok {
		return
	}
	if sel, ok := lit.Type.(*ast.SelectorExpr); !ok || lastName(sel.X) != "cobra" || sel.Sel.Name != "Command" {
		return
	}
	at := files.Position(lit.Pos())
	c := subcommand{scope: scope, name: name, hit: ecosystem.Hit{File: at.Filename, Line: at.Line}}
	for _, el := range lit.Elts {
		kv, ok := el.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		switch lastName(kv.Key) {
		case "Use":
			if words := strings.Fields(text(kv.Value)); len(words) > 0 {
				c.use = words[0]
			}
		case "Run", "RunE":
			c.runs = true
		}
	}
	s.commands = append(s.commands, c)
}

// servingCommand is the command of the program that serves, where the program
// does nothing without one but print its help.
func (s *service) servingCommand() (subcommand, bool) {
	for _, u := range s.commandUses {
		dir, _, _ := strings.Cut(u.scope, "#")
		i := slices.IndexFunc(s.commands, func(c subcommand) bool { return c.name == u.name && c.scope == u.scope })
		if i < 0 {
			i = slices.IndexFunc(s.commands, func(c subcommand) bool { return c.name == u.name && c.scope == dir })
		}
		if i >= 0 {
			s.commands[i].runs, s.commands[i].parent = s.commands[i].runs || u.runs, s.commands[i].parent || u.parent
		}
	}
	parents := slices.DeleteFunc(slices.Clone(s.commands), func(c subcommand) bool { return !c.parent })
	if len(parents) != 1 || parents[0].runs {
		return subcommand{}, false
	}
	for _, name := range []string{"serve", "server", "start", "run", "web", "http", "api", "daemon", "listen"} {
		all := slices.DeleteFunc(slices.Clone(s.commands), func(c subcommand) bool { return c.use != name || !c.runs || c.parent })
		if len(all) > 0 {
			return all[0], len(all) == 1
		}
	}
	return subcommand{}, false
}
