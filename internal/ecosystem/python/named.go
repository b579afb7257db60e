package python

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// takeNamed puts back what the sources name among what was left out: in an
// import, or in a string as a file or directory. What developers' databases are
// is known by that too.
func (s *service) takeNamed() {
	s.named, s.databases = map[string]bool{}, map[string]bool{}
	changed := false
	for _, l := range s.tree.left {
		file, line := s.namedBy(l)
		if file == "" {
			continue
		}
		s.named[l.name], changed = true, true
		if l.why == ecosystem.WhySecret {
			s.Report(diag.Warning, codeKey, file, line, "mount it at run time, and write exclude: ["+l.name+"] for the service in slipway.yaml",
				"the private key %s goes into the image, because the sources read it", l.name)
		}
	}
	for _, name := range s.tree.sqlite {
		if s.wantedExactly(name) {
			continue
		}
		if file, line := s.literalOf(name); file != "" {
			s.databases[name], changed = true, true
			s.Report(diag.Info, codeDatabase, file, line, "name the database of production in the environment; or write files: ["+name+"] for the service in slipway.yaml",
				"%s is a development database, so the image does not contain it", name)
		}
	}
	if changed {
		s.findTree()
	}
}

// namedBy returns the place in the sources that names what was left out, "" when
// none does. Caches, settings of tools and what slipway.yaml or .dockerignore
// excludes are not needed whatever the sources say.
func (s *service) namedBy(l left) (file string, line int) {
	switch l.why {
	case ecosystem.WhyExcluded, ecosystem.WhyIgnored, whyIgnoredHere, whyMember, ecosystem.WhyVersionControl, ecosystem.WhyEditor, ecosystem.WhyCI, whyVenv:
		return "", 0
	case ecosystem.WhyCache:
		if l.dir {
			return "", 0
		}
	case ecosystem.WhySecret:
		if base := path.Base(l.name); strings.HasPrefix(base, ".") {
			return "", 0 // .env and its like hold more than keys
		}
	}
	if path.Ext(l.name) == ".py" || l.dir {
		if file, line := s.importOf(l); file != "" {
			return file, line
		}
	}
	if l.dir {
		return s.directoryOf(l.name)
	}
	return s.literalOf(l.name)
}

// importOf returns the import of a module, or of one in a directory.
func (s *service) importOf(l left) (file string, line int) {
	dotted := strings.ReplaceAll(strings.TrimSuffix(l.name, ".py"), "/", ".")
	for _, f := range s.scan.files {
		for _, im := range s.scan.imports[f] {
			modules := []string{im.module}
			if im.dots > 0 {
				at := path.Dir(f)
				for range min(im.dots-1, maxTreeDepth) {
					at = path.Dir(at)
				}
				modules[0] = strings.Trim(strings.ReplaceAll(strings.TrimPrefix(at, "."), "/", ".")+"."+im.module, ".")
			}
			for _, n := range im.names {
				modules = append(modules, strings.TrimPrefix(modules[0]+"."+n, "."))
			}
			if slices.ContainsFunc(modules, func(m string) bool { return isBelow(m, dotted) }) {
				return f, im.line
			}
		}
	}
	return "", 0
}

// isBelow reports a module that is, or lies in, the module of a path. The path
// may have directories before it that modules are imported from.
func isBelow(module, dotted string) bool {
	if module == "" {
		return false
	}
	for {
		if module == dotted || strings.HasPrefix(module, dotted+".") {
			return true
		}
		_, rest, more := strings.Cut(dotted, ".")
		if !more {
			return false
		}
		dotted = rest
	}
}

// literalOf returns the string that names a file: by its path, or by its own
// name.
func (s *service) literalOf(name string) (file string, line int) {
	base := path.Base(name)
	return s.literal(func(text string) bool {
		return text == base || strings.HasSuffix(text, "/"+base)
	})
}

// directoryOf returns the string that names a directory or something below it. A
// single word is a directory only where a path is made of it.
func (s *service) directoryOf(name string) (file string, line int) {
	base, dotted := path.Base(name), strings.ReplaceAll(name, "/", ".")
	if file, line = s.literal(func(text string) bool {
		if strings.HasPrefix(text, "/") && path.Ext(text) == "" {
			return false // a route
		}
		return text == dotted && dotted != base || strings.HasPrefix(text, dotted+".") || strings.Contains("/"+text, "/"+base+"/") || strings.HasSuffix(text, "/"+base)
	}); file != "" {
		return file, line
	}
	for _, f := range s.scan.files {
		for _, l := range s.scan.literals[f] {
			if l.text == base && l.path() {
				return f, l.line
			}
		}
	}
	return "", 0
}

// literal returns the first string that fits.
func (s *service) literal(fits func(text string) bool) (file string, line int) {
	for _, f := range s.scan.files {
		if slices.Contains([]string{"setup.py", "noxfile.py", "fabfile.py", "conf.py"}, path.Base(f)) {
			continue
		}
		for _, l := range s.scan.literals[f] {
			if fits(l.text) {
				return f, l.line
			}
		}
	}
	return "", 0
}
