package node

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// globalInputs are files that Turborepo or Nx say every package of the workspace
// is built from, as far as they are plain names
// (https://turborepo.com/docs/reference/configuration#globaldependencies,
// https://nx.dev/reference/inputs).
func (s *service) globalInputs() []string {
	var named []string
	var turbo struct {
		GlobalDependencies []string `json:"globalDependencies"`
	}
	for _, name := range []string{"turbo.json", "turbo.jsonc"} {
		if data, err := ecosystem.Read(s.top, name); err == nil && json.Unmarshal(plainJSON(data), &turbo) == nil {
			named = append(named, turbo.GlobalDependencies...)
		}
	}
	var nx struct {
		NamedInputs map[string][]any `json:"namedInputs"`
	}
	if data, err := ecosystem.Read(s.top, "nx.json"); err == nil && json.Unmarshal(plainJSON(data), &nx) == nil {
		for _, input := range slices.Concat(nx.NamedInputs["default"], nx.NamedInputs["production"], nx.NamedInputs["sharedGlobals"]) {
			if text, ok := input.(string); ok && strings.HasPrefix(text, "{workspaceRoot}/") {
				named = append(named, strings.TrimPrefix(text, "{workspaceRoot}/"))
			}
		}
	}
	var out []string
	for _, name := range named {
		if plainPath().MatchString(name) && !strings.Contains(name, "/") && !strings.HasPrefix(name, ".env") && ecosystem.Exists(s.top, name) && !ecosystem.IsDir(s.top, name) {
			out = append(out, name)
		}
	}
	return out
}

// orchestrated tells whether a build of the service or of what it needs calls
// Turborepo or Nx, which then reads its configuration.
func (s *service) orchestrated(tool string) bool {
	calls := func(m *manifest) bool { return slices.Contains(strings.Fields(m.Scripts["build"]), tool) }
	return calls(s.pkg) || slices.ContainsFunc(s.needed, func(m member) bool { return calls(m.pkg) })
}
