package node

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// outData holds directories of the tree that the program writes to: production
// copies each as the user's.
const outData = "/out/data"

// bundled reports a source that only compilers of front ends read.
func (s *service) bundled(name string) bool {
	return slices.Contains([]string{".jsx", ".vue", ".svelte", ".astro", ".scss", ".sass", ".less", ".styl"}, path.Ext(name)) && s.compiles() && s.outDir != ""
}

// findReplaced decides which sources the build replaces by what it writes
// elsewhere: TypeScript and what only bundlers read, in the directories that the
// compiler reads. JavaScript stays: a start file or a script may need it.
func (s *service) findReplaced() {
	if s.outDir == "" || !s.compiles() || s.runsTypeScript() {
		return
	}
	t := &s.tree
	roots, all := s.compilerRoots()
	for _, dir := range roots {
		switch {
		case dir == s.outDir || t.typed[dir] == 0 || !slices.Contains(s.runtime, dir):
		case t.other[dir] == 0 && !s.writesInto(dir) && !slices.ContainsFunc(t.needless, func(n needlessEntry) bool { return top(n.path) == dir && s.isKept(n) }) && !s.Wanted(dir):
			s.replaced = append(s.replaced, "./"+dir)
			s.LeaveOut(ecosystem.WhyReplaced, s.in(dir))
		default:
			for _, ext := range []string{".ts", ".tsx", ".mts", ".cts", ".jsx", ".vue", ".svelte", ".astro"} {
				if s.hasExtension(dir, ext) {
					s.replaced = append(s.replaced, "./"+dir+"/*"+ext)
					s.LeaveOut(ecosystem.WhyReplaced, s.in(dir)+"/**/*"+ext)
				}
			}
		}
	}
	_, paths := s.pkg.Dependencies["tsconfig-paths"]
	for _, name := range s.runtime {
		config := strings.HasPrefix(name, "tsconfig") && path.Ext(name) == ".json" || name == "nest-cli.json"
		source := all && isTypeScript(name) && !strings.Contains(name, ".config.") && !ecosystem.IsDir(s.Dir, name)
		if (config && !paths || source) && !s.Wanted(name) {
			s.replaced = append(s.replaced, "./"+name)
			s.LeaveOut(ecosystem.WhyReplaced, s.in(name))
		}
	}
}

// hasExtension reports a file with an extension anywhere below a directory.
func (s *service) hasExtension(dir, ext string) bool {
	found := false
	ecosystem.EachSource(s.Dir, func(name string, isDir bool) bool {
		if isDir {
			return !found && (name == dir || strings.HasPrefix(name, dir+"/")) && path.Base(name) != "node_modules"
		}
		found = found || path.Ext(name) == ext && strings.HasPrefix(name, dir+"/")
		return false
	}, func(string, []byte) {})
	return found
}

// writesInto reports a directory of sources that a script may write other files
// into, which programs read: clients, tables, WebAssembly.
func (s *service) writesInto(dir string) bool {
	if s.generate != "" && (s.codegen.out == "" || s.codegen.in == "") {
		return true
	}
	if len(s.rootRuns) > 0 || s.prisma.generate && !s.prisma.inModules || s.pkg.Scripts["pre"+s.build] != "" && !s.compilesOnly(s.pkg.Scripts["pre"+s.build]) {
		return true
	}
	return false
}

// compilesOnly reports a script that removes, checks and compiles, and writes
// nothing beside the sources.
func (s *service) compilesOnly(script string) bool {
	return !slices.ContainsFunc(commandsOf(s.unfolded(script, 3)), func(c string) bool {
		words := strings.Fields(c)
		return len(words) > 0 && !slices.Contains([]string{"rm", "rimraf", "del-cli", "shx", "tsc", "eslint", "prettier", "npm", "yarn", "pnpm", "echo", "npx"}, path.Base(words[0]))
	})
}

// compilerRoots are the directories at the top that the compiler reads, and
// whether it reads the files at the top too.
func (s *service) compilerRoots() (roots []string, atTop bool) {
	all := func() {
		atTop = true
		for _, name := range s.runtime {
			if ecosystem.IsDir(s.Dir, name) && !slices.Contains(dataDirs(), name) {
				roots = append(roots, name)
			}
		}
	}
	c, _, err := s.tsConfig()
	usual := []string{"src", "app", "client", "server", "frontend"}
	switch {
	case err != nil || s.framework.start != nil:
		roots = usual
	case c.Include == nil && c.Files == nil && c.CompilerOptions.RootDir == "":
		all()
	default:
		for _, p := range append(append(c.Include, c.Files...), c.CompilerOptions.RootDir) {
			first, _, _ := strings.Cut(strings.TrimPrefix(p, "./"), "/")
			if first == "." || strings.Contains(first, "*") {
				all()
			}
			roots = append(roots, first)
		}
	}
	slices.Sort(roots)
	return slices.DeleteFunc(slices.Compact(roots), func(d string) bool { return d == "" || strings.HasPrefix(d, ".") || slices.Contains(dataDirs(), d) }), atTop
}

// layOut copies what production needs besides its packages to one place: the tree
// as the build has left it, without what is needless or replaced.
func (s *service) layOut() []string {
	if s.site != nil {
		return []string{s.site.PackCommand()}
	}
	to := path.Join(outApp, s.home, s.member) + "/"
	out := []string{"mkdir -p " + to}
	exclude := s.excluded()
	switch {
	case s.framework.complete:
		out = append(out, "cp -a package.json "+ecosystem.Quoted([]string{s.outDir})[0]+" "+to)
	case s.changesTree() || len(exclude) > 0:
		always := []string{"./node_modules"}
		for _, name := range append([]string{s.manager.lock}, s.manager.files...) {
			if s.member == "" && !strings.Contains(name, "/") && (name != "bunfig.toml" || !s.shipsSettings()) {
				always = append(always, "./"+name)
			}
		}
		if s.manager.name == "berry" && s.member == "" {
			always = append(always, "./.yarn")
		}
		command := "tar -c"
		for _, p := range ecosystem.Quoted(append(always, exclude...)) {
			command += " --exclude=" + p
		}
		out = append(out, command+" . | tar -x -C "+to)
	default:
		out = append(out, "cp -a "+strings.Join(ecosystem.Quoted(append([]string{"package.json"}, s.runtime...)), " ")+" "+to)
	}
	out = append(out, s.wantedFiles(to)...)
	out = append(out, s.excludedAfter(to)...)
	for _, dir := range s.moved {
		at := path.Join(outData, s.in(dir))
		out = append(out, "mkdir -p "+path.Dir(at)+" && mv "+path.Join(to, dir)+" "+at)
	}
	return out
}

// excluded are the patterns of what the builder has and production does not need.
func (s *service) excluded() []string {
	var out []string
	have := func(name string) bool {
		first := top(name)
		if first == "" {
			return slices.Contains(s.sources, name)
		}
		return slices.Contains(s.sources, first) && !slices.Contains(s.replaced, "./"+first)
	}
	for _, n := range s.tree.needless {
		if s.isKept(n) || !have(n.path) || n.why == ecosystem.WhySecret && !s.Ignore.Own {
			continue // never there: the supplied patterns keep secrets out of the build
		}
		pattern := "./" + n.path
		if m := testFile().FindString(n.path); m != "" && top(n.path) != "" {
			pattern = "*" + m
		}
		if !slices.Contains(out, pattern) && len(out) < maxLeftOut {
			out = append(out, pattern)
		}
	}
	if c, _, err := s.tsConfig(); s.changesTree() && err == nil && (c.CompilerOptions.Incremental || c.CompilerOptions.Composite) {
		out = append(out, "*.tsbuildinfo")
	}
	if s.pkg.Dependencies["next"] != "" && s.changesTree() {
		out = append(out, "./.next/cache")
	}
	for _, name := range []string{"turbo", "nx"} {
		if s.orchestrated(name) && s.changesTree() {
			out = append(out, "./."+name)
		}
	}
	for _, dir := range s.clients() {
		out = append(out, "./"+dir+"/node_modules")
		s.LeaveOut(ecosystem.WhyReplaced, s.in(dir)+"/node_modules")
	}
	return append(out, s.replaced...)
}

// clients are directories of front ends that the build of a server bundles where
// they are. It installs their packages there, which a bundle does not need.
func (s *service) clients() []string {
	if s.build == "" || s.site != nil {
		return nil
	}
	var out []string
	for _, name := range s.sources {
		dir, err := fs.Sub(s.Dir, name)
		if err != nil || !ecosystem.Exists(s.Dir, name+"/package.json") || s.Wanted(name+"/node_modules") {
			continue
		}
		if m, err := manifestOf(dir, "."); err == nil && isSite(dir, m) {
			out = append(out, name)
		}
	}
	return out
}

var plainGlob = pattern.Lazy(`^[A-Za-z0-9@._+*?/-]+$`)

// excludedAfter deletes what exclude: names and only the build makes.
func (s *service) excludedAfter(to string) []string {
	var out []string
	for _, p := range s.Want.Exclude {
		p = path.Clean(strings.TrimPrefix(p, "/"))
		switch rest, deep := strings.CutPrefix(p, "**/"); {
		case !s.changesTree() || !plainGlob().MatchString(p) || strings.HasPrefix(p, "..") || slices.ContainsFunc(s.Want.Exclude, func(p string) bool { return strings.HasPrefix(p, "!") }):
		case deep && !strings.Contains(rest, "/"):
			out = append(out, "find "+to+" -name '"+rest+"' -prune -exec rm -rf {} +")
		case !strings.Contains(p, "**") && p != ".":
			out = append(out, "rm -rf "+to+p)
		}
	}
	return out
}

// wantedFiles copies what files: names: it may have been excluded by a pattern, or
// belong to another place.
func (s *service) wantedFiles(to string) []string {
	var out []string
	for _, f := range s.Want.Files {
		if f.From != "" || strings.ContainsAny(f.Path, "*?[") {
			continue
		}
		from := ecosystem.Quoted([]string{f.Path})[0]
		if f.To == "" || path.Clean(f.To) == path.Clean(f.Path) {
			if s.framework.complete || len(s.replaced) > 0 {
				out = append(out, "cp -a --parents "+from+" "+to)
			}
			continue
		}
		target := ecosystem.Quoted([]string{path.Join(to, f.To)})[0]
		out = append(out, "mkdir -p "+path.Dir(target)+" && cp -aT "+from+" "+target)
	}
	return out
}

// checkFiles reports what files: names and nothing makes.
func (s *service) checkFiles() {
	for _, f := range s.Want.Files {
		if f.From != "" || strings.ContainsAny(f.Path, "*?[") || ecosystem.Exists(s.Dir, path.Clean(f.Path)) || s.changesTree() {
			continue
		}
		s.OnConfig(codeFilesMissing, "correct files: of the service", "files: names %s, which does not exist", f.Path)
	}
}

// checkKeys notes private keys that the sources read: production has them,
// because the service does not start without.
func (s *service) checkKeys(name, literal, file string, line int) {
	if s.Excluded(name) || !ecosystem.Exists(s.Dir, name) || ecosystem.IsDir(s.Dir, name) || slices.Contains(s.keys, name) || !s.Secret(name) {
		return
	}
	s.keys = append(s.keys, name)
	s.Report(diag.Warning, codeKeyInImage, file, line, "mount it at run time, and write exclude: ["+name+"] for the service in slipway.yaml",
		"%s, which the sources read, is a private key in the image", literal)
	s.Said(plan.KeyInImage, s.in(name))
}

// movedData are the copies of directories that the program writes to, as the
// user's.
func (s *service) movedData(user string) []plan.Step {
	var out []plan.Step
	for _, dir := range s.moved {
		at := s.in(dir)
		out = append(out, plan.Step{Op: plan.OpCopy, From: plan.StageBuilder, Chown: user, Args: []string{path.Join(outData, at) + "/", path.Join(ecosystem.WorkDir, at) + "/"}})
	}
	return out
}
