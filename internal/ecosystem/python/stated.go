package python

import (
	"path"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// stated is what a file says of the version of Python. An empty file stands for
// slipway.yaml.
type stated struct {
	file string
	line int
	text string
}

var (
	// toolVersion is the line of Python in a file of asdf or mise.
	toolVersion = pattern.Lazy(`(?m)^[ \t]*python[ \t]+([^#\n]+)`)
	// versionLike is a word that names a version, or another interpreter; others are
	// names of pyenv's virtual environments, and "system".
	versionLike = pattern.Lazy(`^(?:cpython-?|python-?@?|pypy|graalpy)?-?\d[\w.+-]*(?:/envs/.+)?$|^(?:pypy|graalpy)`)
	// condaPython is the interpreter in an environment of conda.
	condaPython      = pattern.Lazy(`(?m)^[ \t]*-[ \t]*["']?python\s*(=?=?[\d.*]+|[<>~!=][^"'\n#]+)`)
	condaEnvironment = pattern.Lazy(`(?m)^(?:dependencies|channels):`)
	// setupPython is what a package of setuptools requires.
	setupPython = pattern.Lazy(`(?m)^[ \t]*python_requires\s*=\s*["']?([^"'\n]+)`)
)

// condaFiles are the names of a description of a conda environment.
func condaFiles() []string { return []string{"environment.yml", "environment.yaml"} }

// versionStatements returns the strongest statement about the version, or several
// of one file in its order.
func (s *service) versionStatements() []stated {
	if s.Want.Version != "" {
		return []stated{{text: s.Want.Version}}
	}
	for _, look := range []func() []stated{
		func() []stated { return s.versionFile(".python-version") },
		func() []stated { return s.versionFile("runtime.txt") },
		s.versionAbove, s.toolVersions, s.miseVersions, s.projectVersions, s.pipfileVersions, s.lockVersions, s.otherVersions,
	} {
		if found := look(); len(found) > 0 {
			return found
		}
	}
	return nil
}

// readAbove opens a file of the service, or one above it in its workspace.
func (s *service) readAbove(name string) ([]byte, error) {
	if rest, ok := strings.CutPrefix(name, s.fromTop("")); ok && s.member != "" && s.fromTop("") != "" {
		return ecosystem.Read(s.top, rest)
	}
	return ecosystem.Read(s.Dir, name)
}

// versionFile reads a file that lists versions: of those the first that can be had
// is used, as pyenv does.
func (s *service) versionFile(name string) []stated {
	data, err := s.readAbove(name)
	if err != nil {
		return nil
	}
	var found []stated
	names := ""
	for i, l := range strings.Split(string(data), "\n") {
		l, _, _ = strings.Cut(l, "#")
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		if strings.ContainsAny(l, "<>=~^!") {
			found = append(found, stated{name, i + 1, l})
			continue
		}
		for _, word := range strings.Fields(l) {
			version, _, _ := strings.Cut(word, "/envs/")
			if versionLike().MatchString(strings.ToLower(word)) {
				found = append(found, stated{name, i + 1, version})
			} else if names == "" {
				names = word
			}
		}
	}
	if found == nil && names != "" {
		s.Unwise(codeUnknownVersion, name, 1, "write a version of Python into "+path.Base(name)+", such as 3.13", "%q is not a version of Python; the image's is chosen without it", names)
	}
	return found
}

// versionAbove reads the version file of the service's workspace.
func (s *service) versionAbove() []stated {
	if name := s.fromTop(".python-version"); name != ".python-version" {
		return s.versionFile(name)
	}
	return nil
}

// toolVersions reads the file of asdf, which may list several versions.
func (s *service) toolVersions() []stated {
	for _, name := range []string{ecosystem.ToolVersions, s.fromTop(ecosystem.ToolVersions)} {
		data, err := s.readAbove(name)
		if err != nil {
			continue
		}
		if h := ecosystem.Find(toolVersion(), name, data); h.Found() {
			return statements(h.File, h.Line, strings.Fields(h.Text))
		}
	}
	return nil
}

func statements(file string, line int, words []string) []stated {
	var out []stated
	for _, w := range words {
		if versionLike().MatchString(strings.ToLower(w)) {
			out = append(out, stated{file, line, w})
		}
	}
	return out
}

// miseVersions reads the [tools] of mise: a version, a list, or a table.
func (s *service) miseVersions() []stated {
	for _, base := range []string{"mise.toml", ".mise.toml", "mise/config.toml", ".config/mise.toml", ".config/mise/config.toml"} {
		for _, name := range []string{base, s.fromTop(base)} {
			data, err := s.readAbove(name)
			if err != nil {
				continue
			}
			var m struct {
				Tools map[string]any `toml:"tools"`
			}
			if toml.Unmarshal(data, &m) != nil {
				continue
			}
			if found := statements(name, lineOf(data, "python"), toolWords(m.Tools["python"])); found != nil {
				return found
			}
		}
	}
	return nil
}

func toolWords(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, toolWords(x)...)
		}
		return out
	case map[string]any:
		return toolWords(v["version"])
	}
	return nil
}

// projectVersions is what pyproject.toml requires; of a standard project that
// Poetry manages too, both count.
func (s *service) projectVersions() []stated {
	if s.project == nil {
		return nil
	}
	text, key := s.project.python()
	if text == "" {
		return nil
	}
	return []stated{{"pyproject.toml", s.project.line(key), text}}
}

func (s *service) pipfileVersions() []stated {
	data, err := ecosystem.Read(s.Dir, "Pipfile")
	if err != nil {
		return nil
	}
	var p pipfile
	if unmarshalTOML(data, &p) != nil {
		return nil
	}
	for _, key := range []string{"python_full_version", "python_version"} {
		if v, ok := p.Requires[key].(string); ok {
			return []stated{{"Pipfile", lineOf(data, key), v}}
		}
	}
	return nil
}

// lockVersions is what the lock file was resolved for.
func (s *service) lockVersions() []stated {
	for _, l := range []struct{ file, key string }{{"uv.lock", "requires-python"}, {"poetry.lock", "python-versions"}, {"pdm.lock", "requires_python"}} {
		data, err := ecosystem.Read(s.lockDir(), l.file)
		if err != nil {
			continue
		}
		var lock struct {
			Requires string `toml:"requires-python"`
			Metadata struct {
				Poetry  string `toml:"python-versions"`
				Targets []struct {
					Requires string `toml:"requires_python"`
				} `toml:"targets"`
			} `toml:"metadata"`
		}
		if toml.Unmarshal(data, &lock) != nil {
			continue
		}
		text := ecosystem.Or(lock.Requires, lock.Metadata.Poetry)
		if len(lock.Metadata.Targets) == 1 {
			text = ecosystem.Or(text, lock.Metadata.Targets[0].Requires)
		}
		if text != "" && text != "*" {
			return []stated{{s.fromTop(l.file), lineOf(data, l.key), text}}
		}
	}
	return nil
}

// otherVersions is what files say that are about something else: packages of
// setuptools, and environments of conda.
func (s *service) otherVersions() []stated {
	look := func(name string, re *regexp.Regexp) []stated {
		data, err := ecosystem.Read(s.Dir, name)
		if err != nil {
			return nil
		}
		h := ecosystem.Find(re, name, data)
		text := strings.TrimSpace(h.Text)
		if strings.HasPrefix(text, "=") {
			text = strings.TrimLeft(text, "=")
		}
		if !h.Found() || text == "" {
			return nil
		}
		if _, err := parseSpan(text); err != nil {
			return nil
		}
		return []stated{{name, h.Line, text}}
	}
	for _, name := range condaFiles() {
		if found := look(name, condaPython()); found != nil {
			return found
		}
	}
	for _, name := range []string{"setup.cfg", "setup.py"} {
		if found := look(name, setupPython()); found != nil {
			return found
		}
	}
	return nil
}
