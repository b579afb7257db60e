package node

import (
	"bytes"
	"io/fs"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/slipway-build/slipway/internal/diag"
)

// ignore is what keeps files out of the build context.
type ignore struct {
	patterns []string
	own      bool // the service has a .dockerignore
	matcher  *patternmatcher.PatternMatcher
}

// readIgnore takes the service's .dockerignore; supplied patterns are added when
// the output directory is known.
func (s *service) readIgnore() {
	data, err := read(s.dir, ".dockerignore")
	if err != nil {
		return
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(data))
	if err == nil {
		s.ignore.matcher, err = patternmatcher.New(patterns)
	}
	if err != nil {
		s.report(diag.Error, codeIgnored, ".dockerignore", 0, "", ".dockerignore cannot be read: %v", err)
		return
	}
	s.ignore.patterns, s.ignore.own = patterns, true
}

// excludes tells whether a path is kept out of the build.
func (i ignore) excludes(name string) bool {
	if i.matcher == nil {
		return false
	}
	out, err := i.matcher.MatchesOrParentMatches(name)
	return err == nil && out
}

// supplied are the patterns for services without a .dockerignore: what the
// machine or a build made, what tells secrets, what only people read. Stale
// tsbuildinfo files would make tsc write nothing.
func (s *service) supplied() []string {
	out := []string{
		".git", "**/node_modules", "**/.DS_Store", "**/*.log", "**/*.tsbuildinfo",
		".env", ".env.*", "coverage", ".nyc_output", ".idea", ".vscode",
		"Dockerfile*", "docker-compose*", ".dockerignore",
	}
	if s.outDir != "" {
		out = append(out, s.outDir)
	}
	if s.codegen.out != "" {
		out = append(out, s.codegen.out)
	}
	return out
}

// checkIgnored reports files that the build needs and .dockerignore excludes.
func (s *service) checkIgnored() {
	if !s.ignore.own {
		s.ignore.patterns = s.supplied()
		return
	}
	needed := []string{"package.json", "package-lock.json"}
	if exists(s.dir, "tsconfig.json") && s.build != "" {
		needed = append(needed, "tsconfig.json")
	}
	for _, dir := range []string{"src", protoDir(s.dir)} {
		if dir != "" && isDir(s.dir, dir) {
			needed = append(needed, dir)
		}
	}
	for _, name := range needed {
		if !s.ignore.excludes(name) {
			continue
		}
		line, pattern := s.ignoreLine(name)
		hint := "delete the line, or add !" + name
		if pattern == "*" || pattern == "**" {
			hint = "add !" + name
		}
		s.report(diag.Error, codeIgnored, ".dockerignore", line, hint, "%s is excluded, but the build needs it", name)
	}
}

// ignoreLine returns the last line of .dockerignore that excludes a name.
func (s *service) ignoreLine(name string) (line int, pattern string) {
	data, err := read(s.dir, ".dockerignore")
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

// protoDir is the directory of the service's protos, "" when there is none.
func protoDir(dir fs.FS) string {
	for _, name := range []string{"proto", "protos"} {
		if isDir(dir, name) {
			return name
		}
	}
	return ""
}
