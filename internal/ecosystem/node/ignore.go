package node

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// atTop runs one of the shared steps about .dockerignore on the build context,
// which for a member of a workspace is the workspace's root, and for a service with
// packages above it the directory that holds them too.
func (s *service) atTop(do func(*ecosystem.Service)) {
	if s.member == "" && s.home == "" {
		do(&s.Service)
		return
	}
	top := ecosystem.Service{Dir: s.top, Want: s.Want, Ignore: s.Ignore}
	if top.Want.Path = s.at; s.home != "" {
		top.Want.Path = s.context
		if dir, err := fs.Sub(s.repo, s.context); err == nil {
			top.Dir = dir
		}
	}
	top.Context = top.Want.Path
	do(&top)
	s.Ignore, s.Findings = top.Ignore, append(s.Findings, top.Findings...)
}

func (s *service) readIgnore() { s.atTop((*ecosystem.Service).ReadIgnore) }

func (s *service) checkIgnored() {
	s.atTop(func(top *ecosystem.Service) { top.CheckIgnored(s.supplied(), s.neededFiles()) })
}

// supplied are the patterns for services without a .dockerignore: those of every
// language, and what the machine or a build made. Stale tsbuildinfo files would
// make tsc write nothing.
func (s *service) supplied() []string {
	out := append(ecosystem.Supplied(), "**/node_modules", "**/*.tsbuildinfo", s.in("coverage"), s.in(".nyc_output"))
	for _, name := range append(ownOutputs(), s.outDir) {
		if (name == s.outDir || ecosystem.Exists(s.Dir, name)) && s.builtAnew(name) && !slices.Contains(out, s.in(name)) {
			out = append(out, s.in(name))
		}
	}
	if s.codegen.out != "" {
		out = append(out, s.in(s.codegen.out))
	}
	for _, m := range s.needed {
		if m.pkg.Scripts["build"] == "" {
			continue
		}
		if dir, _, _ := compilerOutDir(s.top, path.Join(m.dir, "tsconfig.json"), 4); dir != "" {
			out = append(out, dir)
		}
	}
	out = s.UnhidePublic(out, s.in)
	if s.site != nil { // bundlers read .env and .env.production; what follows is the machine's own
		out = slices.DeleteFunc(out, func(p string) bool { return strings.HasPrefix(path.Base(p), ".env") })
		return append(out, "**/.env.local", "**/.env.*.local", "**/.env.development", "**/.env.test")
	}
	for _, name := range s.keys {
		out = append(out, "!"+s.in(name))
	}
	for _, f := range s.Want.Files {
		if f.From == "" && ecosystem.IsSecret(f.Path) {
			out = append(out, "!"+s.in(path.Clean(f.Path)))
		}
	}
	return out
}

// neededFiles are files without which the build fails.
func (s *service) neededFiles() []string {
	out := []string{s.fromTop("package.json")}
	if !s.manager.bare {
		out = append(out, s.fromTop(s.manager.lock))
	}
	for _, l := range s.outside {
		out = append(out, path.Join(s.home, l.dir))
	}
	if ecosystem.Exists(s.Dir, "tsconfig.json") && s.build != "" {
		out = append(out, s.in("tsconfig.json"))
	}
	for _, dir := range []string{"src", ecosystem.ProtoDir(s.Dir)} {
		if dir != "" && ecosystem.IsDir(s.Dir, dir) {
			out = append(out, s.in(dir))
		}
	}
	if file, _ := s.startFile(); s.site == nil && s.isModule(file) {
		file, _ = moduleFile(s.Dir, file)
		out = append(out, s.in(file))
	}
	return slices.Compact(out)
}
