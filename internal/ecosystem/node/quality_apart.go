package node

import (
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// apartTests moves tests of a directory for them to a stage of their own, where one
// command runs all: they may need companions, and the others need not wait for those.
func (s *service) apartTests(t tests, proof *ecosystem.Proof) {
	units := proof.Checks[plan.StageUnitTests]
	if t.apart == "" || !t.other || len(units) != 1 || len(proof.Checks[plan.StageIntegration]) > 0 || proof.Missing[plan.StageIntegration] != "" {
		return
	}
	name := strings.TrimPrefix(units[0].Why, "script ")
	command := s.pkg.Scripts[name]
	if s.pkg.Scripts["pre"+name] != "" {
		return
	}
	if flat := s.flat(name, 4); command != "" && len(flat) == 1 {
		command = flat[0]
	} else if command == "" {
		command = map[string]string{"Jest": "jest", "Vitest": "vitest"}[units[0].Tool]
	}
	v, ok := invocationOf(command)
	if !ok || v.name != "jest" && v.name != "vitest" {
		return
	}
	at := v.at + 1 // where names of tests go
	if v.name == "vitest" && at < len(v.words) && v.words[at] == "run" {
		at++
	}
	if slices.ContainsFunc(v.words[at:], choosesTests) || s.configuresTests(v.name) {
		return
	}
	with := func(stage string, words ...string) ecosystem.Check {
		check, one := units[0], v
		one.words, one.part = slices.Insert(slices.Clone(v.words), at, words...), true
		check.Run = one.line(s, plan.ReportsOf(stage))
		return check
	}
	unit := []string{"--testPathIgnorePatterns=/node_modules/", "--testPathIgnorePatterns=/" + t.apart + "/"}
	if v.name == "vitest" {
		unit = []string{"--exclude='**/" + t.apart + "/**'"}
	}
	proof.Checks[plan.StageUnitTests] = []ecosystem.Check{with(plan.StageUnitTests, unit...)}
	proof.Checks[plan.StageIntegration] = []ecosystem.Check{with(plan.StageIntegration, "/"+t.apart+"/")}
}

// choosesTests reports a word of Jest or Vitest with which the command itself says what
// it runs, or whose settings say it.
func choosesTests(word string) bool {
	return !strings.HasPrefix(word, "-") || slices.ContainsFunc([]string{"--test", "--project", "--selectProjects", "--config", "-c=", "--root", "--dir", "--include", "--exclude", "--workspace"},
		func(option string) bool { return strings.HasPrefix(word, option) })
}

// testChoice is what settings of Jest and Vitest choose tests by, and a file of the
// repository that may say more.
var testChoice = pattern.Lazy(`\b(?:testPathIgnorePatterns|modulePathIgnorePatterns|testMatch|testRegex|projects|include|exclude|roots)\b|\b(?:rootDir|root|dir|workspace)\b["']?\s*:|\b(?:from|require\(|import\()\s*["']\.`)

// configuresTests reports settings that choose tests. Options of the command would take
// their place: tests that a project excludes would run, or none would be left.
func (s *service) configuresTests(tool string) bool { return s.settingsSay(tool, testChoice()) }

// settingsSay reports settings of Jest or Vitest that an expression fits, or that cannot be
// read.
func (s *service) settingsSay(tool string, what *regexp.Regexp) bool {
	names := map[string][]string{"jest": {"jest.config.*"}, "vitest": {"vitest.config.*", "vitest.workspace.*", "vite.config.*"}}[tool]
	var own struct {
		Jest json.RawMessage `json:"jest"`
	}
	if tool == "jest" && json.Unmarshal(s.pkg.data, &own) == nil && what.Match(own.Jest) {
		return true
	}
	for _, dir := range []fs.FS{s.Dir, s.top} {
		entries, _ := fs.ReadDir(dir, ".")
		for _, e := range entries {
			if e.IsDir() || !slices.ContainsFunc(names, func(n string) bool { ok, _ := path.Match(n, e.Name()); return ok }) {
				continue
			}
			if data, err := ecosystem.Read(dir, e.Name()); err != nil || what.Match(data) {
				return true
			}
		}
	}
	return false
}
