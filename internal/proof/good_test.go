package proof

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// TestGoodImages holds images that look broken and are not.
func TestGoodImages(t *testing.T) {
	for _, c := range []struct {
		name string
		box  func() *box
	}{
		{"imports that are caught, for development, of types or in comments", func() *box {
			return nodeBox().app("dist/db.js", strings.Join([]string{
				"// require('one')", "/* require('two') */", "let x; try { x = require('bufferutil') } catch { }",
				"if (process.env.NODE_ENV !== 'production') { require('morgan-dev') }",
				"process.env.NODE_ENV !== 'production' && require('three')",
				"const t = `require('four') ${require.toString()} `;", "const re = /require('five')\\//.test(t);",
				"const s = \"require('six')\";", "obj.require('seven');", "require(name + '.js');",
			}, "\n"))
		}},
		{"a bundle's wrapped requires of packages nobody asked for", func() *box {
			return nodeBox().app("dist/db.js", "var x = { 1: (m) => { m.exports = require('mongodb-client-encryption'); } };")
		}},
		{"an alias that is registered", func() *box {
			return nodeBox().app("dist/main.js", "require('module-alias/register');\nconst a = require('@/db');\n").app("node_modules/module-alias/register.js", "")
		}},
		{"a workspace's package by a link", func() *box {
			return nodeBox().app("dist/db.js", "require('@acme/money')").link("app/node_modules/@acme/money", "../../packages/money").
				app("packages/money/package.json", `{"name":"@acme/money","exports":"./dist/index.js"}`).app("packages/money/dist/index.js", "require('./format.js')").app("packages/money/dist/format.js", "")
		}},
		{"a package by its exports' pattern, itself, and a query", func() *box {
			return nodeBox().app("node_modules/pg/package.json", `{"exports":{"./lib/*":"./lib/*.js"}}`).app("dist/db.js", "require('pg/lib/client'); require('web/dist/db'); require('#config');\n")
		}},
		{"node's own flags", func() *box {
			return nodeBox().cmd("node", "--enable-source-maps", "--max-old-space-size=96", "--title", "web", "-r", "express", "--env-file-if-exists=.env", "dist/main", "--port", "80")
		}},
		{"an ES module through a loader", func() *box {
			return nodeBox().app("package.json", `{"type":"module"}`).app("dist/main.js", "import './db'\n").cmd("node", "--import", "express", "dist/main.js")
		}},
		{"prebuilds for other machines and C libraries, accelerators and tests", func() *box {
			return nodeBox().put("app/node_modules/x/prebuilds/linux-arm64/x.node", 0o644, elfFor(183, "", "libmissing.so.1")).
				put("app/node_modules/@x/linux-x64-musl/x.node", 0o644, elf("", "libc.musl-x86_64.so.1", "libgone.so")).
				put("app/node_modules/y/tests/y.so", 0o644, elf("", "libgone.so")).put("app/node_modules/z/z.so", 0o644, elf("", "libcudart.so.12", "libnvrtc.so.12"))
		}},
		{"a library that another file of the package loads first", func() *box {
			return pythonBox().put("opt/venv/lib/python3.13/site-packages/torch/lib/libc10.so", 0o644, elf("", "libc.so.6")).
				put("opt/venv/lib/python3.13/site-packages/torchvision/_C.so", 0o644, elf("", "libc10.so"))
		}},
		{"libraries by RPATH, LD_LIBRARY_PATH and the loader's settings", func() *box {
			b := nodeBox().put("usr/bin/node", 0o755, elf(loaderPath, "rpath:/opt/a:$ORIGIN/../b", "liba.so", "libb.so", "libenv.so", "libconf.so"))
			b.put("opt/a/liba.so", 0o644, elf("", "libb.so")).put("usr/b/libb.so", 0o644, elf("")).put("opt/env/libenv.so", 0o644, elf("")).put("opt/conf/libconf.so", 0o644, elf(""))
			b.put("etc/ld.so.conf", 0o644, "include /etc/ld.so.conf.d/*.conf\n").put("etc/ld.so.conf.d/own.conf", 0o644, "# own\n/opt/conf\n").put("etc/ld.so.cache", 0o644, "of another format")
			return b.env("LD_LIBRARY_PATH=/opt/env")
		}},
		{"a musl image", func() *box {
			b := &box{files: map[string]item{}, arch: "amd64", config: Config{Cmd: []string{"/usr/local/bin/node", "/srv/x.js"}}}
			b.put("lib/ld-musl-x86_64.so.1", 0o755, elf("")).link("lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1").put("usr/lib/libstdc++.so.6", 0o644, elf("", "libc.musl-x86_64.so.1"))
			return b.put("usr/local/bin/node", 0o755, elf("/lib/ld-musl-x86_64.so.1", "libstdc++.so.6", "libc.musl-x86_64.so.1")).put("srv/x.js", 0o644, "")
		}},
		{"Python imports that may fail", func() *box {
			return pythonBox().app("app/settings.py", "from typing import TYPE_CHECKING\nimport typing\ntry:\n    import uvloop\nexcept ImportError:\n    uvloop = None\nif TYPE_CHECKING:\n    import pandas\n\"\"\"\nimport nothing\n\"\"\"\nx = '''\nimport nothing\n'''\nimport sys, time as t\n").
				put("usr/lib/python3.13/typing.py", 0o644, "")
		}},
		{"Python modules from elsewhere", func() *box {
			return pythonBox().env("PYTHONPATH=/app/lib").app("lib/own.py", "").app("app/settings.py", "import own\nimport linked\nfrom ns.part import x\n").
				put("opt/venv/lib/python3.13/site-packages/own.pth", 0o644, "/srv/src\n").put("srv/src/linked.py", 0o644, "").put("opt/venv/lib/python3.13/site-packages/ns/part/x.py", 0o644, "")
		}},
		{"a package without a file of its own in two places", func() *box {
			return pythonBox().app("google/own_pb2.py", "").app("app/settings.py", "import google.own_pb2\nfrom google.protobuf import message\n").
				put("opt/venv/lib/python3.13/site-packages/google/protobuf/message.py", 0o644, "")
		}},
		{"gunicorn's own settings", func() *box {
			b := pythonBox().put("opt/venv/bin/gunicorn", 0o755, "#!/opt/venv/bin/python\n").app("conf.py", "chdir = 'app'\n")
			return b.cmd("gunicorn", "-c", "conf.py", "main:app")
		}},
		{"a search path that depends on the machine", func() *box {
			return nodeBox().put("usr/bin/node", 0o755, elf(loaderPath, "rpath:/opt/$LIB", "libany.so"))
		}},
		{"an editable install", func() *box {
			return pythonBox().app("app/settings.py", "import anything\n").put("opt/venv/lib/python3.13/site-packages/__editable__.web-1.0.pth", 0o644, "import __editable___web_finder\n")
		}},
		{"a program that changes sys.path", func() *box {
			return pythonBox().app("app/settings.py", "import sys\nsys.path.insert(0, 'x')\nimport anything\n")
		}},
		{"python -m, -c and flags", func() *box {
			return pythonBox().cmd("python", "-X", "dev", "-c", "from app.settings import NAME; raise SystemExit(0)")
		}},
		{"gunicorn's flags and calls", func() *box {
			b := pythonBox().put("opt/venv/bin/gunicorn", 0o755, "#!/opt/venv/bin/python\n")
			return b.cmd("gunicorn", "app.main:app", "--bind", "localhost:8000", "--chdir", "/app", "-k", "uvicorn.workers:X")
		}},
		{"Spring Boot, whose libraries are within", func() *box {
			b := javaBox(t)
			return b.put("app/app.jar", 0o644, zipped(t, map[string]string{
				"META-INF/MANIFEST.MF":                    "Main-Class: org.springframework.boot.loader.launch.JarLauncher\nStart-Class: com.example.App\n\n",
				"org/springframework/boot/loader/l.class": "", "BOOT-INF/classes/com/example/App.class": classFile("org.springframework.X"), "BOOT-INF/lib/spring.jar": "PK",
			}))
		}},
		{"the JDK's libraries for screens and sound", func() *box {
			return javaBox(t).put("opt/java/lib/libjava.so", 0o644, elf("", "libc.so.6")).put("opt/java/lib/libawt_xawt.so", 0o644, elf("", "libX11.so.6"))
		}},
		{"classes in a directory", func() *box {
			b := javaBox(t).put("app/classes/com/example/Main.class", 0o644, classFile()).put("app/run.argfile", 0o644, "-cp classes\ncom.example.Main")
			return b.cmd("java", "@run.argfile")
		}},
		{"root, who may do all", func() *box {
			b := goBox().chmod("app/api", 0o700)
			b.config.User = ""
			return b
		}},
		{"a member of the group, by the name of the user", func() *box {
			b := goBox().put("etc/group", 0o644, "root:x:0:\nstaff:x:50:web\n")
			b.files["app/api"] = item{mode: 0o750, uid: 0, body: elf(""), kind: tar.TypeReg}
			b.config.User = "web"
			f := b.files["app/api"]
			f.uid = 50 // the helper makes the group of the same number
			b.files["app/api"] = f
			return b
		}},
		{"what belongs to everybody by tradition", func() *box {
			return goBox().dir("var/tmp", 0o1777, 0).dir("dev/shm", 0o1777, 0).dir("var/mail", 0o2775, 0)
		}},
		{"examples of secrets, keys of packages, texts about keys", func() *box {
			return nodeBox().app(".env.example", "API_TOKEN=abcdef123456\n").app(".env", "PORT=3000\n").put("app/node_modules/x/test/key.pem", 0o644, aKey).
				app("dist/db.js", "const begin = '-----BEGIN PRIVATE KEY-----';\n").app(".npmrc", "//registry.example/:_authToken=${NPM_TOKEN}\n")
		}},
		{"directories of the user", func() *box {
			b := nodeBox().dir("app/uploads", 0o755, 1001).app("dist/db.js", "const fs = require('fs');\nfs.writeFileSync('uploads/x.txt', '');\nfs.mkdirSync('/tmp/x');\nfs.readFileSync('config.json');\n")
			return b
		}},
		{"programs that are there, of other systems, or not known", func() *box {
			return nodeBox().app("dist/db.js", "const { spawn, execFile } = require('child_process');\nspawn('node', ['x']); spawn(process.execPath); execFile('powershell.exe'); /x/.exec('ffmpeg'); db.exec('SELECT 1');\n")
		}},
		{"builtins of a shell", func() *box {
			return nodeBox().put("usr/bin/sh", 0o755, elf("")).link("bin", "usr/bin").app("dist/db.js", "const { execSync } = require('child_process');\nexecSync('cd /tmp && FOO=1 node x');execSync(`${cmd} x`);\n")
		}},
		{"TLS beside a plaintext port", func() *box {
			b := nodeBox().app("dist/db.js", "require('https').createServer({}); const http = require('http');\nhttp.createServer().listen(80);\n")
			b.config.Health = []string{"CMD", "node", "http://localhost:80/"}
			return b
		}},
		{"a whole file deleted and replaced", func() *box {
			b := nodeBox()
			b.upper = map[string]item{"app/dist/.wh.main.js": {kind: tar.TypeReg}, "app/dist/new.js": {kind: tar.TypeReg, mode: 0o644}}
			return b.cmd("node", "dist/new.js")
		}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			if fs := Check(c.box().subject(t)); len(fs) > 0 {
				t.Errorf("findings:\n%v", fs)
			}
		})
	}
}

// TestWantedSecrets are only warned of: slipway.yaml or the sources name them.
func TestWantedSecrets(t *testing.T) {
	b := nodeBox().app("config/.env", "API_TOKEN=abcdef123456\n").app("certs/tls.key", aKey)
	b.wanted = []string{"config/.env"}
	got := Check(b.subject(t))
	if len(got) != 2 || got.Errors() != nil {
		t.Errorf("findings:\n%v", got)
	}
}

// TestAnEmptyImage must not panic.
func TestAnEmptyImage(t *testing.T) {
	for _, s := range []Subject{{}, {Layers: []*layer.Index{{}}}, {Config: Config{Cmd: []string{""}, User: ":", Health: []string{"CMD-SHELL", " "}}}, {Service: plan.Service{Stages: []plan.Stage{{}}}, Config: Config{Cmd: []string{"tini"}}}} {
		if len(Check(s)) == 0 {
			t.Errorf("nothing is wrong with %+v", s.Config)
		}
	}
}
