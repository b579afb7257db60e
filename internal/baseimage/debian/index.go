package debian

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"pault.ag/go/debian/version"

	"github.com/slipway-build/slipway/internal/baseimage/download"
)

// candidate is one version of a binary package that an index offers.
type candidate struct {
	name    string
	version version.Version
	text    string // the version as written
	pin     Pin
	depends [][]relation
}

// relation is one alternative of a dependency.
type relation struct {
	name, op, version string
}

// Index is the packages of one architecture, over several suites. Not safe for
// concurrent use while packages are added.
type Index struct {
	packages map[string][]stanza // by name; parsed when asked for
	archive  map[string]string   // of a pool file
	provides map[string][]string // virtual name to the names of packages
}

// NewIndex returns an empty index.
func NewIndex() *Index {
	return &Index{packages: map[string][]stanza{}, archive: map[string]string{}, provides: map[string][]string{}}
}

// Add enters the paragraphs of a Packages file.
func (x *Index) Add(text []byte, archive string) {
	stanzas(text, func(s stanza) bool {
		first, _, _ := bytes.Cut(s, []byte("\n"))
		name, ok := strings.CutPrefix(string(first), "Package: ")
		if !ok {
			name = s.field("Package")
		}
		if name == "" {
			return true
		}
		x.packages[name] = append(x.packages[name], s)
		if archive != Main {
			x.archive[s.field("Filename")] = archive
		}
		if bytes.Contains(s, []byte("\nProvides:")) {
			for _, or := range parseRelations(s.field("Provides")) {
				x.provides[or[0].name] = append(x.provides[or[0].name], name)
			}
		}
		return true
	})
}

// best returns the newest version of a package, or false.
func (x *Index) best(name string) (candidate, bool, error) {
	var best candidate
	found := false
	for _, s := range x.packages[name] {
		c, err := x.parse(name, s)
		if err != nil {
			return candidate{}, false, err
		}
		if !found || version.Compare(c.version, best.version) > 0 {
			best, found = c, true
		}
	}
	return best, found, nil
}

func (x *Index) parse(name string, s stanza) (candidate, error) {
	f := s.fields("Version", "SHA256", "Filename", "Size", "Pre-Depends", "Depends")
	v, err := version.Parse(f[0])
	if err != nil {
		return candidate{}, fmt.Errorf("package %s: %w", name, err)
	}
	size, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil || !download.IsSHA256(f[1]) || !download.SafePath(f[2]) {
		return candidate{}, fmt.Errorf("package %s %s: its entry in the index cannot be read", name, f[0])
	}
	c := candidate{name: name, version: v, text: f[0]}
	c.pin = Pin{Name: name, Version: f[0], SHA256: f[1], Size: size, Path: f[2], Archive: x.archive[f[2]]}
	c.depends = append(parseRelations(f[4]), parseRelations(f[5])...)
	return c, nil
}

// parseRelations reads a Depends field: comma-separated, alternatives by "|".
func parseRelations(text string) [][]relation {
	var all [][]relation
	for clause := range strings.SplitSeq(text, ",") {
		var or []relation
		for alternative := range strings.SplitSeq(clause, "|") {
			name, rest, _ := strings.Cut(strings.TrimSpace(alternative), "(")
			name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
			name, _, _ = strings.Cut(name, ":")
			if name == "" {
				continue
			}
			r := relation{name: name}
			if inner, _, ok := strings.Cut(rest, ")"); ok {
				inner = strings.TrimSpace(inner)
				r.op = inner[:len(inner)-len(strings.TrimLeft(inner, "<>="))]
				r.version = strings.TrimSpace(inner[len(r.op):])
			}
			or = append(or, r)
		}
		if len(or) > 0 {
			all = append(all, or)
		}
	}
	return all
}

// satisfied tells whether a version fulfils the relation.
func (r relation) satisfied(v version.Version) bool {
	want, err := version.Parse(r.version)
	if r.op == "" || err != nil {
		return true
	}
	c := version.Compare(v, want)
	switch r.op {
	case "<<":
		return c < 0
	case "<=":
		return c <= 0
	case "=":
		return c == 0
	case ">=":
		return c >= 0
	case ">>":
		return c > 0
	}
	return true
}

// Depends are the names that the newest version of a package depends on, alternatives
// included.
func (x *Index) Depends(name string) (out []string) {
	c, ok, err := x.best(name)
	if err != nil || !ok {
		return nil
	}
	for _, or := range c.depends {
		for _, r := range or {
			out = append(out, r.name)
		}
	}
	return out
}

// parsed is a version, or false.
func parsed(text string) (version.Version, bool) {
	v, err := version.Parse(text)
	return v, err == nil
}
