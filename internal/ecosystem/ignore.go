package ecosystem

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/slipway-build/slipway/internal/diag"
)

// Ignore is what keeps files out of the build context. The zero value excludes
// nothing.
type Ignore struct {
	Patterns []string
	Own      bool // the service has a .dockerignore
	matcher  *patternmatcher.PatternMatcher
	dir      fs.FS // that the paths are of
}

// ReadIgnore takes the service's .dockerignore.
func (s *Service) ReadIgnore() {
	data, err := Read(s.Dir, ".dockerignore")
	if err != nil {
		return
	}
	patterns, err := ParseIgnore(data)
	if err == nil {
		s.Ignore.matcher, err = patternmatcher.New(patterns)
	}
	if err != nil {
		s.Report(diag.Error, CodeIgnored, ".dockerignore", 0, "", ".dockerignore cannot be read: %v", err)
		return
	}
	s.Ignore.Patterns, s.Ignore.Own, s.Ignore.dir = patterns, true, s.Dir
}

// maxIgnore is the most of a .dockerignore, in bytes: each of its patterns is
// tried for each file. Those of public repositories have hundreds of bytes.
const maxIgnore = 64 << 10

// ParseIgnore reads the patterns of a .dockerignore.
func ParseIgnore(data []byte) ([]string, error) {
	if len(data) > maxIgnore {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that Slipway reads", len(data), maxIgnore)
	}
	return ignorefile.ReadAll(bytes.NewReader(data))
}

// Excludes reports a path that is kept out of the build: of a directory, all that
// lies below it. Exceptions such as "!src/**" bring a directory in, whatever
// becomes of its own name.
func (i Ignore) Excludes(name string) bool {
	return i.matches(name) && !i.bringsIn(name)
}

func (i Ignore) matches(name string) bool {
	if i.matcher == nil {
		return false
	}
	out, err := i.matcher.MatchesOrParentMatches(name)
	return err == nil && out
}

// maxIgnored is the most entries of an excluded directory that are looked at in
// search of an exception: lists of what is allowed name directories of sources.
const maxIgnored = 5000

// bringsIn reports a directory of which an exception allows a file.
func (i Ignore) bringsIn(name string) bool {
	if !i.matcher.Exclusions() || i.dir == nil || !IsDir(i.dir, name) {
		return false
	}
	found, seen := false, 0
	_ = fs.WalkDir(i.dir, name, func(p string, e fs.DirEntry, err error) error {
		if seen++; err != nil || seen > maxIgnored {
			return fs.SkipAll
		}
		if e.IsDir() && (e.Name() == "node_modules" || e.Name() == ".git") {
			return fs.SkipDir
		}
		if !e.IsDir() && !i.matches(p) {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// CheckIgnored takes the supplied patterns for a service without a
// .dockerignore, and reports needed files that a .dockerignore excludes.
func (s *Service) CheckIgnored(supplied, needed []string) {
	if !s.Ignore.Own {
		s.Ignore.Patterns = s.unhideKeys(supplied)
		return
	}
	said := map[int]bool{}
	for _, name := range needed {
		if !s.Ignore.Excludes(name) {
			continue
		}
		line, pattern := s.ignoreLine(name)
		if said[line] && line > 0 {
			continue
		}
		said[line] = true
		hint := "delete the line, or add !" + name
		if pattern == "*" || pattern == "**" {
			hint = "add !" + name
		}
		s.Report(diag.Error, CodeIgnored, ".dockerignore", line, hint, "%s is excluded, but the build needs it", name)
	}
}

// HiddenSources returns sources in and below a directory that the service's .dockerignore
// keeps out, within the limits of EachSource.
func (s *Service) HiddenSources(dir string, wanted func(name string, isDir bool) bool) []string {
	sub, err := fs.Sub(s.Dir, dir)
	if err != nil || !s.Ignore.Own {
		return nil
	}
	var out []string
	files := 0
	_ = fs.WalkDir(sub, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || files >= maxSourceFiles:
			return fs.SkipAll
		case e.IsDir() && name != "." && (strings.Count(name, "/") > maxSourceDepth || !wanted(name, true)):
			return fs.SkipDir
		case !e.IsDir() && wanted(name, false):
			files++
			if at := path.Join(dir, name); s.Ignore.Excludes(at) {
				out = append(out, at)
			}
		}
		return nil
	})
	return out
}

// ignoreLine returns the last line of .dockerignore that excludes a name.
func (s *Service) ignoreLine(name string) (line int, pattern string) {
	data, err := Read(s.Dir, ".dockerignore")
	if err != nil {
		return 0, ""
	}
	for i, l := range strings.Split(string(data), "\n") {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "#") || strings.HasPrefix(l, "!") {
			continue
		}
		if m, err := patternmatcher.MatchesOrParentMatches(name, []string{strings.Trim(l, "/")}); err == nil && m {
			line, pattern = i+1, l
		}
	}
	return line, pattern
}

// ProtoDir is the directory of the service's protos, "" when there is none.
func ProtoDir(dir fs.FS) string {
	for _, name := range []string{"proto", "protos"} {
		if IsDir(dir, name) {
			return name
		}
	}
	return ""
}
