package proof

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// aKey has the form of a private key.
const aKey = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\n"

// breakage is one way to break an image.
type breakage struct {
	name string
	good func(t testing.TB) *box
	harm func(t testing.TB, b *box)
	want []string // "severity code place: text; hint" without what is not in the string
}

func node(testing.TB) *box   { return nodeBox() }
func python(testing.TB) *box { return pythonBox() }
func java(t testing.TB) *box { return javaBox(t) }
func golang(testing.TB) *box { return goBox() }

func TestBreakages(t *testing.T) {
	all := breakages()
	if len(all) < 40 {
		t.Errorf("only %d ways to break an image are tried", len(all))
	}
	for _, c := range all {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			if fs := Check(c.good(t).subject(t)); len(fs) > 0 {
				t.Errorf("the good image has findings:\n%v", fs)
			}
			b := c.good(t)
			c.harm(t, b)
			got := Check(b.subject(t))
			var lines []string
			for _, f := range got {
				lines = append(lines, f.Severity.String()+" "+f.Code+" "+f.Place.String()+": "+f.Text+"; "+f.Hint)
			}
			if len(lines) != len(c.want) {
				t.Fatalf("the broken image has findings\n%s\nnot\n%s", strings.Join(lines, "\n"), strings.Join(c.want, "\n"))
			}
			for i, want := range c.want {
				for part := range strings.SplitSeq(want, " … ") {
					if !strings.Contains(lines[i], part) {
						t.Errorf("the finding is\n%s\nwithout %q", lines[i], part)
					}
				}
			}
		})
	}
}

func breakages() []breakage {
	return append(append(append(startBreakages(), libraryBreakages()...), moduleBreakages()...), append(javaBreakages(), contentBreakages()...)...)
}

func startBreakages() []breakage {
	const at = "services/web/package.json:7: web: "
	return []breakage{
		{"the program is missing", node, func(_ testing.TB, b *box) { b.cmd("npm", "start") }, []string{"error SLP360 " + at + "the start command runs npm, which is not in the image … command: [\"node\", \"FILE\"]"}},
		{"the init is missing", golang, func(_ testing.TB, b *box) { b.without("usr/bin/tini") }, []string{"error SLP360 … /usr/bin/tini"}},
		{"the compiled program is missing", golang, func(_ testing.TB, b *box) { b.without("app/api") }, []string{"error SLP360 … /app/api, which is not in the image"}},
		{"the program lacks its bit", golang, func(_ testing.TB, b *box) { b.chmod("app/api", 0o644) }, []string{"error SLP361 … cannot execute (mode 0644, owner 0:0) … chmod"}},
		{"the program is for root only", golang, func(_ testing.TB, b *box) { b.chmod("app/api", 0o700) }, []string{"error SLP361 … the user 1001 cannot execute"}},
		{"its directory is closed", golang, func(_ testing.TB, b *box) { b.dir("app", 0o750, 0) }, []string{"error SLP361 … cannot enter /app … chmod a+rx /app"}},
		{"the program is a directory", golang, func(_ testing.TB, b *box) { b.dir("app/api", 0o755, 0) }, []string{"error SLP361 … /app/api, which is a directory"}},
		{"a link to nowhere", golang, func(_ testing.TB, b *box) { b.link("app/api", "bin/api") }, []string{"error SLP360 … /app/api"}},
		{"links in a circle", golang, func(_ testing.TB, b *box) { b.link("app/api", "other").link("app/other", "api") }, []string{"error SLP360 … /app/api"}},
		{"another architecture", golang, func(_ testing.TB, b *box) { b.arch = "arm64"; b.put("usr/bin/tini", 0o755, elfFor(183, "")) }, []string{"error SLP366 … /app/api is for another architecture than the image's arm64"}},
		{"the interpreter is missing", golang, func(_ testing.TB, b *box) {
			b.put("app/start.sh", 0o755, "#!/bin/bash\nexec ./api\n").cmd("./start.sh")
		}, []string{"error SLP362 /app/start.sh:1 … requires the interpreter /bin/bash … shell: true"}},
		{"the interpreter by env is missing", golang, func(_ testing.TB, b *box) {
			b.put("app/cli", 0o755, "#!/usr/bin/env -S node --no-warnings\n").put("usr/bin/env", 0o755, elf("")).cmd("/app/cli")
		}, []string{"error SLP362 … the interpreter node"}},
		{"line ends of Windows", golang, func(_ testing.TB, b *box) {
			b.put("app/start.sh", 0o755, "#!/bin/sh\r\nexec ./api\r\n").put("usr/bin/sh", 0o755, elf("")).link("bin", "usr/bin").cmd("/app/start.sh")
		}, []string{"error SLP362 … Windows line endings … eol=lf"}},
		{"the script cannot be read", golang, func(_ testing.TB, b *box) {
			b.put("app/start.sh", 0o711, "#!/bin/sh\n").put("usr/bin/sh", 0o755, elf("")).link("bin", "usr/bin").cmd("/app/start.sh")
		}, []string{"error SLP378 … cannot read the script /app/start.sh"}},
		{"a shell starts what is missing", golang, func(_ testing.TB, b *box) {
			b.put("usr/bin/sh", 0o755, elf("")).link("bin", "usr/bin").cmd("sh", "-c", "exec /app/server --port 80")
		}, []string{"error SLP360 … /app/server"}},
		{"nothing to start", golang, func(_ testing.TB, b *box) { b.config.Entrypoint, b.config.Cmd = nil, nil }, []string{"error SLP381 … neither an entrypoint nor a command"}},
		{"an unknown user", golang, func(_ testing.TB, b *box) { b.config.User = "appuser" }, []string{`error SLP380 … the user "appuser" … 1001:1001`}},
		{"an unknown group", golang, func(_ testing.TB, b *box) { b.config.User = "web:staff" }, []string{`error SLP380 … the group "staff"`}},
		{"the health check's program is missing", golang, func(_ testing.TB, b *box) {
			b.config.Health = []string{"CMD", "curl", "-f", "http://localhost/"}
		}, []string{"error SLP379 … the health check runs curl … packages: {runtime: [curl]}"}},
		{"the health check wants a shell", golang, func(_ testing.TB, b *box) { b.config.Health = []string{"CMD-SHELL", "exit 0"} }, []string{"error SLP379 … needs /bin/sh"}},
		{"a file of settings is missing, or mounted", golang, func(_ testing.TB, b *box) {
			b.cmd("/app/api", "--config", "config.yaml", "--config-file=https://x/y.yaml").source("config.yaml", "")
		}, []string{"warning SLP367 … names config.yaml … files: [config.yaml] … or mount it"}},
		{"the configuration of nginx is missing", golang, func(_ testing.TB, b *box) {
			b.put("usr/sbin/nginx", 0o755, elf("")).cmd("nginx", "-c", "/etc/nginx/site.conf")
		}, []string{"error SLP367 … names /etc/nginx/site.conf"}},
	}
}

func libraryBreakages() []breakage {
	return []breakage{
		{"the loader is missing", node, func(_ testing.TB, b *box) {
			b.put("usr/bin/node", 0o755, elf("/lib/ld-musl-x86_64.so.1", "libc.musl-x86_64.so.1"))
		}, []string{"error SLP363 … needs the loader /lib/ld-musl-x86_64.so.1 … Alpine"}},
		{"a library of the program is missing", node, func(_ testing.TB, b *box) { b.without(libDir + "libstdc++.so.6") }, []string{"error SLP364 … /usr/bin/node needs the shared library libstdc++.so.6 … packages: {runtime: [libstdc++6]}"}},
		{"a library of a library is missing", node, func(_ testing.TB, b *box) {
			b.put(libDir+"libstdc++.so.6", 0o644, elf("", "libgcc_s.so.1"))
		}, []string{"error SLP364 … /usr/lib/x86_64-linux-gnu/libstdc++.so.6 needs the shared library libgcc_s.so.1 … libgcc-s1"}},
		{"a library for another machine", node, func(_ testing.TB, b *box) { b.put(libDir+"libstdc++.so.6", 0o644, elfFor(183, "")) }, []string{"error SLP364 … libstdc++.so.6"}},
		{"RUNPATH leads nowhere", java, func(_ testing.TB, b *box) { b.without("usr/lib/jvm/lib/libjli.so") }, []string{"error SLP364 … /usr/lib/jvm/bin/java needs the shared library libjli.so … find the Debian package"}},
		{"a wheel lacks a library", python, func(_ testing.TB, b *box) {
			b.put("opt/venv/lib/python3.13/site-packages/lightgbm/lib/lib_lightgbm.so", 0o644, elf("", "libgomp.so.1", "libc.so.6"))
		}, []string{"warning SLP365 /opt/venv/lib/python3.13/site-packages/lightgbm/lib/lib_lightgbm.so … libgomp.so.1, which is not in the image; write packages: {runtime: [libgomp1]} for the service in slipway.yaml"}},
		{"an addon lacks a library", node, func(_ testing.TB, b *box) {
			b.put("app/node_modules/canvas/build/canvas.node", 0o644, elf("", "libcairo.so.2", "libnotlisted.so.9"))
		}, []string{"warning SLP365 … libcairo.so.2 … libcairo2", "warning SLP365 … libnotlisted.so.9 … find the Debian package that has libnotlisted.so.9"}},
		{"two files lack one library", node, func(_ testing.TB, b *box) {
			b.put("app/node_modules/a/a.node", 0o644, elf("", "libpq.so.5")).put("app/node_modules/b/b.node", 0o644, elf("", "libpq.so.5"))
		}, []string{"warning SLP365 /app/node_modules/a/a.node: web: a.node and 1 other file need … libpq.so.5 … libpq5"}},
		{"a program of a package lacks a library", node, func(_ testing.TB, b *box) {
			b.put("usr/bin/ffmpeg", 0o755, elf(loaderPath, "libblas.so.3"))
		}, []string{"warning SLP365 /usr/bin/ffmpeg … libblas.so.3 … libblas3"}},
	}
}

func moduleBreakages() []breakage {
	return []breakage{
		{"the file to start is missing", node, func(_ testing.TB, b *box) { b.cmd("node", "dist/server.js") }, []string{"error SLP367 … names dist/server.js, which is not in the image; the build did not write it"}},
		{"the file to start lies in the repository only", node, func(_ testing.TB, b *box) { b.cmd("node", "server.js").source("server.js", "") }, []string{"error SLP367 … files: [server.js] for the service in slipway.yaml"}},
		{"the file to start cannot be read", node, func(_ testing.TB, b *box) { b.chmod("app/dist/main.js", 0o600) }, []string{"error SLP378 … cannot read /app/dist/main.js (mode 0600"}},
		{"a file of variables is named", node, func(_ testing.TB, b *box) { b.cmd("node", "--env-file=.env", "dist/main.js").source(".env", "A=1") }, []string{"error SLP367 … names .env … env_file: .env"}},
		{"a preloaded file is missing", node, func(_ testing.TB, b *box) { b.cmd("node", "-r", "./tracing.js", "dist/main.js") }, []string{"error SLP367 … loads ./tracing.js"}},
		{"a preloaded package is missing", node, func(_ testing.TB, b *box) { b.cmd("node", "--import", "dotenv/config", "dist/main.js") }, []string{"error SLP368 … loads the package dotenv … move dotenv from devDependencies to dependencies"}},
		{"a package is missing", node, func(_ testing.TB, b *box) {
			b.without("app/node_modules/express/package.json", "app/node_modules/express/lib/express.js")
		}, []string{"error SLP368 services/web/src/main.ts:1: web: /app/dist/main.js:2 imports express … add express to dependencies"}},
		{"a development package is imported", node, func(_ testing.TB, b *box) { b.app("dist/db.js", "\n\nconst d = require(\"dotenv\").config();\n") }, []string{"error SLP368 /app/dist/db.js:3: web: imports dotenv … move dotenv"}},
		{"a local file is missing", node, func(_ testing.TB, b *box) { b.without("app/dist/db.js") }, []string{"error SLP368 … imports ./db, which is not in the image; fix the import, or let the build write the file"}},
		{"a local file lies in the repository only", node, func(_ testing.TB, b *box) {
			b.app("dist/db.js", "module.exports = require('../lib/rates');\n").source("lib/rates.json", "{}")
		}, []string{"error SLP368 … imports ../lib/rates … write files: [lib/rates.json]"}},
		{"a local file is missing for a later call", node, func(_ testing.TB, b *box) {
			b.app("dist/db.js", "exports.f = () => {\n  return require('./lazy');\n};\n")
		}, []string{"warning SLP368 /app/dist/db.js:2: web: imports ./lazy"}},
		{"an entry of a package is missing", node, func(_ testing.TB, b *box) { b.without("app/node_modules/express/lib/express.js") }, []string{"error SLP368 … imports express, but the package in /app/node_modules/express lacks the file … main and exports"}},
		{"exports names no file", node, func(_ testing.TB, b *box) {
			b.app("node_modules/express/package.json", `{"name":"express","exports":{".":{"types":"./lib/express.js","import":"./dist/i.mjs","require":"./dist/i.cjs"}}}`)
		}, []string{"error SLP368 … lacks the file that it names as its entry"}},
		{"an ES module without the ending", node, func(_ testing.TB, b *box) {
			b.app("package.json", `{"type":"module"}`).app("dist/main.js", "import express from 'express'\nimport { db } from './db'\n").app("dist/db.js", "export const db = 1")
		}, []string{"error SLP368 … imports ./db without the whole name of its file, which an ES module requires; write ./db.js"}},
		{"the application is missing", python, func(_ testing.TB, b *box) { b.cmd("uvicorn", "main:app") }, []string{"error SLP367 … names the module main … --app-dir app"}},
		{"a package of Python is missing", python, func(_ testing.TB, b *box) { b.app("app/settings.py", "import os\nimport redis\n") }, []string{"error SLP368 /app/app/settings.py:2: … imports redis … add the package that provides redis"}},
		{"modules import each other without the package", python, func(_ testing.TB, b *box) {
			b.app("app/main.py", "from routers import items\nfrom settings import NAME\n").source("app/main.py", "")
		}, []string{"error SLP368 services/web/app/main.py:1: web: imports routers … routers is in app/: start with --app-dir app", "error SLP368 services/web/app/main.py:2 … settings"}},
		{"a module below is missing", python, func(_ testing.TB, b *box) { b.without("app/app/settings.py") }, []string{"error SLP368 … imports .settings"}},
		{"a module of the standard library is missing", python, func(_ testing.TB, b *box) { b.app("app/settings.py", "import tkinter\n") }, []string{"error SLP368 … imports tkinter … python3-tkinter"}},
		{"an import for a later call", python, func(_ testing.TB, b *box) { b.app("app/settings.py", "def f():\n    import pandas\n") }, []string{"warning SLP368 … imports pandas"}},
		{"a file of Python is missing", python, func(_ testing.TB, b *box) { b.cmd("python", "-u", "worker.py") }, []string{"error SLP367 … names worker.py"}},
		{"a module to run is missing", python, func(_ testing.TB, b *box) { b.cmd("python", "-m", "app.jobs") }, []string{"error SLP367 … names the module app.jobs"}},
		{"the server's script lost its interpreter", python, func(_ testing.TB, b *box) { b.without("opt/venv/bin/python3") }, []string{"error SLP362 … requires the interpreter /opt/venv/bin/python3"}},
	}
}

func javaBreakages() []breakage {
	return []breakage{
		{"the jar is missing", java, func(_ testing.TB, b *box) { b.without("app/app.jar") }, []string{"error SLP367 … names app.jar"}},
		{"the jar has no main class", java, func(t testing.TB, b *box) {
			b.put("app/app.jar", 0o644, zipped(t, map[string]string{"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n\n", "com/example/Main.class": ""}))
		}, []string{"error SLP369 … app.jar has no Main-Class"}},
		{"the main class is missing", java, func(t testing.TB, b *box) {
			b.put("app/app.jar", 0o644, zipped(t, map[string]string{"META-INF/MANIFEST.MF": "Main-Class: com.example.Mian\n\n", "com/example/Main.class": ""}))
		}, []string{"error SLP369 … the main class com.example.Mian is not in app.jar"}},
		{"a thin jar without its libraries", java, func(t testing.TB, b *box) {
			b.put("app/app.jar", 0o644, zipped(t, map[string]string{"META-INF/MANIFEST.MF": "Main-Class: com.example.Main\n\n", "com/example/Main.class": classFile("org.springframework.boot.SpringApplication")}))
		}, []string{"error SLP369 … uses org.springframework.boot.SpringApplication, which is in no jar"}},
		{"a class for other surroundings", java, func(t testing.TB, b *box) {
			b.put("app/app.jar", 0o644, zipped(t, map[string]string{"META-INF/MANIFEST.MF": "Main-Class: com.example.Main\nClass-Path: lib/netty.jar\n\n", "com/example/Main.class": classFile("io.netty.Server", "org.graalvm.Hook", "com.example.Main")}))
		}, []string{"warning SLP369 … uses org.graalvm.Hook"}},
		{"all libraries beside the jar are missing", java, func(_ testing.TB, b *box) { b.without("app/lib/netty.jar", "app/lib/guava.jar") }, []string{"error SLP369 … Class-Path, of which 2 are not in the image: lib/netty.jar, lib/guava.jar", "error SLP369 … io.netty.Server"}},
		{"one library beside the jar is missing", java, func(_ testing.TB, b *box) { b.without("app/lib/guava.jar") }, []string{"warning SLP369 … of which 1 is not in the image: lib/guava.jar"}},
		{"the class path names a jar that is missing", java, func(_ testing.TB, b *box) { b.cmd("java", "-cp", "app.jar:lib/*:extra.jar", "com.example.Main") }, []string{"error SLP369 … names extra.jar"}},
		{"the class of the class path is missing", java, func(_ testing.TB, b *box) { b.cmd("java", "-cp", "lib/*", "com.example.Main") }, []string{"error SLP369 … com.example.Main is not in the class path lib/*"}},
		{"the argument file is missing", java, func(_ testing.TB, b *box) { b.cmd("java", "@run.argfile") }, []string{"error SLP367 … names run.argfile"}},
		{"an agent is missing", java, func(_ testing.TB, b *box) { b.cmd("java", "-javaagent:/otel/agent.jar=x", "-jar", "app.jar") }, []string{"error SLP367 … names /otel/agent.jar"}},
	}
}

func contentBreakages() []breakage {
	return []breakage{
		{"a shell that sources need", node, func(_ testing.TB, b *box) {
			b.app("dist/db.js", "const { execSync } = require('child_process');\n\nexports.v = () => execSync('node --version');\n")
		}, []string{"warning SLP370 … the sources run sh … shell: true"}},
		{"a program that sources run", node, func(_ testing.TB, b *box) {
			b.app("dist/db.js", "import_x();\nconst cp = require('node:child_process');\ncp.spawn('ffmpeg', ['-i', 'x']);\n").source("src/db.ts", "import cp from 'node:child_process';\n\n\ncp.spawn('ffmpeg')\n")
		}, []string{"warning SLP370 services/web/src/db.ts:4: web: the sources run ffmpeg … packages: {runtime: [ffmpeg]}"}},
		{"a program of Python sources", python, func(_ testing.TB, b *box) {
			b.app("app/settings.py", "import subprocess\n\ndef dump():\n    subprocess.run([\n        'pg_dump', '-Fc'], check=True)\n").put("usr/lib/python3.13/subprocess.py", 0o644, "").source("app/settings.py", "")
		}, []string{"warning SLP370 services/web/app/settings.py:4: web: the sources run pg_dump … postgresql-client"}},
		{"a program that the plan found", golang, func(_ testing.TB, b *box) {
			b.calls = []plan.Use{{Name: "git", File: "services/web/main.go", Line: 12}}
		}, []string{"warning SLP370 services/web/main.go:12: web: the sources run git"}},
		{"a file of secrets", node, func(_ testing.TB, b *box) {
			b.app("config/.env", "API_TOKEN=abcdef123456\n").source("config/.env", "")
		}, []string{"error SLP371 services/web/config/.env: web: /app/config/.env holds a file of environment variables with secrets … exclude: [config/.env]"}},
		{"a private key under another name", node, func(_ testing.TB, b *box) {
			b.app("config/prod.json", `{"key":"`+strings.ReplaceAll(aKey, "\n", `\n`)+`"}`)
		}, []string{"error SLP371 … a private key"}},
		{"a key that was deleted again", node, func(_ testing.TB, b *box) {
			b.put("root/.ssh/id", 0o600, aKey)
			b.upper = map[string]item{"root/.ssh/.wh.id": {kind: tar.TypeReg}}
		}, []string{"error SLP371 … a later layer deletes it"}},
		{"a token of a registry", node, func(_ testing.TB, b *box) { b.app(".npmrc", "//registry.example/:_authToken=npm_abc\n") }, []string{"error SLP371 … a token of a package registry"}},
		{"setuid", golang, func(_ testing.TB, b *box) { b.put("usr/bin/su", 0o4755, elf("")) }, []string{"warning SLP372 /usr/bin/su … setuid"}},
		{"setgid", golang, func(_ testing.TB, b *box) { b.put("usr/bin/wall", 0o2755, elf("")) }, []string{"warning SLP372 /usr/bin/wall … setgid"}},
		{"file capabilities", golang, func(_ testing.TB, b *box) {
			b.files["usr/bin/ping"] = item{mode: 0o755, body: "x", kind: tar.TypeReg, capable: true}
		}, []string{"warning SLP372 /usr/bin/ping … file capabilities"}},
		{"a device", golang, func(_ testing.TB, b *box) { b.files["dev/sda"] = item{mode: 0o660, kind: tar.TypeBlock} }, []string{"warning SLP373 /dev/sda … is a device node"}},
		{"everybody may write", golang, func(_ testing.TB, b *box) { b.put("app/config.json", 0o666, "{}") }, []string{"warning SLP374 /app/config.json … (mode 0666)"}},
		{"an upload directory of root", node, func(_ testing.TB, b *box) {
			b.app("dist/db.js", "const fs = require('fs');\nconst path = require('path');\nconst DIR = path.join(__dirname, '..', 'uploads');\nfs.mkdirSync(DIR, { recursive: true });\n")
		}, []string{"warning SLP376 … the sources write to /app/uploads, but /app belongs to user 0 and 1001 may not write there"}},
		{"a data file of root", python, func(_ testing.TB, b *box) {
			b.app("app/settings.py", "def save():\n    with open('data/x.db', 'wb') as f:\n        pass\n")
		}, []string{"warning SLP376 … /app/data/x.db"}},
		{"a home of root", python, func(_ testing.TB, b *box) {
			b.app("app/settings.py", "from pathlib import Path\nCACHE = Path.home() / '.cache'\n").put("usr/lib/python3.13/pathlib.py", 0o644, "")
		}, []string{"warning SLP375 … the user's home /app, which belongs to user 0 … HOME"}},
		{"TLS that the health check does not speak", node, func(_ testing.TB, b *box) {
			b.app("dist/db.js", "const https = require('https');\nhttps.createServer({}, () => {}).listen(8443);\n").put("usr/local/bin/probe", 0o755, elf(""))
			b.config.Health = []string{"CMD", "/usr/local/bin/probe", "http://localhost:8443/healthz"}
		}, []string{"warning SLP377 … speaks TLS … health: {tls: true}"}},
	}
}

// TestOwnDockerfilesAreNeverBroken: whoever writes a Dockerfile may know better.
func TestOwnDockerfilesAreNeverBroken(t *testing.T) {
	for _, c := range breakages() {
		b := c.good(t)
		c.harm(t, b)
		b.own = true
		b.dockerfile = "FROM x\nUSER 1\nHEALTHCHECK CMD x\nCMD [\"x\"]\n"
		for _, f := range Check(b.subject(t)) {
			if f.Severity == diag.Error {
				t.Errorf("%s: %v", c.name, f)
			}
		}
	}
}

func TestFindingsPointIntoTheDockerfile(t *testing.T) {
	b := goBox().without("app/api")
	b.own, b.dockerfile = true, "FROM debian\n\nUSER 1001\nENTRYPOINT [\"/usr/bin/tini\"]\nCMD [\"/app/api\"]\n"
	want := diag.Findings{{Code: CodeProgram, Severity: diag.Warning, Place: diag.Place{File: "services/web/Dockerfile", Line: 5},
		Text: "web: the start command runs /app/api, which is not in the image", Hint: `let the build write it there, or write command: for the service in slipway.yaml with another program`}}
	if diff := cmp.Diff(want, Check(b.subject(t))); diff != "" {
		t.Errorf("findings (-want +got)\n%s", diff)
	}
}
