//go:build unix

package detect_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
)

// hostile is a repository made to hurt who reads it. put writes a file.
type hostile struct {
	t    *testing.T
	root string
}

func (h hostile) path(name string) string {
	p := filepath.Join(h.root, name)
	h.do(os.MkdirAll(filepath.Dir(p), 0o755))
	return p
}

func (h hostile) put(name, text string) { h.do(os.WriteFile(h.path(name), []byte(text), 0o644)) }

func (h hostile) link(name, target string) { h.do(os.Symlink(target, h.path(name))) }

func (h hostile) pipe(name string) { h.do(syscall.Mkfifo(h.path(name), 0o644)) }

func (h hostile) sparse(name string, size int64) {
	h.put(name, "")
	h.do(os.Truncate(h.path(name), size))
}

func (h hostile) do(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

const server = "require('http').createServer().listen(3000)\n"

// TestHostileRepositories: whatever a repository is made of, detection ends
// soon, takes little memory, and says what it did not read.
func TestHostileRepositories(t *testing.T) {
	const started = `{"name": "x", "scripts": {"start": "node s.js"}}`
	lock := `{"lockfileVersion": 3, "packages": {"": {}}}`
	for name, c := range map[string]struct {
		make func(h hostile)
		want []string // a code and a part of the text, of findings that there are at least
	}{
		"a named pipe as manifest": {func(h hostile) { h.pipe("a/package.json") }, []string{"SLP201 it is a named pipe"}},
		"a socket as manifest": {func(h hostile) {
			l, err := net.Listen("unix", h.path("package.json"))
			h.do(err)
			h.t.Cleanup(func() { _ = l.Close() })
		}, []string{"SLP201 it is a socket"}},
		"a directory as manifest":   {func(h hostile) { h.put("package.json/x", "") }, []string{"SLP201 it is a directory"}},
		"a gigabyte of manifest":    {func(h hostile) { h.sparse("package.json", 1<<30) }, []string{"SLP201 1073741824 bytes"}},
		"a gigabyte of lock file":   {func(h hostile) { h.put("package.json", started); h.sparse("package-lock.json", 1<<30) }, []string{"SLP211 1073741824 bytes"}},
		"a gigabyte of go.mod":      {func(h hostile) { h.put("main.go", "package main"); h.sparse("go.mod", 1<<30) }, []string{"SLP240 1073741824 bytes"}},
		"a gigabyte of pyproject":   {func(h hostile) { h.sparse("pyproject.toml", 1<<30) }, []string{"SLP260 1073741824 bytes"}},
		"a gigabyte of Go":          {func(h hostile) { h.put("go.mod", "module x.example"); h.sparse("main.go", 1<<30) }, []string{"SLP225 1073741824 bytes"}},
		"a link out of the tree":    {func(h hostile) { h.link("a/package.json", "/etc/passwd"); h.put("b/index.html", "") }, []string{"SLP225 path escapes"}},
		"a link up and out":         {func(h hostile) { h.link("a/package.json", "../../../../../../etc/passwd") }, []string{"SLP225 path escapes"}},
		"a directory out":           {func(h hostile) { h.put("package.json", started); h.link("Dockerfile", "/etc") }, []string{"SLP225 path escapes"}},
		"a link to itself":          {func(h hostile) { h.link("a/package.json", "package.json"); h.put("a/x", "") }, []string{"SLP225 too many levels"}},
		"a loop of directories":     {func(h hostile) { h.put("a/package.json", started); h.link("a/b", "../a"); h.link("loop", ".") }, nil},
		"invalid UTF-8":             {func(h hostile) { h.put("package.json", "{\"name\": \"\xff\xfe\", \"scripts\": {\"start\": \"\xff\"}}") }, nil},
		"a manifest of brackets":    {func(h hostile) { h.put("package.json", strings.Repeat("[", 1<<20)) }, []string{"SLP201 "}},
		"deep JSON":                 {func(h hostile) { h.put("package.json", strings.Repeat(`{"exports":`, 1<<18)) }, []string{"SLP201 "}},
		"deep TOML":                 {func(h hostile) { h.put("pyproject.toml", "a = "+strings.Repeat("[", 1<<20)) }, nil},
		"dotted TOML":               {func(h hostile) { h.put("pyproject.toml", "["+strings.Repeat("a.", 1<<18)+"a]\nb = 1") }, nil},
		"deep requirements":         {func(h hostile) { h.put("requirements.txt", "-r requirements.txt\n") }, nil},
		"requirements from outside": {func(h hostile) { h.put("requirements.txt", "-r ../../../../etc/passwd\n") }, []string{" "}},
		"a module from outside": {func(h hostile) {
			h.put("go.mod", "module x.example\nrequire y.example v1.0.0\nreplace y.example => ../../y\n")
			h.put("main.go", "package main\n")
		}, []string{"SLP246 outside"}},
		"a workspace from outside": {func(h hostile) {
			h.put("package.json", `{"workspaces": ["../../*", "/etc/*", "**/**/**/**/**/**/**/**/x"]}`)
			h.put("a/package.json", started)
		}, nil},
		"a directory of a thousand deep": {func(h hostile) { h.put(strings.Repeat("d/", 1000)+"package.json", started) }, nil},
		"names that write to the terminal": {func(h hostile) {
			h.put("package.json", started)
			h.put("package-lock.json", lock)
			h.put("s.js", server)
			h.put("a\nRUN touch \x1b[2J/js", "")
		}, []string{"SLP226 a Dockerfile cannot contain its name"}},
		"names that are variables": {func(h hostile) {
			h.put("package.json", started)
			h.put("package-lock.json", lock)
			h.put("s.js", server)
			h.put("$HOME", "")
		}, nil},
		"names that are patterns": {func(h hostile) {
			h.put("package.json", started)
			h.put("package-lock.json", lock)
			h.put("s.js", server)
			h.put("st*r", "")
		}, []string{"SLP226 a Dockerfile cannot contain its name"}},
		"names that escape": {func(h hostile) {
			h.put("package.json", started)
			h.put("package-lock.json", lock)
			h.put("s.js", server)
			h.put(`a\b`, "")
		}, []string{"SLP226 a Dockerfile cannot contain its name"}},
		"an ignore file of stars": {func(h hostile) {
			h.put("package.json", started)
			h.put("package-lock.json", lock)
			h.put(strings.Repeat("a", 200)+"/s.js", "")
			h.put("s.js", server)
			h.put(".dockerignore", strings.Repeat(strings.Repeat("*a", 100)+"b\n", 200))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.make(hostile{t, dir})
			findings := bounded(t, func() diag.Findings {
				_, survey := detect.Survey(rooted(t, dir), nil)
				_, plan := detect.Plan(rooted(t, dir), nil)
				return append(survey, plan...)
			})
			for _, want := range c.want {
				code, text, _ := strings.Cut(want, " ")
				if !strings.Contains(findings.Error(), text) || !strings.Contains(findings.Error(), "["+code) {
					t.Errorf("no finding %s in:\n%v", want, findings)
				}
			}
			if out := findings.Error(); out != diag.PrintableLines(out) {
				t.Errorf("the findings write to the terminal: %q", out)
			}
		})
	}
}

// TestUnreadable: what the user may not read is said, the rest is found.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	h := hostile{t, t.TempDir()}
	h.put("a/package.json", "{}")
	h.do(os.Chmod(h.path("a/package.json"), 0))
	h.put("b/index.html", "")
	h.put("c/package.json", "{}")
	h.do(os.Chmod(h.path("c"), 0))
	t.Cleanup(func() { _ = os.Chmod(h.path("c"), 0o755) })
	found, findings := detect.Survey(rooted(t, h.root), nil)
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprint(f.Service.Path, " ", f.Findings.Errors() == nil))
	}
	if diff := cmp.Diff([]string{"a false", "b true"}, got); diff != "" || len(findings) == 0 {
		t.Errorf("%v (-want +got):\n%s", findings, diff)
	}
}

// TestYAMLBombs: an alias is refused before it is followed.
func TestYAMLBombs(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := range 20 {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", 'b'+i, 'b'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i)
	}
	h := hostile{t, t.TempDir()}
	h.put("package.json", `{"name": "x"}`)
	h.put("pnpm-workspace.yaml", bomb)
	h.put("pnpm-lock.yaml", bomb)
	h.put(".yarnrc.yml", bomb)
	bounded(t, func() diag.Findings {
		if _, findings := config.Parse(config.FileName, []byte(bomb)); findings.Errors() == nil {
			t.Error("slipway.yaml takes it")
		}
		_, findings := detect.Plan(rooted(t, h.root), nil)
		return findings
	})
}

// bounded runs what has to end within seconds and tens of megabytes.
func bounded(t *testing.T, run func() diag.Findings) diag.Findings {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan diag.Findings, 1)
	go func() { done <- run() }()
	select {
	case findings := <-done:
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 600<<20 {
			t.Errorf("it took %d MB", used>>20)
		}
		return findings
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
		return nil
	}
}
