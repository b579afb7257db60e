package proof

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// foreignPrograms are those of other operating systems and of development, which
// sources name beside the one for Linux.
func foreignPrograms() []string {
	return []string{
		"cmd", "powershell", "pwsh", "open", "xdg-open", "osascript", "start", "explorer", "clip", "pbcopy", "pbpaste", "xclip", "wmic", "reg", "tasklist", "taskkill", "sw_vers", "sysctl", "ioreg", "launchctl", "where",
		"npm", "npx", "yarn", "pnpm", "tsc", "docker", "code",
	}
}

// own lists the sources of the service that run: those that the start imports,
// else all but tools and tests. They are in the order of their paths.
func (c *check) own() []layer.File {
	var out []layer.File
	for f := range c.tree.Files {
		if f.Source == nil || !c.started {
			continue
		}
		if len(c.reached) > 0 && isScript(f.Path) && !c.reached[f.Path] || aside("/"+f.Path) {
			continue
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b layer.File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// isScript tells whether a source is of JavaScript or TypeScript, whose programs
// import all that they run; frameworks of Python import by name.
func isScript(p string) bool { return path.Ext(p) != ".py" }

// aside tells whether a source is a tool or a test beside the service.
func aside(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if slices.Contains([]string{"test", "tests", "__tests__", "spec", "e2e", "scripts", "script", "tools", "examples", "bench", "benchmarks", "fixtures"}, part) {
			return true
		}
	}
	base := path.Base(p)
	return strings.Contains(base, ".config.") || strings.Contains(base, ".test.") || strings.Contains(base, ".spec.") || strings.HasPrefix(base, "test_") || base == "setup.py" || base == "conftest.py" || base == "gulpfile.js" || base == "Gruntfile.js"
}

// calls checks the programs that sources run: those of the image, and those that
// the plan found.
func (c *check) calls() {
	for _, f := range c.own() {
		for _, call := range f.Source.Calls {
			at := c.place(f.Path, call.Line, call.Program)
			if call.Shell {
				c.call("sh", at)
			}
			if call.Program != "" && !(call.Shell && slices.Contains(shellBuiltins(), call.Program)) {
				c.call(call.Program, at)
			}
		}
	}
	for _, use := range c.Service.Calls {
		c.call(use.Name, diag.Place{File: use.File, Line: use.Line})
	}
}

// call reports a program that is not there.
func (c *check) call(name string, at diag.Place) {
	base := strings.TrimSuffix(path.Base(name), ".exe")
	if base == "sh" && !strings.Contains(name, "/") {
		name = "/bin/sh"
	}
	if slices.Contains(foreignPrograms(), base) || strings.ContainsAny(name, " ${}\\") || strings.HasPrefix(name, ".") {
		return
	}
	if f, ok := c.find(name); ok && c.may(f, 1) {
		return
	}
	if c.seen["call "+base] {
		return
	}
	c.seen["call "+base] = true
	hint := c.setting("packages: {runtime: [" + packageOfProgram(base) + "]}")
	if base == "sh" || base == "bash" {
		hint = c.setting("shell: true")
	}
	if !c.planned() {
		hint = "install " + packageOfProgram(base) + " in the image"
	}
	c.warn(CodeCall, at, hint, "the sources run %s, which is not in the image", base)
}

// health checks the program of the health check.
func (c *check) health() {
	test := c.Config.Health
	if len(test) < 2 || test[0] == "NONE" {
		return
	}
	name, at := test[1], c.startPlace()
	if c.Service.Dockerfile != "" {
		at.Line = c.instruction("HEALTHCHECK")
	}
	if test[0] == "CMD-SHELL" {
		if _, ok := c.find("/bin/sh"); !ok {
			c.broken(CodeHealth, at, c.setting("shell: true")+", or use a health check without a shell", "the health check needs /bin/sh, which is not in the image")
			return
		}
		words := strings.Fields(test[1])
		if len(words) == 0 || strings.ContainsAny(words[0], "$`\"'(){}<>|&;=![") || slices.Contains(shellBuiltins(), words[0]) {
			return
		}
		name = words[0]
	}
	f, ok := c.find(name)
	switch {
	case !ok:
		c.broken(CodeHealth, at, "use health: {http: PATH} or {tcp: true}, which need no program; or "+c.setting("packages: {runtime: ["+packageOfProgram(path.Base(name))+"]}"),
			"the health check runs %s, which is not in the image", name)
	case !c.may(f, 1):
		c.broken(CodeHealth, at, "chmod a+rx /"+f.Path, "the health check runs %s, which the user %s cannot execute", name, c.user.name)
	}
}

// tls compares how the server speaks with how its health check does.
func (c *check) tls() {
	test := strings.Join(c.Config.Health, " ")
	plain := strings.Contains(test, "http://") || strings.Contains(test, "grpc_health_probe") && !strings.Contains(test, "-tls")
	if !plain {
		return
	}
	var secure layer.File
	for _, f := range c.own() {
		if f.Source.Plain > 0 {
			return
		}
		if f.Source.TLS > 0 && secure.Source == nil {
			secure = f
		}
	}
	if secure.Source != nil {
		c.warn(CodeTLS, c.place(secure.Path, secure.Source.TLS, ""), c.setting("health: {tls: true}"), "the server speaks TLS, but its health check does not: it will never be healthy")
	}
}
