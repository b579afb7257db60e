package golang

import (
	"bytes"
	"go/ast"
	"go/build/constraint"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/plan"
)

// turnDir is an empty cache mount that one step at a time may have: services that
// start together compile shared packages once, not side by side.
const turnDir = "/go/turn"

// keepAlways notes the packages that a file imports whatever the platform. A
// package that only some platforms import may have no files for the target, and
// go refuses a list with such a package whole.
func (s *service) keepAlways(f *ast.File, name string, data []byte) {
	if conditional(name, data) {
		return
	}
	for _, i := range f.Imports {
		if at, err := strconv.Unquote(i.Path.Value); err == nil && s.graph.imports[at].Found() {
			s.graph.always[at] = true
		}
	}
}

// conditional reports whether a file's name or first lines restrict where it is
// compiled. Any part after an underscore counts: it only costs a shared compile.
func conditional(name string, data []byte) bool {
	parts := strings.Split(strings.TrimSuffix(name, ".go"), "_")
	if slices.ContainsFunc(parts[1:], func(p string) bool {
		return slices.Contains([]string{"linux", "unix", "amd64", "arm64"}, p)
	}) {
		return true
	}
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if text != "" && !strings.HasPrefix(text, "//") {
			return false
		}
		if constraint.IsGoBuild(text) {
			return true
		}
	}
	return false
}

// shared are the packages outside of the repository that the program imports on
// every platform, sorted.
func (s *service) shared() []string {
	return slices.DeleteFunc(s.graph.sorted(), func(name string) bool { return !s.graph.always[name] })
}

// compileImports compiles imported packages before any source is copied. Its text
// and files are those of every service with the same imports and manifests, so
// that an engine runs it once for them; the others wait for their turn and find
// in the cache what is already compiled. It may fail without harm: a module can
// import one of the repository's, whose sources are not here yet.
func (s *service) compileImports() []plan.Step {
	shared := s.shared()
	if len(shared) == 0 {
		return nil
	}
	command := s.goBuild() + strings.Join(shared, " ")
	return append(s.targetArgs(), plan.Step{
		Op:      plan.OpRun,
		Comment: "Compile imported packages, one service at a time: services built together compile them once. The build of the program reports what fails here.",
		Shell:   s.in(command) + " || true",
		Mounts:  append(s.caches(), plan.Mount{Type: "cache", Target: turnDir, Sharing: "locked"}),
	})
}

// targetArgs declare the platform that pure Go is compiled for.
func (s *service) targetArgs() []plan.Step {
	if s.cgo.Found() {
		return nil
	}
	return []plan.Step{
		{Op: plan.OpArg, Args: []string{"TARGETOS"}, Comment: "Cross-compile on the build machine's own platform, without emulation."},
		{Op: plan.OpArg, Args: []string{"TARGETARCH"}},
	}
}

// goBuild is go build with the flags that decide which compiled packages of the
// cache it can use.
func (s *service) goBuild() string {
	command := "go build -trimpath "
	if !s.cgo.Found() {
		command = "GOOS=$TARGETOS GOARCH=$TARGETARCH " + command
	}
	if s.vendored {
		command += "-mod=vendor "
	}
	return command
}
