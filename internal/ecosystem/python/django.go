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
	quotedHost   = pattern.Lazy(`['"]([^'"\s]+)['"]`)
	quotedText   = pattern.Lazy(`['"]([\w./-]+)['"]`)
)

var (
	wsgiSetting = ecosystem.NewSign(`(?m)^WSGI_APPLICATION\s*=\s*['"]([\w.]+)['"]`)
	urlsSetting = ecosystem.NewSign(`(?m)^ROOT_URLCONF\s*=\s*['"]([\w.]+)['"]`)
	includes    = pattern.Lazy(`\bpath\(\s*(?:''|"")\s*,\s*include\(\s*['"]([\w.]+)['"]`)
	asgiSetting = ecosystem.NewSign(`(?m)^ASGI_APPLICATION\s*=\s*['"]([\w.]+)['"]`)
)

// django is what is known of a Django project.
type django struct {
	settings string   // module, "" without Django
	insists  []string // NAME=value for what the settings want of the environment
	hosts    hosts
	wsgi     ecosystem.Hit // applications that the settings name
	asgi     ecosystem.Hit
	urls     ecosystem.Hit // the module of the routes, as the settings name it
	assets   bool          // the application of static files is in use
	statics  string        // directory that collectstatic writes, below the service's; "" for none
}

// manages are the manage.py of the service: at its top, or below.
func (s *service) manages() []string {
	var out []string
	for _, f := range s.tree.modules {
		if path.Base(f) == "manage.py" && strings.Count(f, "/") <= 2 {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	return out
}

// isDjango reads manage.py and the settings. false means that this is no Django
// project.
func (s *service) isDjango() bool {
	for _, manage := range s.manages() {
		data, err := ecosystem.Read(s.Dir, manage)
		if err != nil {
			continue
		}
		h := ecosystem.Find(settingsName(), manage, data)
		if !h.Found() {
			h = s.settingsAmong(manage, data)
		}
		if !h.Found() {
			continue
		}
		s.root = path.Dir(manage)
		s.cwd = s.root
		project, _, _ := strings.Cut(h.Text, ".")
		s.django.settings = s.served(project, h.Text)
		s.app = app{kind: kindDjango, module: project, file: h.File, line: h.Line}
		if s.root != "." {
			s.Fact("imports", "from "+s.root+"/", "manage.py is there", manage, h.Line)
		}
		if data, err := ecosystem.Read(s.Dir, "package.json"); err == nil {
			if b := ecosystem.Find(buildScript(), "package.json", data); b.Found() {
				s.Report(diag.Warning, codeAssets, b.File, b.Line, "commit its output below the static files, or add a Dockerfile", "the build script of package.json does not run: the image contains the assets as committed")
			}
		}
		s.staticFiles(s.django.settings, project)
		s.checkHosts()
		return true
	}
	return false
}

// settingsAmong returns the settings of a manage.py that decides between several,
// or gets them by a variable: the last string that is a module, because what
// stands behind `else` or as a default is what holds without further settings.
func (s *service) settingsAmong(manage string, data []byte) ecosystem.Hit {
	c := lex(data)
	var found ecosystem.Hit
	asked := false
	for _, l := range c.literals {
		asked = asked || l.text == "DJANGO_SETTINGS_MODULE"
		at := path.Join(path.Dir(manage), strings.ReplaceAll(l.text, ".", "/"))
		if strings.Contains(l.text, ".") && fsValid(at) && (ecosystem.Exists(s.Dir, at+".py") || ecosystem.Exists(s.Dir, at+"/__init__.py")) {
			found = ecosystem.Hit{Text: l.text, File: manage, Line: l.line}
		}
	}
	if !asked {
		return ecosystem.Hit{}
	}
	return found
}

// served is the settings module that servers get. manage.py often names the one
// of the developer's machine.
func (s *service) served(project, managed string) string {
	chosen := ecosystem.Hit{Text: managed}
	for _, name := range []string{"wsgi.py", "asgi.py"} {
		name = path.Join(s.root, project, name)
		data, err := ecosystem.Read(s.Dir, name)
		if err != nil {
			continue
		}
		if h := ecosystem.Find(settingsName(), name, data); h.Found() {
			chosen = h
			break
		}
	}
	if better := s.production(chosen.Text); better != "" {
		s.Report(diag.Info, codeSettings, ecosystem.Or(chosen.File, s.root+"/manage.py"), chosen.Line,
			"write env: {DJANGO_SETTINGS_MODULE: "+chosen.Text+"} for the service in slipway.yaml to get the others", "servers get the settings %s, not %s", better, chosen.Text)
		return better
	}
	if chosen.Text != managed {
		s.Fact("settings", chosen.Text, "used by the server", chosen.File, chosen.Line)
	}
	return chosen.Text
}

// production returns the settings of production where those named are a
// developer's, or a package without any; "" when those named are right.
func (s *service) production(named string) string {
	at := path.Join(s.root, strings.ReplaceAll(named, ".", "/"))
	pkg, last := path.Split(at)
	if data, err := ecosystem.Read(s.Dir, at+"/__init__.py"); ecosystem.IsDir(s.Dir, at) && (err != nil || len(strings.TrimSpace(string(data))) == 0) {
		pkg, named = at, named+"."
	} else if slices.Contains([]string{"local", "dev", "develop", "development", "test", "testing"}, last) {
		named = strings.TrimSuffix(named, last)
	} else {
		return ""
	}
	for _, name := range []string{"production", "prod", "live"} {
		if ecosystem.Exists(s.Dir, path.Join(pkg, name+".py")) {
			return named + name
		}
	}
	return ""
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
func (s *service) staticFiles(settings, project string) {
	var root, used ecosystem.Hit
	module := path.Join(s.root, strings.ReplaceAll(settings, ".", "/"))
	project = path.Join(s.root, project)
	for _, name := range []string{module + ".py", module + "/__init__.py", path.Join(path.Dir(module), "base.py"), path.Join(project, "settings/base.py"), path.Join(project, "settings.py")} {
		data, err := ecosystem.Read(s.Dir, name)
		if err != nil {
			continue
		}
		root.Seek(staticRoot(), name, data)
		used.Seek(staticApp(), name, data)
		s.django.hosts.look(name, data)
		s.django.wsgi.Seek(wsgiSetting, name, data)
		s.django.asgi.Seek(asgiSetting, name, data)
		s.django.urls.Seek(urlsSetting, name, data)
		s.django.insists = append(s.django.insists, placeholders(data)...)
	}
	s.django.assets = used.Found()
	if root.Found() {
		s.django.statics = "staticfiles"
		if m := quotedText().FindAllStringSubmatch(root.Text, -1); m != nil {
			s.django.statics = path.Clean(m[len(m)-1][1])
		}
		s.django.statics = path.Join(s.root, s.django.statics)
		s.tree.sources = slices.DeleteFunc(s.tree.sources, func(n string) bool { return n == s.django.statics })
		s.Fact("static files", "collected into "+s.django.statics, "STATIC_ROOT", root.File, root.Line)
		if !s.has("whitenoise") {
			s.Report(diag.Warning, codeStatic, root.File, root.Line, s.add("whitenoise")+", and its middleware to MIDDLEWARE, or let a proxy serve them",
				"the static files are collected, but nothing in the image serves them")
		}
		return
	}
	if used.Found() && s.has("whitenoise") {
		s.Report(diag.Warning, codeStatic, used.File, used.Line, `add STATIC_ROOT = BASE_DIR / "staticfiles"`, "static files are in use, but STATIC_ROOT is not set")
	}
}

// djangoRoute is the health check among the routes: one of the project's own, or
// of a module that these include below no other path. Without an answer for
// localhost there is none.
func (s *service) djangoRoute() ecosystem.Hit {
	file := func(module string) string {
		return path.Join(s.root, strings.ReplaceAll(module, ".", "/")+".py")
	}
	top := file(ecosystem.Or(s.django.urls.Text, s.app.module+".urls"))
	data, err := ecosystem.Read(s.Dir, top)
	if err != nil || s.django.hosts.refusesLocalhost() {
		return ecosystem.Hit{}
	}
	served := []string{top}
	for _, m := range includes().FindAllSubmatch(lex(data).signs, -1) {
		served = append(served, file(string(m[1])))
	}
	for _, h := range s.scan.views {
		if slices.Contains(served, h.File) {
			return h
		}
	}
	return ecosystem.Hit{}
}
