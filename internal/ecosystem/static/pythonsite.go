package static

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// codeUnpinned tells of a generator whose version no file of the repository fixes.
const codeUnpinned = "SLP494"

// pythonVersion is the Python that generators run on where no file names another
// one; uvVersion the uv that reads uv.lock.
const (
	pythonVersion = "3.13"
	uvVersion     = "0.13.9"
	siteVenv      = "/opt/venv"
)

// pythonDeps are the Python packages of a generator.
type pythonDeps struct {
	files   []string // requirements of the repository, nil when there are none
	more    []string // files that those name
	locked  bool     // uv.lock has them
	pinned  []string // in place of files
	project bool     // the pages are about the package of the repository, which they import
	python  ecosystem.Hit
}

// What the files of generators say.
var (
	mkdocsTheme  = pattern.Lazy(`(?ms)^theme:\s*(?:["']?(\w[\w-]*)|\s*\n(?:\s+[^\n]*\n)*?\s+name:\s*["']?([\w-]+))`)
	mkdocsPlugin = pattern.Lazy(`(?m)^\s*-\s*["']?([a-z][\w-]*(?:/[\w-]+)?)["']?\s*:?\s*$`)
	mkdocsBlock  = pattern.Lazy(`(?ms)^plugins:\s*\n(.*?)(?:^\S|\z)`)
	sphinxConf   = pattern.Lazy(`(?m)^(?:extensions|html_theme|project|master_doc|root_doc)\s*=`)
	sphinxTheme  = pattern.Lazy(`(?m)^html_theme\s*=\s*["']([\w-]+)["']`)
	sphinxModule = pattern.Lazy(`["']([a-z]\w*(?:\.\w+)*)["']`)
	sphinxList   = pattern.Lazy(`(?ms)^extensions\s*=\s*\[(.*?)\]`)
	rtdFile      = pattern.Lazy(`(?m)^\s*-?\s*requirements\s*:\s*["']?([\w./-]+)`)
	include      = pattern.Lazy(`(?m)^\s*(?:-r|-c|--requirement|--constraint)[ =]\s*([\w./-]+)`)
	rtdPython    = pattern.Lazy(`(?m)^\s+python\s*:\s*["']?(3\.\d+)\b`)
	onlyMinor    = pattern.Lazy(`^\s*(3\.\d+)\b`)
	rtdProject   = pattern.Lazy(`(?m)^\s*-\s*(?:method\s*:\s*pip\s*\n\s*)?path\s*:\s*\.`)
)

// mkDocs finds a site of MkDocs (https://www.mkdocs.org/user-guide/configuration/).
func mkDocs(dir fs.FS) generator {
	for _, name := range []string{"mkdocs.yml", "mkdocs.yaml"} {
		data, err := ecosystem.Read(dir, name)
		if err != nil {
			continue
		}
		deps := requirementsOf(dir, "mkdocs")
		if deps.files == nil && !deps.locked {
			deps.pinned = mkdocsPackages(data)
		}
		g := generator{name: "MkDocs", file: name, packages: deps, command: "mkdocs build --site-dir " + pagesDir + " --config-file " + name, env: []string{"DISABLE_MKDOCS_2_WARNING=true"}}
		g.history = strings.Contains(string(data), "git-") && ecosystem.Exists(dir, ".git")
		return g
	}
	return generator{}
}

// mkdocsPackages are the packages of a configuration, with the versions that
// Slipway takes where the repository names none.
func mkdocsPackages(data []byte) []string {
	out := []string{"mkdocs==1.6.1"}
	if m := mkdocsTheme().FindSubmatch(data); m != nil {
		if theme := string(m[1]) + string(m[2]); theme == "material" {
			out = append(out, "mkdocs-material==9.7.7")
		} else if theme != "mkdocs" && theme != "readthedocs" && theme != "name" {
			out = append(out, "mkdocs-"+theme)
		}
	}
	plugins := map[string]string{
		"minify": "mkdocs-minify-plugin==0.8.0", "awesome-pages": "mkdocs-awesome-pages-plugin==2.10.1", "git-revision-date-localized": "mkdocs-git-revision-date-localized-plugin==1.6.0", "git-revision-date": "mkdocs-git-revision-date-plugin==0.3.2", "redirects": "mkdocs-redirects==1.2.3",
		"macros": "mkdocs-macros-plugin==1.5.0", "mkdocstrings": "mkdocstrings[python]==1.0.8", "glightbox": "mkdocs-glightbox==0.5.3", "literate-nav": "mkdocs-literate-nav==0.6.3", "section-index": "mkdocs-section-index==0.3.12", "gen-files": "mkdocs-gen-files==0.6.1",
		"include-markdown": "mkdocs-include-markdown-plugin==7.3.0", "exclude": "mkdocs-exclude==1.0.2", "rss": "mkdocs-rss-plugin==1.19.0", "mermaid2": "mkdocs-mermaid2-plugin==1.2.3", "autorefs": "mkdocs-autorefs==1.4.5", "swagger-ui-tag": "mkdocs-swagger-ui-tag==0.8.1",
		"same-dir": "mkdocs-same-dir==0.1.5", "monorepo": "mkdocs-monorepo-plugin==1.1.2", "git-authors": "mkdocs-git-authors-plugin==0.10.0", "mkdocs-jupyter": "mkdocs-jupyter==0.27.0", "table-reader": "mkdocs-table-reader-plugin==4.0.2", "techdocs-core": "mkdocs-techdocs-core==1.7.1", "i18n": "mkdocs-static-i18n==1.3.1", "mike": "mike==2.2.0",
	}
	if m := mkdocsBlock().FindSubmatch(data); m != nil {
		for _, p := range mkdocsPlugin().FindAllSubmatch(m[1], -1) {
			if name := plugins[string(p[1])]; name != "" {
				out = append(out, name)
			}
		}
	}
	if strings.Contains(string(data), "pymdownx.") {
		out = append(out, "pymdown-extensions==11.0.1")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sphinx finds a site of Sphinx (https://www.sphinx-doc.org/en/master/usage/configuration.html).
func sphinx(dir fs.FS) generator {
	for _, at := range []string{".", "docs", "docs/source", "source", "doc", "doc/source"} {
		name := path.Join(at, "conf.py")
		data, err := ecosystem.Read(dir, name)
		if err != nil || !sphinxConf().Match(data) {
			continue
		}
		deps := requirementsOf(dir, "sphinx", at, path.Dir(at))
		if deps.files == nil && !deps.locked {
			deps.pinned = sphinxPackages(data)
		}
		return generator{name: "Sphinx", file: name, packages: deps, command: "sphinx-build -b html -d /tmp/doctrees " + ecosystem.Quoted([]string{at})[0] + " " + pagesDir}
	}
	return generator{}
}

// sphinxPackages are the packages of a configuration.
func sphinxPackages(data []byte) []string {
	out := []string{"sphinx==9.2.0"}
	known := map[string]string{
		"sphinx_rtd_theme": "sphinx-rtd-theme==3.1.0", "furo": "furo==2025.12.19", "myst_parser": "myst-parser==5.2.0", "sphinx_copybutton": "sphinx-copybutton==0.5.2", "sphinx_design": "sphinx-design==0.8.0", "pydata_sphinx_theme": "pydata-sphinx-theme==0.20.0",
		"sphinx_book_theme": "sphinx-book-theme==1.4.0", "nbsphinx": "nbsphinx==0.9.8", "sphinxcontrib.mermaid": "sphinxcontrib-mermaid==2.1.1", "sphinx_tabs.tabs": "sphinx-tabs==3.5.0", "sphinx_autodoc_typehints": "sphinx-autodoc-typehints==3.17.5", "recommonmark": "recommonmark==0.7.1", "sphinx_click": "sphinx-click==6.2.0",
		"sphinxcontrib.httpdomain": "sphinxcontrib-httpdomain==2.2.1", "sphinxext.opengraph": "sphinxext-opengraph==0.13.0", "sphinx_sitemap": "sphinx-sitemap==2.9.0", "numpydoc": "numpydoc==1.11.0", "myst_nb": "myst-nb==1.4.0", "autoapi.extension": "sphinx-autoapi==3.9.0", "press": "sphinx-press-theme==0.9.1",
	}
	var names []string
	if m := sphinxTheme().FindSubmatch(data); m != nil {
		names = append(names, string(m[1]))
	}
	if m := sphinxList().FindSubmatch(data); m != nil {
		for _, n := range sphinxModule().FindAllSubmatch(m[1], -1) {
			names = append(names, string(n[1]))
		}
	}
	for _, n := range names {
		if known[n] != "" {
			out = append(out, known[n])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// requirementsOf are the files that pin a generator: what Read the Docs is given,
// the usual names, or uv.lock.
func requirementsOf(dir fs.FS, name string, near ...string) *pythonDeps {
	deps := &pythonDeps{}
	files := []string{"docs/requirements.txt", "requirements-docs.txt", "docs-requirements.txt", "requirements/docs.txt", "requirements_docs.txt", "requirements.txt"}
	for _, at := range near {
		files = append([]string{path.Join(at, "requirements.txt")}, files...)
	}
	for _, rtd := range []string{".readthedocs.yaml", ".readthedocs.yml"} {
		data, err := ecosystem.Read(dir, rtd)
		if err != nil {
			continue
		}
		for _, m := range rtdFile().FindAllSubmatch(data, -1) {
			files = append([]string{path.Clean(string(m[1]))}, files...)
		}
		deps.project = rtdProject().Match(data)
		deps.python = ecosystem.Find(rtdPython(), rtd, data)
	}
	if data, err := ecosystem.Read(dir, ".python-version"); err == nil && !deps.python.Found() {
		deps.python = ecosystem.Find(onlyMinor(), ".python-version", data)
	}
	for _, file := range files {
		data, err := ecosystem.Read(dir, file)
		if err == nil && fs.ValidPath(file) && strings.Contains(strings.ToLower(string(data)), name) {
			deps.files = append(deps.files, file)
			deps.more = included(dir, file, data, 3)
			break
		}
	}
	if deps.files == nil && ecosystem.Exists(dir, "uv.lock") && ecosystem.Exists(dir, "pyproject.toml") {
		deps.locked = true
	}
	return deps
}

// included are the files that requirements name, and those that these name.
func included(dir fs.FS, file string, data []byte, depth int) []string {
	var out []string
	for _, m := range include().FindAllSubmatch(data, -1) {
		name := path.Join(path.Dir(file), string(m[1]))
		text, err := ecosystem.Read(dir, name)
		if err != nil || depth == 0 {
			continue
		}
		out = append(append(out, name), included(dir, name, text, depth-1)...)
	}
	return out
}

// version is the Python that the pages are built on, and the release of Debian that
// has it: the oldest one that is not older than the one that the repository names,
// because old requirements have no wheels for new versions. What Slipway pins is
// for the default.
func (d *pythonDeps) version(assembled bool) (version, suite string) {
	wanted := d.python.Text
	if wanted == "" || d.files == nil && !d.locked {
		return pythonVersion, ecosystem.Suite
	}
	if !assembled {
		return wanted, ecosystem.Suite
	}
	for _, l := range [][2]string{{"3.9", "bullseye"}, {"3.11", "bookworm"}, {pythonVersion, ecosystem.Suite}, {"3.14", "forky"}} {
		if !newer(wanted, l[0]) {
			return l[0], l[1]
		}
	}
	return pythonVersion, ecosystem.Suite
}

// check notes where the versions come from.
func (d *pythonDeps) check(s *ecosystem.Service, g generator) {
	version, _ := d.version(true)
	s.Fact("runtime", "Python "+version, "builds the pages, and is no part of the image", d.python.File, d.python.Line)
	switch {
	case d.files != nil:
		s.Fact("generator", g.name, "requirements", d.files[0], 0)
	case d.locked:
		s.Fact("generator", g.name, "lock file", "uv.lock", 0)
	default:
		s.Fact("generator", g.name, strings.Join(d.pinned, ", "), g.file, 0)
		s.Unwise(codeUnpinned, g.file, 0, "write the versions to requirements.txt", "no file pins %s, so the build installs %s", g.name, strings.Join(d.pinned, ", "))
	}
}

// stages install the generator, run it, and lay out the site.
func (d *pythonDeps) stages(s *ecosystem.Service, g generator, b ecosystem.Bases, family config.Bases, site Site) ([]plan.Stage, []plan.Base) {
	version, suite := d.version(b.Toolchain.Assembled)
	base := plan.Base{Role: plan.RoleToolchain, Ecosystem: "python", Version: version, Assembled: b.Toolchain.Assembled}
	switch {
	case base.Assembled:
		base.Ref = "slipway/python:" + version + "-" + suite + "-toolchain"
		if g.history {
			base.Ref = plan.WithPackages(base.Ref, []string{"git"})
		}
	case family.Family == "alpine":
		base.Ref = "python:" + version + "-alpine"
	default:
		base.Ref = "python:" + version + "-" + ecosystem.Suite
	}
	install := "pip --python " + siteVenv + "/bin/python install "
	deps := plan.Stage{
		Name: plan.StageDependencies, Comment: g.name + " and its plugins, reinstalled only when their versions change.", From: base.Ref, BuildPlatform: true,
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{"/src"}},
			{Op: plan.OpEnv, Args: []string{"PATH=" + siteVenv + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PIP_ROOT_USER_ACTION=ignore", "LANG=C.UTF-8"}},
		},
	}
	cache := []plan.Mount{{Type: "cache", Target: "/root/.cache/pip"}}
	venv := "python3 -m venv --without-pip " + siteVenv + " && "
	switch {
	case d.files != nil:
		for _, dir := range slices.Sorted(maps.Keys(d.dirs())) {
			deps.Steps = append(deps.Steps, plan.Step{Op: plan.OpCopy, Args: append(d.dirs()[dir], dir+"/")})
		}
		deps.Steps = append(deps.Steps, plan.Step{Op: plan.OpRun, Shell: venv + install + "-r " + strings.Join(ecosystem.Quoted(d.files), " -r "), Mounts: cache})
	case d.locked:
		deps.Steps = append(deps.Steps, plan.Step{Op: plan.OpCopy, Args: []string{"pyproject.toml", "uv.lock", "./"}},
			plan.Step{Op: plan.OpEnv, Args: []string{"UV_LINK_MODE=copy", "UV_PROJECT_ENVIRONMENT=" + siteVenv, "UV_PYTHON_DOWNLOADS=never"}},
			plan.Step{Op: plan.OpRun, Shell: "python3 -m venv --without-pip /opt/tools && pip --python /opt/tools/bin/python install uv==" + uvVersion + " && /opt/tools/bin/uv sync --frozen --all-groups --all-extras --no-install-project", Mounts: cache})
	default:
		deps.Steps = append(deps.Steps, plan.Step{Op: plan.OpRun, Shell: venv + install + strings.Join(ecosystem.Quoted(d.pinned), " "), Mounts: cache})
	}
	command := g.command
	if d.project {
		command = install + "--no-cache-dir . && " + command
	}
	pages := plan.Stage{Name: "pages", Comment: "The pages by " + g.name + ".", From: plan.StageDependencies, Steps: []plan.Step{{Op: plan.OpCopy, Args: []string{".", "./"}}}}
	if len(g.env) > 0 {
		pages.Steps = append(pages.Steps, plan.Step{Op: plan.OpEnv, Args: g.env})
	}
	pages.Steps = append(pages.Steps, plan.Step{Op: plan.OpRun, Shell: command})
	builder := plan.Stage{Name: plan.StageBuilder, Comment: "The site, compressed for nginx.", From: b.Toolchain.Ref, BuildPlatform: true, Steps: site.Pack()}
	builder.Steps = append(builder.Steps, plan.Step{Op: plan.OpCopy, From: pages.Name, Args: []string{pagesDir + "/", pagesDir + "/"}}, plan.Step{Op: plan.OpRun, Shell: site.PackCommand()})
	return []plan.Stage{deps, pages, builder}, []plan.Base{base}
}

// dirs are the files by their directory: requirements name others beside them.
func (d *pythonDeps) dirs() map[string][]string {
	out := map[string][]string{}
	for _, f := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(d.files, d.more)))) {
		dir := "."
		if path.Dir(f) != "." {
			dir = path.Dir(f)
		}
		out[dir] = append(out[dir], f)
	}
	return out
}
