//go:build unix

package detect_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/test/pace"
)

// The monorepo of the limit that detection has to keep: 1,000 packages of about
// 20 files, of which 100 are services, 60 directories in other languages, and a
// lock file of 1.5 MB.
const (
	monorepoPackages = 1000
	monorepoServices = 100
	monorepoGo       = 30
	monorepoPython   = 30
)

// monorepo writes it and returns the number of its services; a package has that
// many sources and half as many tests.
func monorepo(t testing.TB, root string, sources int) int {
	t.Helper()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, filepath.FromSlash(name))
		err := os.WriteFile(name, []byte(text), 0o644)
		if os.IsNotExist(err) {
			if err = os.MkdirAll(filepath.Dir(name), 0o755); err == nil {
				err = os.WriteFile(name, []byte(text), 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("package.json", `{"name": "big", "private": true, "workspaces": ["apps/*", "packages/*"], "engines": {"node": "22"}}`)
	lock := []string{`"": {"name": "big", "workspaces": ["apps/*", "packages/*"]}`}
	for i := range 3000 {
		lock = append(lock, fmt.Sprintf(`"node_modules/d%d": {"version": "1.2.%d", "resolved": "https://npm.example/d%d/-/d%d-1.2.%d.tgz", "integrity": "sha512-%s==", "dependencies": {"d%d": "^1.0.0"}}`, i, i, i, i, i, strings.Repeat("a", 86), i/2))
	}
	source := "import { a } from './a';\nexport const b = a + 1;\n" + strings.Repeat("// a line of a program that says little\n", 30)
	for i := range monorepoPackages {
		dir, name, scripts := fmt.Sprintf("packages/p%d", i), fmt.Sprintf("@big/p%d", i), `"build": "tsc"`
		deps := fmt.Sprintf(`"d%d": "^1.0.0"`, i)
		if i < monorepoServices {
			dir, name, scripts = fmt.Sprintf("apps/a%d", i), fmt.Sprintf("@big/a%d", i), `"build": "tsc", "start": "node dist/index.js"`
			deps += fmt.Sprintf(`, "@big/p%d": "*", "@big/p%d": "*"`, 200+i*7, 999-i)
			write(dir+"/src/index.ts", "import http from 'node:http';\nhttp.createServer((q, r) => r.end('ok')).listen(3000);\n"+source)
		} else if i >= 2*monorepoServices {
			deps += fmt.Sprintf(`, "@big/p%d": "*"`, i/2+50)
		}
		body := fmt.Sprintf(`"name": %q, "version": "1.0.0", "main": "dist/index.js", "scripts": {%s}, "dependencies": {%s}, "devDependencies": {"typescript": "5.6.3"}`, name, scripts, deps)
		write(dir+"/package.json", "{"+body+"}\n")
		lock = append(lock, fmt.Sprintf("%q: {%s}", dir, body))
		write(dir+"/tsconfig.json", `{"compilerOptions": {"outDir": "dist", "rootDir": "src"}, "include": ["src"]}`)
		write(dir+"/README.md", "# "+name+"\n")
		for j := range sources {
			write(fmt.Sprintf("%s/src/lib/m%d.ts", dir, j), source)
		}
		for j := range sources / 2 {
			write(fmt.Sprintf("%s/test/m%d.test.ts", dir, j), source)
		}
	}
	write("package-lock.json", `{"name": "big", "lockfileVersion": 3, "packages": {`+strings.Join(lock, ",\n")+"}}\n")
	for i := range monorepoGo {
		dir := fmt.Sprintf("go/s%d", i)
		write(dir+"/go.mod", fmt.Sprintf("module big.example/go/s%d\n\ngo 1.26\n", i))
		write(dir+"/main.go", fmt.Sprintf("package main\n\nimport (\n\t\"net/http\"\n\n\t\"big.example/go/s%d/internal/store\"\n)\n\nfunc main() { store.Open(); http.ListenAndServe(\":8080\", nil) }\n", i))
		for j := range 17 {
			write(fmt.Sprintf("%s/internal/store/f%d.go", dir, j), fmt.Sprintf("package store\n\nfunc f%d() {}\n", j))
		}
	}
	for i := range monorepoPython {
		dir := fmt.Sprintf("python/s%d", i)
		write(dir+"/requirements.txt", "fastapi==0.115.0\nuvicorn==0.30.6\n")
		write(dir+"/main.py", "from fastapi import FastAPI\n\napp = FastAPI()\n")
		for j := range 17 {
			write(fmt.Sprintf("%s/pkg/f%d.py", dir, j), "def f():\n    return 1\n")
		}
	}
	return monorepoServices + monorepoGo + monorepoPython
}

// rooted is a directory as the commands open it.
func rooted(t testing.TB, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root.FS()
}

// processorTime is what this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestMonorepoInTime: detection of 1,000 packages takes at most a second. What is
// measured is processor time, because the machine may have other work; with the
// collector's it is about 0.5 s (2026-11-30), and the bound leaves room.
func TestMonorepoInTime(t *testing.T) {
	dir := t.TempDir()
	want := monorepo(t, dir, 2)
	start := processorTime(t)
	found, findings := detect.Survey(rooted(t, dir), nil)
	took := processorTime(t) - start
	for _, f := range found {
		if err := f.Findings.Errors(); err != nil {
			t.Fatal(err)
		}
	}
	if len(found) != want || findings.Errors() != nil {
		t.Errorf("%d services instead of %d, %v", len(found), want, findings)
	}
	t.Logf("%d services in %v", len(found), took)
	if took > pace.Within(1500*time.Millisecond) {
		t.Errorf("it took %v", took)
	}
}

// BenchmarkMonorepo measures detection and planning. SLIPWAY_MONOREPO writes the
// repository where a person can try it.
func BenchmarkMonorepo(b *testing.B) {
	dir := os.Getenv("SLIPWAY_MONOREPO")
	if dir == "" {
		dir = b.TempDir()
	}
	monorepo(b, dir, 12)
	b.Run("survey", func(b *testing.B) {
		for b.Loop() {
			detect.Survey(rooted(b, dir), nil)
		}
	})
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			detect.Plan(rooted(b, dir), nil)
		}
	})
}
