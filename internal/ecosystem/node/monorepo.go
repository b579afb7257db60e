package node

import (
	"encoding/json"
	"path"
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

// nxProgram is the directory and the file that the build of a single Nx project
// writes, by its project.json; "" when there is none, or its start script runs
// something else (https://nx.dev/nx-api/esbuild/executors/esbuild).
func (s *service) nxProgram() (dir, file string) {
	start := strings.Fields(s.pkg.Scripts["start"])
	if len(s.Want.Command) > 0 || len(start) > 0 && !slices.Contains(start, "nx") || !slices.Contains(s.buildWords(), "nx") {
		return "", ""
	}
	data, err := ecosystem.Read(s.Dir, "project.json")
	if err != nil {
		return "", ""
	}
	var project struct {
		Targets struct {
			Build struct {
				Options struct {
					OutputPath string `json:"outputPath"`
					Main       string `json:"main"`
					FileName   string `json:"outputFileName"`
				} `json:"options"`
			} `json:"build"`
		} `json:"targets"`
	}
	if json.Unmarshal(plainJSON(data), &project) != nil {
		return "", ""
	}
	o := project.Targets.Build.Options
	if o.OutputPath == "" || !inside(o.OutputPath) || o.Main == "" {
		return "", ""
	}
	name := strings.TrimSuffix(path.Base(o.Main), path.Ext(o.Main)) + ".js"
	return path.Clean(o.OutputPath), ecosystem.Or(o.FileName, name)
}
