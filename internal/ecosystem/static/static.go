// Package static knows static sites: directories of HTML that are served as they
// are, and, for other ecosystems, how to serve what their build leaves behind.
// Files are compressed with gzip and brotli while building; nginx runs without
// privileges, answers /healthz by itself, and lets browsers keep what carries a
// digest in its name. The CSS and JavaScript of plain sites is minified; HTML is
// not, and what another build made is left as it made it.
//
//	p, findings := static.Ecosystem{}.Plan(dir, service, fleet)
package static

import (
	"io/fs"
	"path"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// Name is what slipway.yaml calls the ecosystem.
const Name = "static"

// Ecosystem is plain HTML. The zero value is ready for use.
type Ecosystem struct{}

// Name is what slipway.yaml calls the ecosystem.
func (Ecosystem) Name() string { return Name }

// homes are directories that sites lie in, in order: that of the service itself,
// what people write into, what generators write.
func homes() []string {
	return []string{".", "public", "site", "www", "html", "htdocs", "dist", "build", "out", "_site"}
}

// Recognise returns the page that makes a directory a site, or the settings that
// do; "" when there is none.
func (Ecosystem) Recognise(dir fs.FS) string {
	_, file := home(dir)
	return file
}

// home is the directory of a site, and the file that says so: settings that name
// it, a page in one of the usual places, or docs/ as GitHub Pages publishes it.
func home(dir fs.FS) (at, file string) {
	s := &ecosystem.Service{Dir: dir}
	if root, _ := staticfileRoot(s); root != "" && root != "." && fs.ValidPath(root) && ecosystem.IsDir(dir, root) {
		return root, or(pageIn(dir, root), "Staticfile")
	}
	if at, _, _ := Published(s); at != "." && fs.ValidPath(at) && pageIn(dir, at) != "" {
		return at, pageIn(dir, at)
	}
	for _, at := range homes() {
		if page := pageIn(dir, at); page != "" {
			return at, page
		}
	}
	if page := pageIn(dir, "docs"); page != "" && (ecosystem.Exists(dir, "docs/.nojekyll") || ecosystem.Exists(dir, "docs/CNAME")) {
		return "docs", page
	}
	if root, _ := staticfileRoot(s); root == "." {
		return ".", "Staticfile"
	}
	return ".", ""
}

// pageIn is the first page of a directory, "" without one.
func pageIn(dir fs.FS, at string) string {
	if page := path.Join(at, "index.html"); ecosystem.Exists(dir, page) {
		return page
	}
	return ""
}

// Inspect completes a service with what its files say.
func (Ecosystem) Inspect(dir fs.FS, want config.Service, fleet *config.Fleet) (config.Service, []plan.Fact, diag.Findings) {
	s, _ := inspect(dir, want, fleet)
	return s.Want, s.Facts, s.Findings
}

// Plan returns the stages of a site.
func (Ecosystem) Plan(dir fs.FS, want config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	s, site := inspect(dir, want, fleet)
	family, user := ecosystem.Settings(fleet)
	b := BasesFor(s, family, toolchain())
	if s.Findings.Errors() != nil {
		return plan.Service{}, s.Findings
	}
	p := s.Plan(b, user, minifier(b), site.builder(), site.RuntimeTools(s, b, user), site.Production(s, ecosystem.Image{Bases: b, User: user}))
	site.prove(s, &p)
	return p, s.Findings
}

// inspect reads the service's files.
func inspect(dir fs.FS, want config.Service, fleet *config.Fleet) (*ecosystem.Service, Site) {
	s := ecosystem.Open(dir, want, fleet)
	s.Name("site")
	at, page := home(dir)
	site := Site{Dir: at, Hashed: []string{HexDigest}}
	if page == "" {
		empty(&s, ".")
		return &s, site
	}
	if s.Want.Type == "" {
		s.Fact("type", "static", "an HTML page, no program", page, 0)
	}
	site.ReadRules(&s, site.Dir)
	Serve(&s, page)
	s.ReadIgnore()
	s.LookForSecrets(".")
	s.CheckIgnored(s.UnhidePublic(supplied(), path.Clean), []string{page})
	return &s, site
}

// supplied are the patterns for sites without a .dockerignore.
func supplied() []string {
	return append(ecosystem.Supplied(), "**/node_modules", "README*", "Makefile", "slipway.yaml", "slipway.lock", "package.json", "package-lock.json")
}

// toolchain names the images that pack plain sites: those of Node.js 22, which
// compresses and runs the minifier.
func toolchain() ecosystem.Images {
	const debian = "slipway/node:22-" + ecosystem.Suite
	return ecosystem.Images{
		Ecosystem: "static", Version: "22",
		Debian:   ecosystem.Pair{Toolchain: debian + "-toolchain"},
		Official: ecosystem.Pair{Toolchain: "node:22-" + ecosystem.Suite},
		Alpine:   ecosystem.Pair{Toolchain: "node:22-alpine"},
	}
}

// minifier is the stage with esbuild.
func minifier(b ecosystem.Bases) plan.Stage {
	dir := path.Dir(packFile)
	return plan.Stage{
		Name:          plan.StageDependencies,
		Comment:       "The minifier, pinned by digest. No change of the site reinstalls it.",
		From:          b.Toolchain.Ref,
		BuildPlatform: true,
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{dir}},
			{Op: plan.OpCopy, Args: []string{"package.json"}, Content: minifierManifest()},
			{Op: plan.OpCopy, Args: []string{"package-lock.json"}, Content: minifierLock()},
			{Op: plan.OpRun, Shell: "npm ci --no-audit --no-fund", Mounts: []plan.Mount{{Type: "cache", Target: "/root/.npm"}}},
		},
	}
}

// builder packs the site from the context.
func (s Site) builder() plan.Stage {
	at := "/src/"
	from := s.Dir + "/"
	if s.Dir == "." {
		from = "."
	}
	st := plan.Stage{
		Name:    plan.StageBuilder,
		Comment: "The site, with minified CSS and JavaScript and compressed text files.",
		From:    plan.StageDependencies,
		Steps:   s.Pack(),
	}
	s.Dir = at
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: []string{from, at}}, plan.Step{Op: plan.OpRun, Shell: s.PackCommand()})
	return st
}
