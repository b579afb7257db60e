package deno

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/ecosystem/node"
	"github.com/slipway-build/slipway/internal/pattern"
)

const lockFile = "deno.lock"

// settingsFile is the name of a directory's deno.json, "" without one.
func settingsFile(dir fs.FS) string {
	for _, name := range []string{"deno.json", "deno.jsonc"} {
		if ecosystem.Exists(dir, name) {
			return name
		}
	}
	return ""
}

// settings is the part of deno.json that matters here
// (https://docs.deno.com/runtime/fundamentals/configuration/), with the scripts of a
// package.json beside it.
type settings struct {
	file string
	data []byte

	Name      string         `json:"name"`
	Version   string         `json:"version"`
	License   string         `json:"license"`
	Tasks     map[string]any `json:"tasks"`
	Imports   map[string]any `json:"imports"`
	ImportMap string         `json:"importMap"`
	Exports   any            `json:"exports"`
	Workspace any            `json:"workspace"`
	Lock      any            `json:"lock"`

	scripts map[string]string // of package.json
	npm     bool              // package.json names packages
}

// parseSettings decodes a deno.json. An error says at which line it stopped.
func parseSettings(data []byte) (settings, int, error) {
	s := settings{data: data}
	err := json.Unmarshal(node.PlainJSON(data), &s)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return settings{}, ecosystem.LineAt(data, syntax.Offset), err
	case errors.As(err, &kind):
		return settings{}, ecosystem.LineAt(data, kind.Offset), err
	}
	return s, 0, err
}

// task is the command line of a task: a text, or an object with one.
func (s settings) task(name string) string {
	switch t := s.Tasks[name].(type) {
	case string:
		return t
	case map[string]any:
		command, _ := t["command"].(string)
		return command
	}
	return s.scripts[name]
}

// readSettings reads deno.json and package.json; it is false for what is not valid.
func (s *service) readSettings() bool {
	name := settingsFile(s.Dir)
	if name != "" {
		data, err := ecosystem.Read(s.Dir, name)
		if err != nil {
			s.Report(diag.Error, codeSettings, name, 0, "", "%s cannot be read: %v", name, err)
			return false
		}
		read, line, err := parseSettings(data)
		if err != nil {
			s.Report(diag.Error, codeSettings, name, line, "fix the JSON", "%s is not valid: %v", name, err)
			return false
		}
		s.settings = read
	}
	s.settings.file = name
	var pkg struct {
		Name         string            `json:"name"`
		Version      string            `json:"version"`
		Scripts      map[string]string `json:"scripts"`
		Dependencies map[string]string `json:"dependencies"`
		DevDeps      map[string]string `json:"devDependencies"`
	}
	if data, err := ecosystem.Read(s.Dir, "package.json"); err == nil && json.Unmarshal(data, &pkg) == nil {
		s.settings.scripts, s.settings.npm = pkg.Scripts, len(pkg.Dependencies)+len(pkg.DevDeps) > 0
		s.settings.Name = ecosystem.Or(s.settings.Name, pkg.Name)
		s.settings.Version = ecosystem.Or(s.settings.Version, pkg.Version)
	}
	return true
}

// lineOf is the line of a task.
func (s settings) lineOf(task string) int {
	key, err := json.Marshal(task)
	if err != nil {
		return 0
	}
	for i, line := range lines(s.data) {
		if taskLine().MatchString(line) && quotedKey(line) == string(key) {
			return i + 1
		}
	}
	return 0
}

var taskLine = pattern.Lazy(`^\s*(?:\{\s*)?"[^"]+"\s*:`)

// manifests are the files that say what is installed.
func (s *service) manifests() []string {
	out := []string{"deno.json", "deno.jsonc", lockFile, "package.json", ".npmrc", "vendor.json", "import_map.json", s.settings.ImportMap}
	out = slices.DeleteFunc(out, func(n string) bool {
		return n == "" || !fs.ValidPath(cleanPath(n)) || !ecosystem.Exists(s.Dir, cleanPath(n)) || ecosystem.IsDir(s.Dir, cleanPath(n))
	})
	for i := range out {
		out[i] = cleanPath(out[i])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// packages notes whether the service imports packages, and what pins them.
func (s *service) packages() {
	s.locked = ecosystem.Exists(s.Dir, lockFile)
	if off, ok := s.settings.Lock.(bool); ok && !off {
		s.locked = false
	}
	s.remote = s.settings.npm || len(s.settings.Imports) > 0 || s.settings.ImportMap != "" || s.scan.remote.Found()
	switch {
	case s.locked:
		s.Fact("packages", "deno install", "lock file", lockFile, 0)
	case s.remote:
		at := ecosystem.Or(s.settings.file, s.scan.remote.File)
		s.Fact("packages", "deno install", "no lock file", at, 0)
		s.Unwise(codeNoLock, at, 0, "run deno install and commit deno.lock", "deno.lock is missing, so each build takes the newest packages")
	}
}
