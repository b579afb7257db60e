package python

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Evidence in Django's files.
var (
	settingsName = pattern.Lazy(`DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)['"]`)
	staticRoot   = pattern.Lazy(`(?m)^\s*STATIC_ROOT\s*=\s*(.*)$`)
	buildScript  = pattern.Lazy(`"build"\s*:\s*"([^"]*)"`)
	staticApp    = pattern.Lazy(`django\.contrib\.staticfiles`)
	wanted       = pattern.Lazy(`\bos\.environ\[\s*['"]([A-Za-z_]\w*)['"]\s*\]|\b(?:env|config)(?:\.\w+)?\(\s*['"]([A-Za-z_]\w*)['"]\s*(?:,\s*cast\s*=\s*\w+\s*)?,?\s*\)`)
	boolCast     = pattern.Lazy(`cast\s*=\s*bool`)
	intCast      = pattern.Lazy(`cast\s*=\s*int`)
	quotedText   = pattern.Lazy(`['"]([\w./-]+)['"]`)
)

// django reads manage.py and the settings. false means that this is no Django
// project.
func (s *service) django() bool {
	data, err := ecosystem.Read(s.Dir, "manage.py")
	if err != nil {
		return false
	}
	h := ecosystem.Find(settingsName(), "manage.py", data)
	if !h.Found() {
		return false
	}
	project, _, _ := strings.Cut(h.Text, ".")
	s.settings = s.served(project, h.Text)
	s.app = app{kind: kindDjango, module: project, file: h.File, line: h.Line}
	if data, err := ecosystem.Read(s.Dir, "package.json"); err == nil {
		if b := ecosystem.Find(buildScript(), "package.json", data); b.Found() {
			s.Report(diag.Warning, codeAssets, b.File, b.Line, "commit what it writes below the static files, or bring a Dockerfile", "the build script of package.json is not run: the image gets the assets as they lie in the repository")
		}
	}
	s.staticFiles(strings.ReplaceAll(s.settings, ".", "/"), project)
	return true
}

// served is the settings module that servers get. manage.py often names the one
// of the developer's machine.
func (s *service) served(project, managed string) string {
	for _, name := range []string{"wsgi.py", "asgi.py"} {
		name = path.Join(project, name)
		data, err := ecosystem.Read(s.Dir, name)
		if err != nil {
			continue
		}
		if h := ecosystem.Find(settingsName(), name, data); h.Found() {
			if h.Text != managed {
				s.Fact("settings", h.Text, "servers get them", h.File, h.Line)
			}
			return h.Text
		}
	}
	return managed
}

// placeholders are NAME=value for what settings insist on and static files do
// not depend on.
func placeholders(data []byte) []string {
	var out []string
	for _, m := range wanted().FindAllSubmatch(data, 100) {
		name, value, how := string(m[1])+string(m[2]), "only-for-this-step", string(m[0])
		switch {
		case slices.Contains([]string{"PATH", "HOME", "USER", "TMPDIR", "DJANGO_SETTINGS_MODULE"}, name) || strings.HasPrefix(name, "PYTHON"):
			continue // the step has them
		case strings.Contains(name, "DATABASE") || strings.HasPrefix(name, "DB_URL"):
			value = "sqlite:///:memory:"
		case strings.HasSuffix(name, "URL") || strings.HasSuffix(name, "URI") || strings.HasSuffix(name, "DSN"):
			value = "http://localhost"
		case strings.HasPrefix(how, "env.bool") || boolCast().MatchString(how):
			value = "False"
		case strings.HasPrefix(how, "env.int") || intCast().MatchString(how) || strings.HasSuffix(name, "PORT"):
			value = "1"
		}
		out = append(out, name+"="+value)
	}
	return out
}

// staticFiles finds out whether Django's static files are collected and served.
func (s *service) staticFiles(module, project string) {
	var root, used ecosystem.Hit
	for _, name := range []string{module + ".py", module + "/__init__.py", path.Join(path.Dir(module), "base.py"), path.Join(project, "settings/base.py"), path.Join(project, "settings.py")} {
		data, err := ecosystem.Read(s.Dir, name)
		if err != nil {
			continue
		}
		root.Seek(staticRoot(), name, data)
		used.Seek(staticApp(), name, data)
		s.insists = append(s.insists, placeholders(data)...)
	}
	if root.Found() {
		s.statics = "staticfiles"
		if m := quotedText().FindAllStringSubmatch(root.Text, -1); m != nil {
			s.statics = path.Clean(m[len(m)-1][1])
		}
		s.sources = slices.DeleteFunc(s.sources, func(n string) bool { return n == s.statics })
		s.Fact("static files", "collected into "+s.statics, "STATIC_ROOT", root.File, root.Line)
		if !s.has("whitenoise") {
			s.Report(diag.Warning, codeStatic, root.File, root.Line, s.add("whitenoise")+", and its middleware to MIDDLEWARE, or let a proxy serve them",
				"the static files are collected, but nothing in the image serves them")
		}
		return
	}
	if used.Found() && s.has("whitenoise") {
		s.Report(diag.Warning, codeStatic, used.File, used.Line, `add STATIC_ROOT = BASE_DIR / "staticfiles"`, "static files are in use, but STATIC_ROOT does not say where they are collected")
	}
}
