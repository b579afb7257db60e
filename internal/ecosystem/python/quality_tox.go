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
			name := strings.Trim(text, "[]")
			inside, listing = toxEnvironment().MatchString(name) && toxFits(strings.TrimPrefix(name, "testenv:"), s.version), false
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
			factors := toxFactor().FindString(text)
			if toxFits(strings.TrimSuffix(strings.TrimSpace(factors), ":"), s.version) {
				d.toxLine(s, strings.TrimPrefix(text, factors), n)
			}
		}
	}
}

// toxPython is a factor that names a Python: py, py3, py312 and py3.12, or PyPy.
var toxPython = pattern.Lazy(`^(?:py(\d?)\.?(\d*)|pypy[\d.]*)$`)

// toxFits reports an expression of factors that may hold for a Python, such as
// "py{311,312}-lint,!py27". What other factors mean is unknown.
func toxFits(expression, python string) bool {
	return expression == "" || slices.ContainsFunc(toxSplit(expression, ','), func(all string) bool {
		return !slices.ContainsFunc(toxSplit(all, '-'), func(factor string) bool {
			before, rest, _ := strings.Cut(factor, "{")
			among, after, braces := strings.Cut(rest, "}")
			if !braces {
				return !toxFactorFits(strings.TrimSpace(factor), python)
			}
			return !slices.ContainsFunc(strings.Split(among, ","), func(one string) bool {
				return toxFactorFits(strings.TrimSpace(before)+strings.TrimSpace(one)+strings.TrimSpace(after), python)
			})
		})
	})
}

// toxFactorFits is toxFits for one factor.
func toxFactorFits(factor, python string) bool {
	name, not := strings.CutPrefix(factor, "!")
	m := toxPython().FindStringSubmatch(name)
	if m == nil {
		return true
	}
	major, minor, _ := strings.Cut(python, ".")
	fits := !strings.HasPrefix(name, "pypy") && (m[1] == "" || m[1] == major) && (m[2] == "" || m[2] == minor)
	return fits != not
}

// toxSplit splits at a separator outside of braces.
func toxSplit(text string, at rune) []string {
	depth := 0
	return strings.FieldsFunc(text, func(r rune) bool {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		}
		return r == at && depth == 0
	})
}

// toxLine takes one dependency: a package, or a file of them. Of several lines of one
// package the last counts.
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
	if earlier, named := d.names[one.name]; named && earlier.file != "tox.ini" {
		return
	}
	d.tox = slices.DeleteFunc(d.tox, func(t string) bool { earlier, _ := parseRequirement(t); return earlier.name == one.name })
	one.file, one.line = "tox.ini", line
	d.names[one.name] = one
	d.tox = append(d.tox, text)
}
