package testreport

import (
	"path"
	"slices"
	"strings"
)

// Roots says where the paths of reports point. The zero value changes nothing but
// the form of paths.
type Roots struct {
	// Prefixes maps a directory of the build step ("/app") or a Go module
	// ("example.com/orders") to its directory below the build context ("." or
	// "services/orders").
	Prefixes map[string]string
	// Base is the directory below the build context that relative paths start at.
	Base string
	// Files are the files of the build context. With them a path that lacks its
	// first directories is found, such as "com/example/Order.java" of JaCoCo.
	Files []string
}

// Relocate makes the paths of cases, coverage and findings relative to the build
// context. An absolute path outside of it stays. It returns a new report.
func (r Report) Relocate(roots Roots) Report {
	l := locator{Roots: roots, known: map[string]bool{}, byName: map[string][]string{}}
	for _, f := range roots.Files {
		l.known[f] = true
		l.byName[path.Base(f)] = append(l.byName[path.Base(f)], f)
	}
	r.Cases = slices.Clone(r.Cases)
	for i := range r.Cases {
		r.Cases[i].File = l.find(r.Cases[i].File)
	}
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		r.Findings[i].File = l.find(r.Findings[i].File)
	}
	var moved []File
	for _, f := range r.Coverage {
		f.Path = l.find(f.Path)
		moved = append(moved, f)
	}
	r.Coverage = union(moved)
	return r
}

type locator struct {
	Roots
	known  map[string]bool
	byName map[string][]string
}

func (l locator) find(p string) string {
	if p == "" {
		return ""
	}
	p = path.Clean(p)
	longest, to := -1, ""
	for prefix, dir := range l.Prefixes {
		if rest, ok := below(p, prefix); ok && len(prefix) > longest {
			longest, to = len(prefix), path.Join(dir, rest)
		}
	}
	if longest >= 0 {
		return to
	}
	if path.IsAbs(p) {
		return p
	}
	based := path.Join(l.Base, p)
	if l.known[based] || len(l.Files) == 0 {
		return based
	}
	if l.known[p] {
		return p
	}
	if found := l.suffix(p); found != "" {
		return found
	}
	return based
}

// suffix finds the one file that ends in a path.
func (l locator) suffix(p string) string {
	found := ""
	for _, f := range l.byName[path.Base(p)] {
		if !strings.HasSuffix(f, "/"+p) {
			continue
		}
		if _, inside := below(f, l.Base); l.Base != "" && l.Base != "." && !inside {
			continue
		}
		if found != "" {
			return ""
		}
		found = f
	}
	return found
}

// below cuts a directory off a path.
func below(p, dir string) (string, bool) {
	dir = strings.TrimSuffix(dir, "/")
	if p == dir {
		return ".", true
	}
	return strings.CutPrefix(p, dir+"/")
}
