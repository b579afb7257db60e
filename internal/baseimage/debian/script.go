package debian

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// status is how a command ends: 0 is success. Of programs that are not followed it
// is unknown, which fails in a condition.
type status int

const (
	success status = 0
	failure status = 1
	unknown status = -1
)

func statusOf(ok bool) status {
	if ok {
		return success
	}
	return failure
}

// flow is what a command ends besides itself.
type flow int

const (
	onward flow = iota
	breaks
	continues
	returns
	exits
)

// scriptReader follows a shell script. Its fields are the state of that shell.
type scriptReader struct {
	files Files
	arch  string // Debian's name
	args  []string
	vars  map[string]string
	funcs map[string]*syntax.Stmt
	last  status
	flow  flow
	out   Setup

	captured     *strings.Builder // what a command substitution prints
	steps, depth int
}

func (r *scriptReader) stmts(list []*syntax.Stmt) status {
	st := success
	for _, s := range list {
		if r.flow != onward {
			break
		}
		st = r.stmt(s)
	}
	return st
}

// stmt follows one command, with what is redirected from and to it.
func (r *scriptReader) stmt(s *syntax.Stmt) status {
	if r.steps++; r.steps > mostSteps || r.depth > mostDepth {
		r.flow = exits
		return unknown
	}
	captured := r.captured
	for _, redirect := range s.Redirs {
		if redirect.N == nil || redirect.N.Value == "1" {
			if redirect.Op == syntax.RdrOut || redirect.Op == syntax.AppOut || redirect.Op == syntax.RdrAll || redirect.Op == syntax.DplOut {
				r.captured = nil
			}
		}
	}
	st := r.command(s.Cmd)
	r.captured = captured
	if s.Negated {
		st = statusOf(st != success)
	}
	r.last = st
	return st
}

func (r *scriptReader) command(c syntax.Command) status {
	switch c := c.(type) {
	case *syntax.CallExpr:
		return r.call(c)
	case *syntax.IfClause:
		return r.ifClause(c)
	case *syntax.ForClause:
		return r.forClause(c)
	case *syntax.CaseClause:
		return r.caseClause(c)
	case *syntax.BinaryCmd:
		return r.binary(c)
	case *syntax.Block:
		return r.stmts(c.Stmts)
	case *syntax.Subshell:
		return r.apart(func() status { return r.stmts(c.Stmts) })
	case *syntax.FuncDecl:
		r.funcs[c.Name.Value] = c.Body
		return success
	case *syntax.DeclClause:
		for _, a := range c.Args {
			r.assign(a)
		}
		return success
	}
	return unknown // loops that read input, and arithmetic
}

// apart follows commands whose variables and exit do not reach the shell around them.
func (r *scriptReader) apart(f func() status) status {
	vars, args := r.vars, r.args
	r.vars = map[string]string{}
	for k, v := range vars {
		r.vars[k] = v
	}
	r.depth++
	st := f()
	r.depth--
	r.vars, r.args = vars, args
	if r.steps <= mostSteps {
		r.flow = onward
	}
	return st
}

func (r *scriptReader) ifClause(c *syntax.IfClause) status {
	for ; c != nil; c = c.Else {
		if len(c.Cond) == 0 || r.stmts(c.Cond) == success {
			return r.stmts(c.Then)
		}
		if r.flow != onward {
			return unknown
		}
	}
	return success
}

func (r *scriptReader) forClause(c *syntax.ForClause) status {
	loop, ok := c.Loop.(*syntax.WordIter)
	if !ok {
		return unknown
	}
	items := r.args
	if loop.InPos.IsValid() {
		items = r.fields(loop.Items)
	}
	st := success
	for _, item := range items {
		r.vars[loop.Name.Value] = item
		st = r.stmts(c.Do)
		switch r.flow {
		case breaks:
			r.flow = onward
			return success
		case continues:
			r.flow = onward
		case returns, exits:
			return st
		}
	}
	return st
}

func (r *scriptReader) caseClause(c *syntax.CaseClause) status {
	word := r.text(c.Word)
	for _, item := range c.Items {
		for _, p := range item.Patterns {
			if matches(r.pattern(p), word) {
				return r.stmts(item.Stmts)
			}
		}
	}
	return success
}

func (r *scriptReader) binary(c *syntax.BinaryCmd) status {
	switch c.Op {
	case syntax.AndStmt:
		if st := r.stmt(c.X); st != success || r.flow != onward {
			return st
		}
		return r.stmt(c.Y)
	case syntax.OrStmt:
		if st := r.stmt(c.X); st == success || r.flow != onward {
			return st
		}
		return r.stmt(c.Y)
	}
	captured := r.captured // a pipe: what the first prints is input of the second
	r.captured = nil
	r.apart(func() status { return r.stmt(c.X) })
	r.captured = captured
	return r.apart(func() status { return r.stmt(c.Y) })
}

func (r *scriptReader) assign(a *syntax.Assign) {
	if a.Name == nil || a.Naked || a.Array != nil || a.Index != nil {
		return
	}
	value := ""
	if a.Value != nil {
		value = r.text(a.Value)
	}
	if a.Append {
		value = r.vars[a.Name.Value] + value
	}
	if len(value) > longestValue { // a damaged script doubles it in a loop
		value = ""
	}
	r.vars[a.Name.Value] = value
}

// call follows a simple command.
func (r *scriptReader) call(c *syntax.CallExpr) status {
	if len(c.Args) == 0 {
		r.last = success
		for _, a := range c.Assigns {
			r.assign(a)
		}
		return r.last // of a command substitution
	}
	words := r.fields(c.Args)
	if len(words) == 0 {
		return success
	}
	name, args := words[0], words[1:]
	if body := r.funcs[name]; body != nil {
		return r.function(body, args)
	}
	if st, ok := r.builtin(name, args); ok {
		return st
	}
	base := path.Base(name)
	if st, ok := r.question(base, args); ok {
		return st
	}
	if r.register(base, args) {
		return success
	}
	if text, ok := r.files.Read(name); ok && path.IsAbs(name) && slices.Contains([]string{"sh", "bash", "dash"}, InterpreterOf([]byte(text))) {
		return r.apart(func() status {
			r.args = args
			if r.script([]byte(text)) != nil {
				return unknown
			}
			return r.last
		})
	}
	r.out.Calls = append(r.out.Calls, base)
	return unknown
}

// function follows a function with arguments of its own.
func (r *scriptReader) function(body *syntax.Stmt, args []string) status {
	outer := r.args
	r.args = args
	r.depth++
	st := r.stmt(body)
	r.depth--
	r.args = outer
	if r.flow == returns {
		r.flow = onward
		st = r.last
	}
	return st
}

// builtin follows what the shell itself does.
func (r *scriptReader) builtin(name string, args []string) (status, bool) {
	switch name {
	case ":", "true", "cd", "umask", "trap", "exec", "wait":
		return success, true
	case ".", "source":
		r.source(args)
		return success, true
	case "false", "read":
		return failure, true
	case "set":
		if i := slices.Index(args, "--"); i >= 0 {
			r.args = args[i+1:]
		}
		return success, true
	case "shift":
		r.args = r.args[min(1, len(r.args)):]
		return success, true
	case "unset":
		for _, a := range args {
			delete(r.vars, a)
		}
		return success, true
	case "exit", "return", "break", "continue":
		r.flow = map[string]flow{"exit": exits, "return": returns, "break": breaks, "continue": continues}[name]
		if len(args) > 0 && (name == "exit" || name == "return") {
			r.last = statusOf(args[0] == "0")
		}
		return r.last, true
	case "[":
		return r.test(args[:max(0, len(args)-1)]), true
	case "test":
		return r.test(args), true
	case "echo", "printf":
		r.print(name, args)
		return success, true
	}
	return success, false
}

// source follows a file of functions and variables. That of debconf asks questions,
// which have no answers here.
func (r *scriptReader) source(args []string) {
	if len(args) == 0 || path.Base(args[0]) == "confmodule" {
		return
	}
	text, ok := r.files.Read(args[0])
	if !ok || strings.Contains(text, "\x00") {
		return
	}
	if !strings.HasPrefix(text, "#!") {
		text = "#!/bin/sh\n" + text
	}
	r.depth++
	_ = r.script([]byte(text))
	r.depth--
}

// print keeps what a command substitution gets.
func (r *scriptReader) print(name string, args []string) {
	if r.captured == nil || r.captured.Len() > longestValue {
		return
	}
	if name == "printf" && len(args) > 0 {
		if args[0] != "%s" && args[0] != `%s\n` {
			return
		}
		args = args[1:]
	}
	if len(args) > 0 && args[0] == "-n" {
		args = args[1:]
	}
	r.captured.WriteString(strings.Join(args, " ") + "\n")
}
