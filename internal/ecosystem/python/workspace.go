package python

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// workspace is uv's: several projects with one lock file. The zero value is that
// of a service outside of one.
type workspace struct {
	top    fs.FS  // the directory of the lock file
	at     string // top relative to the fleet's root
	member string // the service's directory relative to top
	own    bool   // the lock file is the service's own: only the build context is wider
	locals []local

	ignores []string // of a .dockerignore of the member's own
}

// openWorkspace looks above the service for the workspace that it is a member
// of, unless the service has a lock file.
func (s *service) openWorkspace(root fs.FS, at string) {
	at = path.Clean(at)
	if root == nil || s.project == nil || at == "." || !fs.ValidPath(at) || ecosystem.Exists(s.Dir, "uv.lock") {
		return
	}
	for up := path.Dir(at); ; up = path.Dir(up) {
		rel := strings.TrimPrefix(at, up+"/")
		locked := ecosystem.Exists(root, path.Join(up, "uv.lock"))
		if isMember(root, up, rel) && (locked || s.requirementsFile() == "") {
			if top, err := fs.Sub(root, up); err == nil {
				s.workspace = workspace{top: top, at: up, member: rel}
			}
			return
		}
		if up == "." {
			return
		}
	}
}

// isMember reports a directory that the workspace of another one names.
func isMember(root fs.FS, up, rel string) bool {
	data, err := ecosystem.Read(root, path.Join(up, "pyproject.toml"))
	if err != nil {
		return false
	}
	p, _, err := parsePyproject(data)
	return err == nil && p.hasMember(rel)
}

// hasMember reports a directory that the project's workspace names.
func (p *pyproject) hasMember(rel string) bool {
	table, _ := p.Tool.UV.Workspace.(map[string]any)
	matches := func(key string) bool {
		globs, _ := table[key].([]any)
		return slices.ContainsFunc(globs, func(g any) bool {
			text, _ := g.(string)
			ok, _ := path.Match(path.Clean(text), rel)
			before, _, deep := strings.Cut(text, "**")
			return ok || deep && strings.HasPrefix(rel, strings.TrimSuffix(before, "/"))
		})
	}
	return matches("members") && !matches("exclude")
}

// lockDir is the directory of the lock file, and fromTop the path of a file in
// it as seen from the service.
func (s *service) lockDir() fs.FS {
	if s.member != "" && !s.own {
		return s.top
	}
	return s.Dir
}

// contextDir is the build context.
func (s *service) contextDir() fs.FS {
	if s.member != "" {
		return s.top
	}
	return s.Dir
}

func (s *service) fromTop(name string) string {
	if s.member == "" || s.own {
		return name
	}
	return strings.Repeat("../", 1+strings.Count(s.member, "/")) + name
}

// inTop does what concerns the build context, which is the workspace's.
func (s *service) inTop(do func()) {
	if s.member == "" {
		do()
		return
	}
	dir, context := s.Dir, s.Context
	s.Dir, s.Context = s.top, path.Join(".", s.at)
	do()
	s.Dir, s.Context = dir, context
}

// inContext is a path of the service's directory as the build context has it.
func (s *service) inContext(name string) string { return path.Join(s.member, name) }

// memberOfLock is the service's directory relative to the lock file of a workspace,
// "" for a service with its own.
func (s *service) memberOfLock() string {
	if s.own {
		return ""
	}
	return s.member
}

// memberManifests are the manifests of all members of the workspace, which uv reads
// to make a lock file.
func (s *service) memberManifests() []string {
	if s.memberOfLock() == "" {
		return nil
	}
	data, err := ecosystem.Read(s.top, "pyproject.toml")
	if err != nil {
		return nil
	}
	root, _, err := parsePyproject(data)
	if err != nil {
		return nil
	}
	table, _ := root.Tool.UV.Workspace.(map[string]any)
	globs, _ := table["members"].([]any)
	var out []string
	for _, g := range globs {
		text, _ := g.(string)
		found, _ := fs.Glob(s.top, path.Join(text, "pyproject.toml"))
		for _, f := range found {
			if root.hasMember(path.Dir(f)) && path.Dir(f) != s.member {
				out = append(out, f)
			}
		}
	}
	return out
}
