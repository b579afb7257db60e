package fingerprint

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// The limits of what is read out of lock files: it is only for words.
const (
	maxLockBytes = 16 << 20
	maxPackages  = 5000
	maxShown     = 3
)

// Package is one package of a lock file.
type Package struct {
	Name, Version string
	Direct        bool // asked for by the service itself
}

// MarshalText implements encoding.TextMarshaler.
func (p Package) MarshalText() ([]byte, error) {
	line := p.Version + " " + p.Name
	if p.Direct {
		line = "!" + line
	}
	return []byte(line), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Package) UnmarshalText(text []byte) error {
	line, direct := strings.CutPrefix(string(text), "!")
	version, name, ok := strings.Cut(line, " ")
	if !ok {
		return fmt.Errorf("reading a package of a fingerprint: %q has no name", text)
	}
	*p = Package{name, version, direct}
	return nil
}

// ReadVersions adds the versions of the packages in the lock files among the
// files of a Print, so that Diff can say which package changed. It reads and
// parses them, so call it only for a build that is run. What cannot be parsed is
// left out.
func ReadVersions(ctx context.Context, context Tree, p *Print) error {
	for _, f := range p.Files {
		parse := lockParser(path.Base(f.Path))
		if parse == nil || !f.Mode.IsRegular() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := readLock(context, f)
		if err != nil {
			return fmt.Errorf("reading %s of the build context: %w", f.Path, err)
		}
		found := parse(data)
		if len(found) == 0 || len(found) > maxPackages {
			continue
		}
		slices.SortFunc(found, func(a, b Package) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
		})
		if p.Versions == nil {
			p.Versions = map[string][]Package{}
		}
		p.Versions[f.Path] = slices.Compact(found)
	}
	return nil
}

func readLock(context Tree, f File) ([]byte, error) {
	r, err := context.Open(f.Path, Entry{Name: path.Base(f.Path), Mode: f.Mode})
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxLockBytes))
	return data, errors.Join(err, r.Close())
}

// lockParser returns what reads a file of that name, nil for no lock file.
func lockParser(name string) func([]byte) []Package {
	switch {
	case name == "package-lock.json" || name == "npm-shrinkwrap.json":
		return npmLock
	case name == "go.mod":
		return goMod
	case name == "Cargo.lock" || name == "poetry.lock" || name == "uv.lock" || name == "pdm.lock":
		return tomlLock
	case strings.HasPrefix(name, "requirements") && strings.HasSuffix(name, ".txt"):
		return requirements
	}
	return nil
}

// npmLock reads package-lock.json of version 2 and 3.
func npmLock(data []byte) []Package {
	var lock struct {
		Packages map[string]struct {
			Version              string
			Dependencies         map[string]string
			DevDependencies      map[string]string
			OptionalDependencies map[string]string
		}
	}
	if json.Unmarshal(data, &lock) != nil {
		return nil
	}
	top := lock.Packages[""]
	var out []Package
	for at, p := range lock.Packages {
		name, ok := strings.CutPrefix(at, "node_modules/")
		if !ok || p.Version == "" {
			continue
		}
		direct := top.Dependencies[name] != "" || top.DevDependencies[name] != "" || top.OptionalDependencies[name] != ""
		if i := strings.LastIndex(name, "node_modules/"); i >= 0 {
			name = name[i+len("node_modules/"):]
		}
		out = append(out, Package{name, p.Version, direct})
	}
	return out
}

// goMod reads the requirements of a go.mod.
func goMod(data []byte) []Package {
	var out []Package
	block := false
	for line := range lines(data) {
		line, comment, _ := strings.Cut(line, "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "require" && words[1] == "(":
			block = true
		case len(words) == 1 && words[0] == ")":
			block = false
		case len(words) == 3 && words[0] == "require":
			out = append(out, Package{words[1], words[2], !strings.Contains(comment, "indirect")})
		case block && len(words) == 2:
			out = append(out, Package{words[0], words[1], !strings.Contains(comment, "indirect")})
		case len(words) == 2 && (words[0] == "go" || words[0] == "toolchain"):
			out = append(out, Package{words[0], words[1], true})
		}
	}
	return out
}

// tomlLock reads the [[package]] tables that Cargo and several Python tools
// write alike.
func tomlLock(data []byte) []Package {
	var out []Package
	inside := false
	for line := range lines(data) {
		if strings.HasPrefix(line, "[") {
			if inside = line == "[[package]]"; inside {
				out = append(out, Package{})
			}
			continue
		}
		key, value, ok := strings.Cut(line, " = ")
		if !inside || !ok {
			continue
		}
		switch p := &out[len(out)-1]; key {
		case "name":
			p.Name = strings.Trim(value, `"`)
		case "version":
			p.Version = strings.Trim(value, `"`)
		}
	}
	return slices.DeleteFunc(out, func(p Package) bool { return p.Name == "" || strings.ContainsAny(p.Version, " \t") })
}

// requirements reads the pinned lines of a requirements file.
func requirements(data []byte) []Package {
	var out []Package
	for line := range lines(data) {
		line, _, _ = strings.Cut(line, "#")
		line, _, _ = strings.Cut(line, ";")
		line, _, _ = strings.Cut(line, " --")
		name, version, ok := strings.Cut(strings.TrimRight(line, " \\"), "==")
		name, version = strings.TrimSpace(name), strings.TrimSpace(version)
		if ok && name != "" && version != "" && !strings.ContainsAny(name+version, " ,") {
			out = append(out, Package{strings.ToLower(name), version, true})
		}
	}
	return out
}

// lines yields the trimmed lines of a text.
func lines(data []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		s := bufio.NewScanner(bytes.NewReader(data))
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			if !yield(strings.TrimSpace(s.Text())) {
				return
			}
		}
	}
}

// diffVersions says which packages changed: "express 4.19.2 → 4.21.0 and 3
// more"; "" when it cannot be told.
func diffVersions(old, now []Package) string {
	if len(old) == 0 || len(now) == 0 {
		return ""
	}
	had, has := byName(old), byName(now)
	type changed struct {
		text   string
		direct bool
	}
	var all []changed
	for _, name := range sortedNames(had, has) {
		a, b := had[name], has[name]
		if a.Version == b.Version {
			continue
		}
		text := name + " " + a.Version + " → " + b.Version
		switch {
		case a.Version == "":
			text = name + " " + b.Version + " added"
		case b.Version == "":
			text = name + " " + a.Version + " removed"
		}
		all = append(all, changed{text, a.Direct || b.Direct})
	}
	slices.SortStableFunc(all, func(a, b changed) int {
		switch {
		case a.direct == b.direct:
			return 0
		case a.direct:
			return -1
		}
		return 1
	})
	var words []string
	for _, c := range all[:min(len(all), maxShown)] {
		words = append(words, c.text)
	}
	if more := len(all) - maxShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(words, ", "), more)
	}
	return strings.Join(words, ", ")
}

// byName joins the versions of packages that a lock file has several of.
func byName(list []Package) map[string]Package {
	out := map[string]Package{}
	for _, p := range list {
		if q, ok := out[p.Name]; ok && q.Version != p.Version {
			p.Version = q.Version + "+" + p.Version
		}
		p.Direct = p.Direct || out[p.Name].Direct
		out[p.Name] = p
	}
	return out
}

func sortedNames(a, b map[string]Package) []string {
	var names []string
	for n := range a {
		names = append(names, n)
	}
	for n := range b {
		names = append(names, n)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
