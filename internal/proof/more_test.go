package proof

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/plan"
)

// shellBox is a good image of a script that a shell runs.
func shellBox(script string) *box {
	b := nodeBox().put("usr/bin/sh", 0o755, elf(loaderPath, "libc.so.6")).put("usr/bin/env", 0o755, elf(loaderPath, "libc.so.6")).link("bin", "usr/bin")
	b.put("app/start.sh", 0o755, script)
	return b.cmd("/app/start.sh", "node", "dist/main.js")
}

// siteBox is a good image of a site.
func siteBox(settings string) *box {
	b := system().put("usr/sbin/nginx", 0o755, elf(loaderPath, "libc.so.6")).put("etc/nginx/nginx.conf", 0o644, settings).cmd("nginx", "-g", "daemon off;")
	return b.put("srv/www/index.html", 0o644, "<!doctype html>")
}

const pages = "http {\n  server {\n    listen 8080; # root /nowhere;\n    root /srv/www;\n  }\n}\n"

// kindBreakages: what is started is there, and is not what it must be.
func kindBreakages() []breakage {
	shell := func(testing.TB) *box { return shellBox("#!/bin/sh\nset -e\n\nexec \"$@\"\n") }
	site := func(testing.TB) *box { return siteBox(pages) }
	return []breakage{
		{"env is passed an option as a program", shell, func(_ testing.TB, b *box) {
			b.put("app/cli", 0o755, "#!/usr/bin/env node --no-warnings\n").cmd("/app/cli")
		}, []string{`error SLP362 /app/cli:1 … passes env one argument, "node --no-warnings" … #!/usr/bin/env -S node --no-warnings`}},
		{"lines of Windows after env", shell, func(_ testing.TB, b *box) {
			b.put("app/cli", 0o755, "#!/usr/bin/env node\r\n").cmd("/app/cli")
		}, []string{"error SLP362 … Windows line endings"}},
		{"the interpreter is for another architecture", shell, func(_ testing.TB, b *box) {
			b.put("usr/bin/sh", 0o755, elfFor(183, ""))
		}, []string{"error SLP366 … /usr/bin/sh is for another architecture"}},
		{"the interpreter is a link to nowhere", shell, func(_ testing.TB, b *box) { b.link("usr/bin/sh", "busybox") }, []string{"error SLP362 … /bin/sh"}},
		{"the file to start is a link to nowhere", node, func(_ testing.TB, b *box) { b.link("app/dist/main.js", "../build/main.js") }, []string{"error SLP367 … names dist/main.js"}},
		{"the file to start is an empty directory", node, func(_ testing.TB, b *box) { b.dir("app/out", 0o755, 0).cmd("node", "out") }, []string{"error SLP367 … names out"}},
		{"the jar is a directory", java, func(_ testing.TB, b *box) { b.dir("app/app.jar", 0o755, 0) }, []string{"error SLP369 … app.jar is not a jar"}},
		{"the program of Python is a directory without a main module", python, func(_ testing.TB, b *box) { b.cmd("python", "app") }, []string{"error SLP367 … /app/app is a directory without __main__.py"}},
		{"a script without its first line", golang, func(_ testing.TB, b *box) { b.put("app/api", 0o755, "exec ./server\n") }, []string{"error SLP444 … /app/api, which is neither a program nor a script … #!/bin/sh"}},
		{"a source without its interpreter", node, func(_ testing.TB, b *box) { b.chmod("app/dist/main.js", 0o755).cmd("/app/dist/main.js") }, []string{`error SLP444 … command: ["node", "/app/dist/main.js"]`}},
		{"an empty program", golang, func(_ testing.TB, b *box) { b.put("app/api", 0o755, "") }, []string{"error SLP444 … it wrote an empty file"}},
		{"the working directory is a file", golang, func(_ testing.TB, b *box) { b.config.WorkDir = "/app/api" }, []string{"error SLP444 … starts in /app/api, which is no directory"}},
		{"words of the command in one", node, func(_ testing.TB, b *box) { b.cmd("node dist/main.js") }, []string{`error SLP360 … write the words apart: write command: ["node", "dist/main.js"]`}},
		{"a variable that no shell expands", python, func(_ testing.TB, b *box) { b.cmd("uvicorn", "app.main:app", "--port", "$PORT") }, []string{"error SLP446 … the argument $PORT … names the variable PORT"}},
		{"a variable with a default that no shell expands", python, func(_ testing.TB, b *box) { b.cmd("uvicorn", "app.main:app", "--port", "${PORT:-8000}") }, []string{"error SLP446 … names the variable PORT"}},
		{"what the entrypoint starts is missing", shell, func(_ testing.TB, b *box) { b.cmd("/app/start.sh", "deno", "run") }, []string{"error SLP360 … deno"}},
		{"the file that the entrypoint starts is missing", shell, func(_ testing.TB, b *box) {
			b.put("app/start.sh", 0o755, "#!/bin/sh\necho starting\nexec node dist/server.js\n")
		}, []string{"error SLP367 … dist/server.js"}},
		{"the directory of pages is missing", site, func(_ testing.TB, b *box) { b.without("srv/www/index.html") }, []string{"error SLP448 … nginx serves /srv/www, which is not in the image … output:"}},
		{"no page to begin with", site, func(_ testing.TB, b *box) { b.without("srv/www/index.html").put("srv/www/main.css", 0o644, "") }, []string{"error SLP448 … /srv/www, which has no index.html"}},
		{"pages of another file of settings", site, func(_ testing.TB, b *box) {
			b.put("etc/nginx/nginx.conf", 0o644, "http { include /etc/nginx/conf.d/*.conf; }\n").put("etc/nginx/conf.d/site.conf", 0o644, "server { root /srv/site; }\n")
		}, []string{"error SLP448 … /srv/site"}},
		{"pages beside a proxy", site, func(_ testing.TB, b *box) {
			b.put("etc/nginx/nginx.conf", 0o644, "http { server { root /srv/site; location /api/ { proxy_pass http://api:3000; } } }\n")
		}, []string{"warning SLP448 … /srv/site"}},
		{"pages that the user may not read", site, func(_ testing.TB, b *box) { b.dir("srv/www", 0o700, 0) }, []string{"error SLP378 … /srv/www"}},
	}
}

// systemBreakages: a program and the image are of different versions or systems.
func systemBreakages() []breakage {
	commonJS := func(testing.TB) *box { return nodeBox() }
	esm := func(testing.TB) *box {
		b := nodeBox().app("package.json", `{"type":"module"}`).app("dist/db.js", "export const db = 1;\n").app("dist/limits.json", "{}")
		return b.app("dist/main.js", "import express from 'express';\nimport { db } from './db.js';\nimport limits from './limits.json' with { type: 'json' };\n")
	}
	old := func(b *box) *box { return b.env("NODE_VERSION=18.20.4") }
	return []breakage{
		{"require in an ES module", esm, func(_ testing.TB, b *box) {
			b.app("dist/db.js", "export const db = 1;\nconst pg = require('pg/lib/client');\n")
		}, []string{"error SLP443 /app/dist/db.js:2: web: calls require, which ES modules do not have"}},
		{"require in a module by its ending", commonJS, func(_ testing.TB, b *box) {
			b.app("dist/main.mjs", "const db = require('./db.js');\n").cmd("node", "dist/main.mjs")
		}, []string{"error SLP443 … /app/dist/main.mjs:1 calls require"}},
		{"JSON without its type", esm, func(_ testing.TB, b *box) {
			b.app("dist/db.js", "import limits from './limits.json';\nexport const db = limits;\n")
		}, []string{`error SLP443 /app/dist/db.js:1 … with { type: "json" }`}},
		{"import in a module that is said to be CommonJS", commonJS, func(_ testing.TB, b *box) {
			b.app("package.json", `{"type":"commonjs"}`).app("dist/main.js", "\nimport express from 'express';\n")
		}, []string{`error SLP443 … has import or export declarations … "type": "module"`}},
		{"import in a CommonJS module by its ending", commonJS, func(_ testing.TB, b *box) {
			b.app("dist/main.cjs", "import express from 'express';\n").cmd("node", "dist/main.cjs")
		}, []string{"error SLP443 … /app/dist/main.cjs:1 has import"}},
		{"import with an old node", commonJS, func(_ testing.TB, b *box) {
			old(b).app("dist/main.js", "import express from 'express';\n")
		}, []string{"error SLP443 … node takes it for a CommonJS module"}},
		{"a package of ES modules with an old node", commonJS, func(_ testing.TB, b *box) {
			old(b).app("dist/db.js", "const chalk = require('chalk');\n").app("node_modules/chalk/package.json", `{"type":"module","exports":"./source/index.js"}`).app("node_modules/chalk/source/index.js", "export default 1")
		}, []string{"error SLP443 … requires chalk, which has ES modules only; Node.js 18.20.4 cannot require them … version: 22"}},
		{"packages of another Python", python, func(_ testing.TB, b *box) {
			for p, f := range b.files {
				if rest, ok := strings.CutPrefix(p, "opt/venv/lib/python3.13/"); ok {
					delete(b.files, p)
					b.files["opt/venv/lib/python3.12/"+rest] = f
				}
			}
		}, []string{"error SLP447 … the packages of /opt/venv are for Python 3.12, and its interpreter is Python 3.13"}},
		{"a newer Java than the image's", java, func(t testing.TB, b *box) {
			b.put("usr/lib/jvm/release", 0o644, "IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.9\"\n").put("app/app.jar", 0o644, zipped(t, map[string]string{
				"META-INF/MANIFEST.MF": "Main-Class: com.example.Main\n\n", "com/example/Main.class": classOf(21)}))
		}, []string{"error SLP447 … com.example.Main is compiled for Java 21, and the image has Java 17 … version: 21"}},
		{"Java before it counted from one", java, func(t testing.TB, b *box) {
			b.put("usr/lib/jvm/release", 0o644, "JAVA_VERSION=\"1.8.0_402\"\n")
		}, []string{"error SLP447 … Java 21, and the image has Java 8"}},
		{"a newer C library than the image's", golang, func(_ testing.TB, b *box) {
			b.put("app/api", 0o755, elf(loaderPath, "libc.so.6", "wants:libc.so.6 GLIBC_2.9", "wants:libc.so.6 GLIBC_2.38", "wants:libc.so.6 GLIBC_2.2.5")).put(libDir+"libc.so.6", 0o755, elf("", "soname:libc.so.6", "gives:GLIBC_2.2.5", "gives:GLIBC_2.9", "gives:GLIBC_2.36"))
		}, []string{"error SLP447 … /app/api needs GLIBC_2.38 of libc.so.6, and that of the image is older"}},
		{"an addon with a newer C++ library", node, func(_ testing.TB, b *box) {
			b.put("app/node_modules/canvas/canvas.node", 0o644, elf("", "libstdc++.so.6", "wants:libstdc++.so.6 GLIBCXX_3.4.32")).put(libDir+"libstdc++.so.6", 0o644, elf("", "libc.so.6", "gives:GLIBCXX_3.4.31"))
		}, []string{"warning SLP447 /app/node_modules/canvas/canvas.node … GLIBCXX_3.4.32"}},
	}
}

// askBreakages: sources and variables name what the system does not have.
func askBreakages() []breakage {
	settings := func(b *box, text string) {
		b.app("app/settings.py", text)
		for _, module := range []string{"ctypes", "zoneinfo", "locale", "getpass", "pwd"} {
			b.put("usr/lib/python3.13/"+module+".py", 0o644, "")
		}
	}
	return []breakage{
		{"a library that a source loads", python, func(_ testing.TB, b *box) { settings(b, "import ctypes\nlib = ctypes.CDLL(\"libmagic.so.1\")\n") }, []string{"warning SLP365 /app/app/settings.py:2: … libmagic.so.1, which is not in the image … libmagic1t64"}},
		{"a library that a source loads by its path", python, func(_ testing.TB, b *box) {
			settings(b, "import ctypes\nlib = ctypes.cdll.LoadLibrary('/opt/own/libown.so')\n")
		}, []string{"warning SLP365 … /opt/own/libown.so"}},
		{"a time zone of a source", python, func(_ testing.TB, b *box) {
			settings(b, "from zoneinfo import ZoneInfo\nHERE = ZoneInfo('Europe/Berlin')\n")
		}, []string{"warning SLP445 /app/app/settings.py:2: … the time zone Europe/Berlin … tzdata"}},
		{"a time zone of a variable", python, func(_ testing.TB, b *box) { b.env("TZ=Asia/Kolkata") }, []string{"warning SLP445 … TZ names the time zone Asia/Kolkata"}},
		{"a locale", python, func(_ testing.TB, b *box) {
			settings(b, "import locale\nlocale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')\n")
		}, []string{"warning SLP445 … the locale de_DE.UTF-8 … locales-all"}},
		{"the name of a user without an account", python, func(_ testing.TB, b *box) {
			settings(b, "import getpass\nWHO = getpass.getuser()\n")
			b.config.User = "5000:5000"
		}, []string{"warning SLP380 /app/app/settings.py:2: … the name of the user 5000, who is not in the image's /etc/passwd"}},
		{"the name of a user without an account, Node.js", node, func(_ testing.TB, b *box) {
			b.app("dist/db.js", "const os = require('os');\nexports.who = () => os.userInfo().username;\n")
			b.config.User = "5000"
		}, []string{"warning SLP380 /app/dist/db.js:2"}},
	}
}

// TestGoodImagesOfMoreKinds holds images that look broken in the ways above.
func TestGoodImagesOfMoreKinds(t *testing.T) {
	settings := func(text string) *box {
		b := pythonBox().app("app/settings.py", text)
		for _, module := range []string{"ctypes", "zoneinfo", "locale", "getpass"} {
			b.put("usr/lib/python3.13/"+module+".py", 0o644, "")
		}
		return b
	}
	for name, box := range map[string]*box{
		"env with its option, and with one word": shellBox("#!/usr/bin/env -S sh -e\nexec \"$@\"\n"),
		"an entrypoint that decides":             shellBox("#!/bin/sh\nif [ \"$1\" = web ]; then\n  exec node dist/other.js\nfi\nexec \"$@\"\n"),
		"an entrypoint that changes its words":   shellBox("#!/bin/sh\n[ -z \"$1\" ] && set -- deno\nexec \"$@\"\n").cmd("/app/start.sh", "serve"),
		"an entrypoint in another directory":     shellBox("#!/bin/sh\ncd dist\nexec node main.js\n").cmd("/app/start.sh"),
		"an entrypoint with an environment":      shellBox("#!/bin/sh\n. /app/env\nexec server\n").cmd("/app/start.sh"),
		"a script without its first line that a shell takes": func() *box {
			b := shellBox("#!/bin/sh\nexec \"$@\"\n").put("app/api", 0o755, "exec node dist/main.js\n")
			return b.cmd("/app/api")
		}(),
		"a variable that a shell expands":             shellBox("#!/bin/sh\n").cmd("sh", "-c", "exec node dist/main.js --port $PORT"),
		"a variable that an entrypoint expands":       shellBox("#!/bin/sh\neval exec \"$@\"\n").cmd("/app/start.sh", "node", "$FILE"),
		"a dollar sign that is no variable":           nodeBox().cmd("node", "dist/main.js", "--price", "$5", "--match", "a$"),
		"a working directory that is made":            func() *box { b := goBox(); b.config.WorkDir = "/data/work"; return b }(),
		"a site that only passes on":                  siteBox("http { server { location / { proxy_pass http://api; } } }\n").without("srv/www/index.html"),
		"a site with another first page":              siteBox("http { server { root /srv/www; index home.htm; } }\n").without("srv/www/index.html").put("srv/www/home.htm", 0o644, ""),
		"a site by a variable":                        siteBox("http { server { root /srv/$host; } }\n").without("srv/www/index.html"),
		"a site with a list of its files":             siteBox("http { server { root /srv/www; autoindex on; } }\n").without("srv/www/index.html").put("srv/www/a.iso", 0o644, ""),
		"a site whose settings are made at the start": siteBox("http { include /etc/nginx/conf.d/*.conf; server { root /none; } }\n").put("etc/nginx/templates/default.conf.template", 0o644, ""),
		"an ES module that makes its require":         nodeBox().app("package.json", `{"type":"module"}`).app("dist/main.js", "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\nrequire('express');\n"),
		"require in a function of an ES module":       nodeBox().app("package.json", `{"type":"module"}`).app("dist/main.js", "import e from 'express';\nconst f = () => require('express');\nif (typeof require !== 'undefined') require('express');\n"),
		"CommonJS below a package of ES modules":      nodeBox().app("package.json", `{"type":"module"}`).app("dist/package.json", `{"type":"commonjs"}`),
		"import without a type, which node detects":   nodeBox().app("dist/main.js", "import express from 'express';\n").app("dist/db.js", "export const x = 1"),
		"import with a loader and an old node":        nodeBox().env("NODE_VERSION=18.20.4").app("dist/main.js", "import express from 'express';\n").cmd("node", "--import", "express", "dist/main.js"),
		"a package of both systems with an old node": nodeBox().env("NODE_VERSION=18.20.4").app("dist/db.js", "require('both');\n").
			app("node_modules/both/package.json", `{"type":"module","exports":{"import":"./i.js","require":"./r.cjs"}}`).app("node_modules/both/i.js", "").app("node_modules/both/r.cjs", ""),
		"a package of ES modules with a new node": nodeBox().env("NODE_VERSION=22.12.0").app("dist/db.js", "require('chalk');\n").
			app("node_modules/chalk/package.json", `{"type":"module","exports":"./i.js"}`).app("node_modules/chalk/i.js", ""),
		"an older C library is enough": goBox().put("app/api", 0o755, elf(loaderPath, "libc.so.6", "wants:libc.so.6 GLIBC_2.9")).put(libDir+"libc.so.6", 0o755, elf("", "gives:GLIBC_2.36", "gives:GLIBC_2.9")),
		"an older class":               javaBox(t).put("usr/lib/jvm/release", 0o644, "JAVA_VERSION=\"25\"\n"),
		"a library that is caught, of a package, or for accelerators": settings("import ctypes\ntry:\n    ctypes.CDLL('libgone.so.1')\nexcept OSError:\n    pass\nctypes.CDLL('libc.so.6')\nctypes.CDLL('libown.so')\nctypes.CDLL('libcuda.so.1')\n").put("opt/venv/lib/python3.13/site-packages/own/libown.so", 0o644, elf("")),
		"a time zone of the package tzdata":                           settings("from zoneinfo import ZoneInfo\nZ = ZoneInfo('Europe/Berlin')\nU = ZoneInfo('UTC')\n").put("opt/venv/lib/python3.13/site-packages/tzdata/__init__.py", 0o644, ""),
		"a time zone of the system":                                   settings("from zoneinfo import ZoneInfo\nZ = ZoneInfo('Europe/Berlin')\n").put("usr/share/zoneinfo/Europe/Berlin", 0o644, "TZif"),
		"a time zone that node brings":                                nodeBox().env("TZ=Europe/Berlin"),
		"the zone of everybody":                                       pythonBox().env("TZ=UTC"),
		"a locale that is there":                                      settings("import locale\nlocale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')\nlocale.setlocale(locale.LC_ALL, '')\nlocale.setlocale(locale.LC_ALL, 'C.UTF-8')\n").put("usr/lib/locale/de_DE.utf8/LC_CTYPE", 0o644, ""),
		"the name of a user with an account":                          settings("import getpass\nW = getpass.getuser()\n"),
		"the name of a user by a variable": func() *box {
			b := settings("import getpass\nW = getpass.getuser()\n").env("USER=web")
			b.config.User = "5000"
			return b
		}(),
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			if fs := Check(box.subject(t)); len(fs) > 0 {
				t.Errorf("findings:\n%v", fs)
			}
		})
	}
}

// TestThePlanSaysTheVersionOfNode where no variable does.
func TestThePlanSaysTheVersionOfNode(t *testing.T) {
	for version, broken := range map[string]bool{"Node.js 18": true, "Node.js 20": false, "Node.js 22": false, "Go 1.26": false} {
		s := nodeBox().app("dist/main.js", "import express from 'express';\n").subject(t)
		s.Service.Facts = append(s.Service.Facts, plan.Fact{Name: "runtime", Value: version})
		if got := Check(s); len(got) > 0 != broken {
			t.Errorf("%s: %v", version, got)
		}
	}
}
