package python

import (
	"maps"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// pipfile is the part of Pipfile that matters here.
type pipfile struct {
	Requires map[string]any `toml:"requires"`
	Packages map[string]any `toml:"packages"`
}

// pipenvScript writes what Pipfile.lock pins, else what Pipfile asks for; Pipenv
// itself is not needed for that. pip takes nothing from git beside digests.
const pipenvScript = `import json

packages = json.loads(open("Pipfile.lock", "rb").read())["default"]
hashed = not any("git" in p for p in packages.values())
for name, p in packages.items():
    extras = "[" + ",".join(p["extras"]) + "]" if "extras" in p else ""
    marker = " ; " + p["markers"] if "markers" in p else ""
    if "git" in p:
        print(name + extras + " @ git+" + p["git"] + "@" + p.get("ref", "HEAD") + marker)
    elif "path" not in p and "file" not in p:
        print(name + extras + p["version"] + marker, *("--hash=" + h for h in p.get("hashes", []) if hashed))
`

const pipfileScript = tomlModule + `
for name, p in tomllib.load(open("Pipfile", "rb"))["packages"].items():
    p = p if isinstance(p, dict) else {"version": p}
    extras = "[" + ",".join(p["extras"]) + "]" if "extras" in p else ""
    marker = " ; " + p["markers"] if "markers" in p else ""
    version = p.get("version", "*")
    if "git" in p:
        print(name + extras + " @ git+" + p["git"] + "@" + p.get("ref", "HEAD") + marker)
    elif "path" not in p and "file" not in p:
        print(name + extras + ("" if version == "*" else version) + marker)
`

func unmarshalTOML(data []byte, into any) error { return toml.Unmarshal(data, into) }

// pipenv installs what Pipfile.lock pins, and without one that fits what Pipfile
// asks for.
func (s *service) pipenv() bool {
	data, err := ecosystem.Read(s.Dir, "Pipfile")
	var p pipfile
	if err == nil {
		err = toml.Unmarshal(data, &p)
	}
	if err != nil {
		s.Report(diag.Error, codeManifest, "Pipfile", errorLine(err), "", "Pipfile is not valid: %v", err)
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(p.Packages)) {
		d := tableDep(name, p.Packages[name])
		d.file, d.line = "Pipfile", lineOf(data, name)
		s.deps[d.name] = d
	}
	s.manager = manager{
		name: "Pipenv", manifests: []string{"Pipfile", "Pipfile.lock"}, script: pipenvScript, cache: pipCache,
		install: []string{"python3 " + scriptFile + " > " + exported, pipInstall + exported},
	}
	if !ecosystem.Exists(s.Dir, "Pipfile.lock") {
		s.withoutLock("Pipenv", "Pipfile", "pipenv lock", "Pipfile.lock")
	} else if !s.pipfileLock() {
		return false
	}
	if s.stale {
		s.manager.manifests, s.manager.script, s.manager.open = []string{"Pipfile"}, pipfileScript, true
	}
	return s.pipfileReferences(data, p)
}

// pipfileLock reads Pipfile.lock.
func (s *service) pipfileLock() bool {
	text, err := ecosystem.Read(s.Dir, "Pipfile.lock")
	var lock pipfileLock
	if err == nil {
		lock, err = s.readPipfileLock(text)
	}
	if err != nil {
		s.Report(diag.Error, codeManifest, "Pipfile.lock", 0, s.inDir("pipenv lock"), "Pipfile.lock is not valid: %v", err)
		return false
	}
	s.Fact("package manager", "Pipenv", "lock file", "Pipfile.lock", 0)
	locked := map[string]bool{}
	for name := range lock.Default {
		locked[normalised(name)] = true
	}
	var missing []string
	line := 0
	for _, name := range slices.Sorted(maps.Keys(s.deps)) {
		if !locked[name] {
			if missing = append(missing, name); line == 0 {
				line = s.deps[name].line
			}
		}
	}
	if len(missing) > 0 {
		s.outOfDate("Pipfile.lock", "pipenv lock", "Pipfile", line, missingIn(missing))
	}
	return true
}

// pipfileReferences takes projects of the repository and what git fetches.
func (s *service) pipfileReferences(data []byte, p pipfile) bool {
	var all []placed
	for _, name := range slices.Sorted(maps.Keys(p.Packages)) {
		for _, t := range tables(p.Packages[name]) {
			if address, ok := t["git"].(string); ok && !s.needGit(name, address, "Pipfile", lineOf(data, name)) {
				return false
			}
			for _, key := range []string{"path", "file"} {
				if at, ok := t[key].(string); ok {
					r := parseReference(at)
					all = append(all, placed{local{name: normalised(name), dir: r.path, extras: r.extras}, "Pipfile", lineOf(data, name)})
				}
			}
		}
	}
	return s.takeLocals(all)
}
