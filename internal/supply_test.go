package internal_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"
)

// thirdParty returns the tables of docs/THIRD_PARTY.md by their headings: "module
// version", and the licences by module.
func thirdParty(t *testing.T) (modules map[string][]string, licences map[string]string) {
	t.Helper()
	data, err := os.ReadFile("../docs/THIRD_PARTY.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`^\| \[([^\]]+)\]\(\S+\) \| (\S+) \| (.*) \|$`)
	modules, licences = map[string][]string{}, map[string]string{}
	heading := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if h, ok := strings.CutPrefix(line, "## "); ok {
			heading = h
		}
		if m := row.FindStringSubmatch(line); m != nil {
			modules[heading] = append(modules[heading], m[1]+" "+m[2])
			licences[m[1]] = m[3]
		}
	}
	return modules, licences
}

// linked asks the go command which modules a program links on a system.
func linked(t *testing.T, system, tags, pkg string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tags, "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", pkg)
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	lines := strings.Fields(strings.ReplaceAll(string(out), " ", "\x00"))
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], "\x00", " ")
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// TestThirdPartyIsCurrent: docs/THIRD_PARTY.md has every module that the shipped
// programs link, and no other, at these versions, each with a licence.
func TestThirdPartyIsCurrent(t *testing.T) {
	modules, licences := thirdParty(t)
	programs := map[string][]string{
		"slipway on Linux": linked(t, "linux", "", "../cmd/slipway"),
		"slipway-probe":    linked(t, "linux", "probetls", "../cmd/slipway-probe"),
		"slipway-tools":    linked(t, "linux", "", "../cmd/slipway-tools"),
	}
	if os.Getenv("SLIPWAY_CHECK") == "1" { // what only other systems' builds link need not be downloaded
		both := append(linked(t, "darwin", "", "../cmd/slipway"), linked(t, "windows", "", "../cmd/slipway")...)
		slices.Sort(both)
		programs["slipway on macOS and Windows, in addition"] = slices.DeleteFunc(slices.Compact(both), func(m string) bool {
			return slices.Contains(programs["slipway on Linux"], m)
		})
	}
	for heading, want := range programs {
		slices.Sort(modules[heading])
		if diff := cmp.Diff(want, modules[heading]); diff != "" {
			t.Errorf("docs/THIRD_PARTY.md, %s (-linked +listed); run: make licences\n%s", heading, diff)
		}
	}
	for m, ids := range licences {
		if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.+-]+( (AND|OR) [A-Za-z0-9.+-]+)*$`).MatchString(ids) {
			t.Errorf("docs/THIRD_PARTY.md: %s has the licence %q", m, ids)
		}
	}
}

// TestThirdPartyOfRuncIsCurrent compares the versions with the pinned ones; the
// modules of runc need not be downloaded for it.
func TestThirdPartyOfRuncIsCurrent(t *testing.T) {
	modules, _ := thirdParty(t)
	data, err := os.ReadFile("assets/runc/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	pins, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	pinned := map[string]bool{}
	for _, r := range pins.Require {
		pinned[r.Mod.Path+" "+r.Mod.Version] = true
	}
	for _, m := range modules["runc"] {
		if !pinned[m] {
			t.Errorf("docs/THIRD_PARTY.md has %s for runc, which internal/assets/runc/go.mod does not pin; run: make licences", m)
		}
	}
	if len(modules["runc"]) < 10 || !slices.ContainsFunc(modules["runc"], func(m string) bool { return strings.HasPrefix(m, "github.com/opencontainers/runc ") }) {
		t.Errorf("docs/THIRD_PARTY.md lacks modules of runc: %q", modules["runc"])
	}
}

// TestOneToolchain: all shipped programs are compiled with the same Go, and the
// table of licences names it.
func TestOneToolchain(t *testing.T) {
	var all []string
	for _, file := range []string{"../go.mod", "assets/runc/go.mod", "../scripts/licences/go.mod"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mod, err := modfile.Parse(file, data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if mod.Toolchain == nil {
			t.Fatalf("%s has no toolchain line, which has the fixes of the standard library", file)
		}
		all = append(all, mod.Toolchain.Name)
	}
	if len(slices.Compact(all)) != 1 {
		t.Errorf("the toolchain lines differ: %q", all)
	}
	page, err := os.ReadFile("../docs/THIRD_PARTY.md")
	if err != nil || !strings.Contains(string(page), all[0]+" |") {
		t.Errorf("docs/THIRD_PARTY.md does not name %s (%v); run: make licences", all[0], err)
	}
}

// vulncheck runs the script with a program in place of govulncheck.
func vulncheck(t *testing.T, govulncheck string, env ...string) (output string, err error) {
	t.Helper()
	tool := filepath.Join(t.TempDir(), "govulncheck")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\n"+govulncheck), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "../scripts/vulncheck.sh")
	cmd.Env = append(append(os.Environ(), "GOVULNCHECK="+tool, "GOVULNDB=", "GOPROXY=off", "GOFLAGS=-mod=mod", "GOMODCACHE="+t.TempDir()), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestVulncheck(t *testing.T) {
	const query = `case "$*" in *"-mode query"*) exit $REACHABLE ;; esac` + "\n"
	for name, c := range map[string]struct {
		script, env string
		want        string
		fails       bool
	}{
		"clean":               {query + "echo looked at $*", "REACHABLE=0", "looked at -db https://vuln.go.dev -C internal/assets/runc", false},
		"own database":        {query + "echo looked at $*", "GOVULNDB=file:///db", "looked at -db file:///db ./...", false},
		"found in slipway":    {query + `case "$*" in *runc*) exit 0 ;; esac; exit 3`, "REACHABLE=0", "hint: raise the modules", true},
		"found in runc":       {query + `case "$*" in *runc*) exit 3 ;; esac`, "REACHABLE=0", "hint: raise the modules", true},
		"an accepted one":     {query + "echo 'Vulnerability #1: GO-2026-5932'; exit 3", "REACHABLE=0", "accepted: GO-2026-5932", false},
		"one beside it":       {query + "echo 'Vulnerability #1: GO-2026-5932'; echo 'Vulnerability #2: GO-2026-5933'; exit 3", "REACHABLE=0", "hint: raise the modules", true},
		"no database":         {query + "echo NOT REACHED", "REACHABLE=1", "govulncheck: vulnerability database not reachable: skipped", false},
		"turned off":          {query + "echo NOT REACHED", "GOVULNDB=off", "govulncheck: GOVULNDB=off: skipped", false},
		"own is unreachable":  {`case "$*" in *"-mode query"*) exit 1 ;; esac; echo NOT REACHED`, "GOVULNDB=http://127.0.0.1:1", "vulnerability database not reachable: skipped", false},
		"the code is damaged": {query + "echo cannot load >&2; exit 1", "REACHABLE=0", "cannot load", true},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := vulncheck(t, c.script, c.env)
			if (err != nil) != c.fails || !strings.Contains(out, c.want) || strings.Contains(out, "NOT REACHED") {
				t.Errorf("%v, want failure %v and %q:\n%s", err, c.fails, c.want, out)
			}
		})
	}
}

// testNames returns the names of all tests below the repository.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(\w+ \*testing\.T\)`)
	found := map[string]bool{}
	for _, dir := range []string{"../internal", "../test", "../cmd", "../bench"} {
		err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(p, "_test.go") {
				return err
			}
			data, err := os.ReadFile(p)
			for _, m := range declared.FindAllStringSubmatch(string(data), -1) {
				found[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// unheld returns the problems of the page's tables of what actors could do: tests
// that do not exist, and rows with neither a test nor the words "not held".
func unheld(page string, tests map[string]bool) (problems []string, rows int) {
	for _, m := range regexp.MustCompile("`(Test[A-Za-z0-9_]*)`").FindAllStringSubmatch(page, -1) {
		if !tests[m[1]] {
			problems = append(problems, m[1]+" does not exist")
		}
	}
	_, tables, _ := strings.Cut(page, "\n## Who could do what\n")
	for line := range strings.Lines(tables) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[3]) == "tests" {
			continue
		}
		rows++
		if !strings.Contains(cells[3], "`Test") && !strings.Contains(strings.ToLower(cells[2]), "not held") {
			problems = append(problems, "nothing holds:"+cells[1])
		}
	}
	return problems, rows
}

// TestSecurityNamesItsTests: each line of SECURITY.md names tests that exist, or
// says that it is not held.
func TestSecurityNamesItsTests(t *testing.T) {
	page, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	problems, rows := unheld(string(page), testNames(t))
	for _, p := range problems {
		t.Errorf("SECURITY.md: %s", p)
	}
	if rows < 30 {
		t.Errorf("SECURITY.md has only %d lines of who could do what", rows)
	}
}

func TestUnheldLinesAreFound(t *testing.T) {
	page := "`TestGone`\n## Who could do what\n| it tries to | what stops it | tests |\n|---|---|---|\n| a | b | `TestHere` |\n| c | d | |\n| e | Not held: f | |\n"
	problems, rows := unheld(page, map[string]bool{"TestHere": true})
	if diff := cmp.Diff([]string{"TestGone does not exist", "nothing holds: c "}, problems); diff != "" || rows != 3 {
		t.Errorf("%d rows (-want +got):\n%s", rows, diff)
	}
}
