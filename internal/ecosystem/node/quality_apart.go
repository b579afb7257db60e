package node

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
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
	if !ok || v.name != "jest" && v.name != "vitest" || slices.ContainsFunc(v.words[v.at+1:], func(w string) bool {
		return w != "run" && !strings.HasPrefix(w, "-") || strings.HasPrefix(w, "--test") || strings.HasPrefix(w, "--project")
	}) {
		return
	}
	with := func(stage string, words ...string) ecosystem.Check {
		check, one := units[0], v
		at := v.at + 1
		if slices.Contains(v.words, "run") {
			at++
		}
		one.words = slices.Insert(slices.Clone(v.words), at, words...)
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
