package python

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// dep is a direct dependency of the service.
type dep struct {
	name   string // normalised
	extras []string
	spec   string // "==1.2", ">=1,<2", "" for any
	pinned bool   // the version does not depend on the day
	file   string
	line   int
}

func (d dep) extra(name string) bool { return slices.Contains(d.extras, name) }

// requirement is a line of a requirements file.
type requirement struct {
	dep
	local    string // a path, or an address that git fetches
	editable bool
}

// requirements is what a requirements file and those that it names ask for.
type requirements struct {
	files []string // in the order in which they are read
	lines []requirement
	pins  []string // names that a constraints file pins
	hash  bool     // packages are checked against digests
}

// maxRequirementFiles bounds how many files include each other.
const maxRequirementFiles = 32

var (
	nameForm  = pattern.Lazy(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?\s*(.*)$`)
	separator = pattern.Lazy(`[-_.]+`)
)

// normalised is a package's name as the index knows it (PEP 503).
func normalised(name string) string { return strings.ToLower(separator().ReplaceAllString(name, "-")) }

// parseRequirement reads "name[extra] >=1 ; marker" (PEP 508). ok is false for
// what is no requirement.
func parseRequirement(text string) (d dep, ok bool) {
	text, _, _ = strings.Cut(text, ";")
	m := nameForm().FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return dep{}, false
	}
	d = dep{name: normalised(m[1])}
	for _, e := range strings.Split(m[2], ",") {
		if e = strings.TrimSpace(e); e != "" {
			d.extras = append(d.extras, normalised(e))
		}
	}
	d.spec = strings.Trim(strings.ReplaceAll(m[3], " ", ""), "()")
	d.pinned = strings.HasPrefix(d.spec, "==") && !strings.Contains(d.spec, "*") || strings.HasPrefix(d.spec, "@")
	return d, true
}

// read adds a requirements file and what it includes. A file that is missing
// stops it with the error.
func (r *requirements) read(dir fs.FS, name string, load func(string) ([]byte, error)) error {
	if slices.Contains(r.files, name) || len(r.files) >= maxRequirementFiles {
		return nil
	}
	data, err := load(name)
	if err != nil {
		return err
	}
	r.files = append(r.files, name)
	joined := ""
	for i, l := range strings.Split(string(data), "\n") {
		l = strings.TrimRight(l, "\r")
		if cut, more := strings.CutSuffix(l, `\`); more {
			joined += cut + " "
			continue
		}
		l, joined = strings.TrimSpace(joined+l), ""
		if err := r.line(dir, name, i+1, l, load); err != nil {
			return err
		}
	}
	return nil
}

// line reads one logical line that ends at line n.
func (r *requirements) line(dir fs.FS, file string, n int, l string, load func(string) ([]byte, error)) error {
	if strings.HasPrefix(l, "#") || l == "" {
		return nil
	}
	l, _, _ = strings.Cut(l, " #")
	l, hashes, hashed := strings.Cut(l, "--hash")
	r.hash = r.hash || hashed && hashes != ""
	for _, flag := range []string{"-r", "--requirement", "-c", "--constraint"} {
		if rest, ok := option(l, flag); ok {
			return r.include(dir, file, rest, strings.Contains(flag, "c"), load)
		}
	}
	if rest, ok := option(l, "-e"); ok {
		r.lines = append(r.lines, requirement{dep: dep{file: file, line: n}, local: rest, editable: true})
		return nil
	}
	if rest, ok := option(l, "--editable"); ok {
		r.lines = append(r.lines, requirement{dep: dep{file: file, line: n}, local: rest, editable: true})
		return nil
	}
	if strings.HasPrefix(l, "-") {
		return nil // an option of pip's
	}
	if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "/") || strings.HasPrefix(l, "git+") || strings.HasPrefix(l, "file:") || strings.Contains(l, "@ git+") || strings.Contains(l, "@ file:") {
		r.lines = append(r.lines, requirement{dep: dep{file: file, line: n}, local: l})
		return nil
	}
	if d, ok := parseRequirement(l); ok {
		d.file, d.line = file, n
		r.lines = append(r.lines, requirement{dep: d})
	}
	return nil
}

// option returns the value of a flag that starts a line.
func option(l, flag string) (string, bool) {
	rest, ok := strings.CutPrefix(l, flag)
	if !ok || rest == "" || !strings.HasPrefix(flag, "--") && rest[0] == '-' {
		return "", false
	}
	if strings.HasPrefix(flag, "--") && rest[0] != ' ' && rest[0] != '=' {
		return "", false
	}
	return strings.TrimSpace(strings.TrimPrefix(rest, "=")), true
}

// include follows -r and -c; the versions of a constraints file ask for nothing.
func (r *requirements) include(dir fs.FS, from, name string, constraint bool, load func(string) ([]byte, error)) error {
	name = path.Join(path.Dir(from), name)
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: "reading", Path: name, Err: fs.ErrInvalid}
	}
	before := len(r.lines)
	err := r.read(dir, name, load)
	if constraint {
		for _, c := range r.lines[before:] {
			if c.pinned {
				r.pins = append(r.pins, c.name)
			}
		}
		r.lines = r.lines[:before]
	}
	return err
}

// edit is a command that takes out of requirements files what is installed after
// them, and lets packages of git be installed where only that can lie which the
// image keeps; "" when nothing is to be done.
func (r *requirements) edit(locals bool) string {
	var scripts []string
	if locals {
		scripts = append(scripts, `/^[[:space:]]*((-e|--editable)[[:space:]=]*)?(\.|file:)/d`, `/@[[:space:]]*file:/d`)
	}
	for _, l := range r.lines {
		if l.local != "" && l.editable {
			scripts = append(scripts, `s/^[[:space:]]*(-e|--editable)[[:space:]=]+//`)
			break
		}
	}
	if scripts == nil {
		return ""
	}
	return "sed -i -E '" + strings.Join(scripts, "; ") + "' "
}

// unpinned returns the requirements whose versions depend on the day.
func (r *requirements) unpinned() []requirement {
	var out []requirement
	for _, l := range r.lines {
		loose := l.local == "" && !l.pinned && !r.hash && !slices.Contains(r.pins, l.name)
		address, _, _ := strings.Cut(parseReference(l.local).git, "#")
		if loose || address != "" && !strings.Contains(path.Base(address), "@") {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b requirement) int { return cmp.Or(cmp.Compare(a.file, b.file), a.line-b.line) })
	return out
}
