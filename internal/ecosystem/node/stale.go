package node

import (
	"bytes"
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// manifestsRead are the manifests that the install of the service reads: its own,
// the workspace's, and those of the packages of the workspace that it needs.
func (s *service) manifestsRead() map[string]*manifest {
	out := map[string]*manifest{".": s.topManifest()}
	if s.member != "" {
		out[s.member] = s.pkg
		for _, m := range s.needed {
			out[m.dir] = m.pkg
		}
	}
	return out
}

// dependencyNames are the names of all direct dependencies, each as a lock file has
// it: all that is known where there is none that can be read.
func (s *service) dependencyNames() []byte {
	var b bytes.Buffer
	for _, m := range s.manifestsRead() {
		for name := range union(m.Dependencies, m.OptionalDeps) {
			b.WriteString(" " + name + "@\n")
		}
	}
	return b.Bytes()
}

// namesOf are the first groups of what an expression finds.
func (s *service) namesOf(re *regexp.Regexp, data []byte) []string {
	var out []string
	for _, m := range re.FindAllSubmatch(data, -1) {
		out = append(out, string(m[1]))
	}
	return out
}

// isMemberName reports a package of the workspace, which no registry has.
func (s *service) isMemberName(name string) bool {
	return slices.ContainsFunc(s.needed, func(m member) bool { return m.pkg.Name == name })
}

// compareOther reports the first dependency that the lock file of pnpm, Yarn or Bun
// lacks, or has for another range of versions: their frozen installs would refuse it.
// What the comparison does not understand is taken for right.
func (s *service) compareOther(data []byte) {
	s.gitInLock(data)
	if s.manager.bare || s.manager.lock == "bun.lockb" {
		return
	}
	var has func(dir, name, asked string) string // "" for one that fits
	switch s.manager.name {
	case "pnpm":
		has = pnpmLock(data)
	case "bun":
		has = bunLock(data)
	default:
		has = s.yarnLock(data)
	}
	all := s.manifestsRead()
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		for _, key := range []string{"dependencies", "devDependencies", "optionalDependencies"} {
			deps := map[string]map[string]string{"dependencies": all[dir].Dependencies, "devDependencies": all[dir].DevDeps, "optionalDependencies": all[dir].OptionalDeps}[key]
			for _, name := range slices.Sorted(maps.Keys(deps)) {
				if present := has(dir, name, deps[name]); present != "" {
					s.outOfStep(s.topFile(path.Join(dir, "package.json")), all[dir].line(key, name), "%s is %q in package.json and %s in the lock file", name, deps[name], present)
					return
				}
			}
		}
	}
}

// absent is what a lock file says of a package that it does not name.
const absent = "absent"

// yarnLock reads the names and ranges that the entries of a yarn.lock are for:
// `ms@^2.0.0, "ms@npm:2.1.3":`. A manifest with resolutions changes ranges.
func (s *service) yarnLock(data []byte) func(dir, name, asked string) string {
	entries, names := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.ContainsAny(line[:1], " #_") || !strings.HasSuffix(line, ":") {
			continue
		}
		for _, entry := range strings.Split(strings.ReplaceAll(strings.TrimSuffix(line, ":"), `"`, ""), ", ") {
			entries[entry] = true
			if at := strings.Index(entry[min(1, len(entry)):], "@"); at >= 0 { // the first is that of a scope
				names[entry[:at+1]] = true
			}
		}
	}
	berry, changed := s.manager.name == "berry", bytes.Contains(s.topManifest().data, []byte(`"resolutions"`))
	return func(_, name, asked string) string {
		switch {
		case strings.Contains(asked, ":") || s.isMemberName(name) || strings.Contains(asked, "/"):
			return "" // of a protocol of its own, which entries write in more than one way
		case !names[name]:
			return absent
		case changed || entries[name+"@"+asked] || berry && entries[name+"@npm:"+asked]:
			return ""
		}
		return "for another range"
	}
}

// bunLock reads the manifests that a bun.lock was made for.
func bunLock(data []byte) func(dir, name, asked string) string {
	var lock struct {
		Workspaces map[string]struct {
			Dependencies    map[string]string `json:"dependencies"`
			DevDependencies map[string]string `json:"devDependencies"`
			OptionalDeps    map[string]string `json:"optionalDependencies"`
		} `json:"workspaces"`
	}
	broken := json.Unmarshal(plainJSON(data), &lock) != nil
	return func(dir, name, asked string) string {
		w, ok := lock.Workspaces[strings.TrimPrefix(dir, ".")]
		if broken || !ok && dir != "." {
			return ""
		}
		return compared(union(union(w.Dependencies, w.DevDependencies), w.OptionalDeps), name, asked)
	}
}

// compared is what a lock file has for a name in place of what is asked, "" for the
// same.
func compared(present map[string]string, name, asked string) string {
	switch got, ok := present[name]; {
	case !ok:
		return absent
	case got != asked:
		return "\"" + got + "\""
	}
	return ""
}

// pnpmLock reads the manifests that a pnpm-lock.yaml of the formats 5 to 9 was made
// for: those of importers, or of the directory itself. pnpm writes one style of
// YAML, with two spaces a level. Overrides change ranges.
func pnpmLock(data []byte) func(dir, name, asked string) string {
	importers := map[string]map[string]string{}
	var at []string
	changed := false
	for line := range strings.Lines(string(data)) {
		text := strings.TrimLeft(line, " ")
		key, value, ok := strings.Cut(strings.TrimSpace(text), ": ")
		if key == "" || strings.HasPrefix(key, "#") {
			continue
		}
		if !ok {
			key, ok = strings.CutSuffix(key, ":")
		}
		depth := (len(line) - len(text)) / 2
		if !ok || depth > len(at) {
			continue
		}
		at = append(at[:depth], strings.Trim(key, `'"`))
		if depth == 0 && (key == "packages" || key == "snapshots") {
			break
		}
		changed = changed || depth == 0 && key == "overrides"
		dir, rest := ".", at
		if at[0] == "importers" && len(at) > 1 {
			dir, rest = at[1], at[2:]
			if importers[dir] == nil {
				importers[dir] = map[string]string{}
			}
		}
		switch {
		case len(rest) == 2 && rest[0] == "specifiers", len(rest) == 3 && rest[2] == "specifier" && strings.HasSuffix(strings.ToLower(rest[0]), "dependencies"):
			if importers[dir] == nil {
				importers[dir] = map[string]string{}
			}
			importers[dir][rest[1]] = strings.Trim(value, `'"`)
		}
	}
	return func(dir, name, asked string) string {
		present, ok := importers[dir]
		switch {
		case strings.HasPrefix(asked, "link:") || !bytes.Contains(data, []byte("lockfileVersion")):
			return "" // links may be left out
		case !ok && dir != ".":
			return absent
		}
		got := compared(present, name, asked)
		if changed && got != absent {
			return ""
		}
		return got
	}
}
