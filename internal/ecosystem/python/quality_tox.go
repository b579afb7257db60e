package python

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// toxEnvironment are environments of tox that test or lint by their names; others
// document, release or measure.
var toxEnvironment = pattern.Lazy(`^testenv(?::.*(?:py|test|unit|lint|style|flake|black|isort|mypy|type|check|qa|cov).*)?$`)

// toxFactor is what a dependency is only for, such as "py310: ".
var toxFactor = pattern.Lazy(`^[\w,!.{}-]+:\s+`)

// ofTox takes what tox.ini installs for tests and linters, and no manifest names. tox
// itself does not run: the stage is what it would make.
func (d *devPackages) ofTox(s *service) {
	data, err := ecosystem.Read(s.Dir, "tox.ini")
	if err != nil {
		return
	}
	inside, listing := false, false
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		text := strings.TrimSpace(strings.SplitN(line, " #", 2)[0])
		switch {
		case strings.HasPrefix(text, "["):
			inside, listing = toxEnvironment().MatchString(strings.Trim(text, "[]")), false
			continue
		case !inside || text == "" || strings.HasPrefix(text, "#"):
			continue
		case !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t"):
			key, value, ok := strings.Cut(text, "=")
			if listing = ok && strings.TrimSpace(key) == "deps"; !listing {
				continue
			}
			text = strings.TrimSpace(value)
		}
		if listing {
			d.toxLine(s, toxFactor().ReplaceAllString(text, ""), n)
		}
	}
}

// toxLine takes one dependency: a package, or a file of them.
func (d *devPackages) toxLine(s *service, text string, line int) {
	text = strings.ReplaceAll(text, "{toxinidir}/", "")
	if file, ok := strings.CutPrefix(text, "-r"); ok {
		name := path.Clean(strings.TrimSpace(file))
		if !slices.Contains(s.manager.manifests, name) && !slices.Contains(d.files, name) && !strings.ContainsAny(name, "{}") {
			d.ofFile(s, name)
		}
		return
	}
	one, ok := parseRequirement(text)
	if !ok || strings.ContainsAny(text, "{}") || s.has(one.name) {
		return
	}
	if _, named := d.names[one.name]; named {
		return
	}
	one.file, one.line = "tox.ini", line
	d.names[one.name] = one
	d.tox = append(d.tox, text)
}
