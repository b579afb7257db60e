package golang

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// textOf is what the first finding of a code says.
func textOf(findings diag.Findings, code string) string {
	for _, f := range findings {
		if f.Code == code {
			return f.Text
		}
	}
	return ""
}

// TestSums: go completes go.mod and go.sum in the build, and Slipway says so.
func TestSums(t *testing.T) {
	const (
		imports = "package main\n\nimport (\n\t_ \"example.org/x/deep\"\n)\n\nfunc main() {}\n"
		mod     = "module example.com/app\n\ngo 1.26\n\nrequire (\n\texample.org/x v1.2.0\n\texample.org/y v1.0.0 // indirect\n)\n"
		sum     = "example.org/x v1.2.0 h1:a=\nexample.org/x v1.2.0/go.mod h1:b=\nexample.org/y v1.0.0/go.mod h1:c=\n"
	)
	for what, c := range map[string]struct {
		mod, sum  string
		more      map[string]string
		code      string // "" when all is there
		says      string
		minor     string
		completes bool
	}{
		"all is there":           {mod: mod, sum: sum, minor: "1.26"},
		"no go.sum":              {mod: mod, code: codeNoSum, says: "go.sum is missing, but main.go:4 imports example.org/x/deep", minor: "1.26", completes: true},
		"an older version":       {mod: mod, sum: strings.ReplaceAll(sum, "v1.2.0", "v1.1.0"), code: codeStale, says: "go.sum lacks example.org/x v1.2.0", minor: "1.26", completes: true},
		"the go.mod alone":       {mod: mod, sum: strings.Replace(sum, "example.org/x v1.2.0 h1:a=\n", "", 1), code: codeStale, says: "lacks example.org/x v1.2.0", minor: "1.26", completes: true},
		"no indirect one":        {mod: mod, sum: strings.Replace(sum, "example.org/y", "example.org/z", 1), code: codeStale, says: "lacks the go.mod of example.org/y", minor: "1.26", completes: true},
		"not required":           {mod: "module example.com/app\n\ngo 1.22\n", sum: sum, code: codeStale, says: "go.mod requires no module with example.org/x/deep", minor: "1.26", completes: true},
		"no go.sum, old Go":      {mod: strings.Replace(mod, "1.26", "1.22", 1), code: codeNoSum, says: "go.sum is missing", minor: "1.22", completes: true},
		"replaced by a module":   {mod: mod + "\nreplace example.org/x => example.net/fork v1.9.0\n", sum: strings.ReplaceAll(sum, "example.org/x v1.2.0", "example.net/fork v1.9.0"), minor: "1.26"},
		"replaced, not in sums":  {mod: mod + "\nreplace example.org/x => example.net/fork v1.9.0\n", sum: sum, code: codeStale, says: "lacks example.net/fork v1.9.0", minor: "1.26", completes: true},
		"replaced by directory":  {mod: mod + "\nreplace example.org/x => ./x\n", sum: "example.org/y v1.0.0/go.mod h1:c=\n", more: map[string]string{"x/go.mod": "module example.org/x\n", "x/deep/a.go": "package deep\n"}, minor: "1.26"},
		"workspace without sums": {mod: mod, more: map[string]string{"go.work": "go 1.26\n\nuse .\n"}, code: codeNoSum, says: "go.sum is missing", minor: "1.26"},
	} {
		files := map[string]string{"main.go": imports, "go.mod": c.mod}
		if c.sum != "" {
			files["go.sum"] = c.sum
		}
		for name, text := range c.more {
			files[name] = text
		}
		s := inspected(t, files, config.Service{})
		if err := s.Findings.Errors(); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if c.code == "" && len(s.Findings) > 0 || c.code != "" && !strings.Contains(textOf(s.Findings, c.code), c.says) {
			t.Errorf("%s: %v, want %s %q", what, s.Findings, c.code, c.says)
		}
		env := s.plan(nil).Stages[0].Steps[1].Args
		if slices.Contains(env, "GOFLAGS=-buildvcs=false -mod=mod") != c.completes || s.minor != c.minor {
			t.Errorf("%s: Go %s with %v", what, s.minor, env)
		}
	}
	s := inspected(t, map[string]string{"main.go": imports, "go.mod": "module example.com/app\n\ngo 1.26\n", "go.work": "go 1.26\n\nuse .\n", "go.sum": sum}, config.Service{})
	if err := s.Findings.Errors(); err == nil || !strings.Contains(err.Error(), codeStale) {
		t.Errorf("a workspace's module that lacks a requirement: %v", s.Findings)
	}
}

// TestStaleVendor: go refuses a vendor directory that does not fit, so the build
// downloads.
func TestStaleVendor(t *testing.T) {
	const mod = "module example.com/app\n\ngo 1.26\n\nrequire example.org/x v1.2.0\n"
	for listed, want := range map[string]bool{
		"# example.org/x v1.2.0\n## explicit\nexample.org/x\n": true,
		"# example.org/x v1.2.0 => ./x\n## explicit\n":         true,
		"# example.org/x v1.1.0\n## explicit\nexample.org/x\n": false,
		"# example.org/y v1.0.0\n## explicit\n":                false,
	} {
		s := inspected(t, map[string]string{
			"main.go": "package main\n\nimport _ \"example.org/x\"\n\nfunc main() {}\n", "go.mod": mod, "vendor/modules.txt": listed,
			"go.sum": "example.org/x v1.2.0 h1:a=\nexample.org/x v1.2.0/go.mod h1:b=\n",
		}, config.Service{})
		if s.vendored != want || (textOf(s.Findings, codeStale) == "") != want || s.Findings.Errors() != nil {
			t.Errorf("%q: vendored %v, %v", listed, s.vendored, s.Findings)
		}
	}
}

// TestPrivateModules get the login of a secret, which no layer holds.
func TestPrivateModules(t *testing.T) {
	for text, want := range map[string]string{
		"export GOPRIVATE=git.example/*\n":                    "git.example/*",
		"build:\n\tGOPRIVATE=\"git.example/team\" go build\n": "git.example/team",
		"build:\n\tGOPRIVATE=git.other go build\n":            "",
		"build:\n\tgo build\n":                                "",
	} {
		s := inspected(t, map[string]string{
			"main.go": "package main\n\nimport _ \"git.example/team/x\"\n\nfunc main() {}\n", "go.mod": "module example.com/app\n\ngo 1.26\n\nrequire git.example/team/x v1.0.0\n",
			"go.sum": "git.example/team/x v1.0.0 h1:a=\ngit.example/team/x v1.0.0/go.mod h1:b=\n", "Makefile": text,
		}, config.Service{})
		secrets := 0
		for _, st := range s.plan(nil).Stages {
			for _, step := range st.Steps {
				if slices.Contains(step.Mounts, plan.Mount{Type: "secret", ID: "netrc", Target: "/root/.netrc"}) {
					secrets++
				}
			}
		}
		if s.privacy != want || (secrets == 3) != (want != "") {
			t.Errorf("%q: GOPRIVATE=%s, %d secrets", text, s.privacy, secrets)
		}
	}
}
