package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/config"
)

// runtimeRow is a version of a runtime that the README lists as supported, and one
// small service that says which one runs it.
type runtimeRow struct {
	name   string // "node-22"; SLIPWAY_VERSIONS selects rows by what it begins with
	files  map[string]string
	port   int
	answer string // regular expression that / has to match
	warns  string // code of the warning that the build prints, "" for none

	lists   string // beginning of the package URL that the SBOM has of the runtime, "" for none
	limitMB int64  // of the unpacked image; 0: no limit
	named   bool   // it downloads a gigabyte, and runs only when it is named
}

// aboutVersion is a warning that another version runs, or one that has ended.
var aboutVersion = regexp.MustCompile(`\[SLP46[01]\]`)

// runtimeRows are all versions. Each language has a function of its own.
func runtimeRows() []runtimeRow {
	return slices.Concat(nodeRows(), bunRows(), denoRows(), pythonRows(), goRows(), rustRows(), javaRows(), mlRows())
}

// partsOfVersions is how many days a round through all versions takes.
const partsOfVersions = 10

// chosenRows are the rows of SLIPWAY_VERSIONS: all but those of a gigabyte, or those that begin with one of its
// words; without it, a part that is another one each day.
func chosenRows(all []runtimeRow, wanted string, day int) []runtimeRow {
	words := strings.FieldsFunc(wanted, func(r rune) bool { return r == ' ' || r == ',' })
	var out []runtimeRow
	for i, row := range all {
		named := slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(row.name, w) })
		if named || !row.named && (wanted == "all" || wanted == "" && i%partsOfVersions == day%partsOfVersions) {
			out = append(out, row)
		}
	}
	return out
}

// TestRuntimesOfVersions builds and starts one small service for each supported version
// of a runtime: a part that changes daily, or with SLIPWAY_VERSIONS=all every one
// (SLIPWAY_VERSIONS=all scripts/real.sh -v -run TestRuntimesOfVersions ./test/e2e).
func TestRuntimesOfVersions(t *testing.T) {
	real(t)
	rows := chosenRows(runtimeRows(), os.Getenv("SLIPWAY_VERSIONS"), time.Now().YearDay())
	if len(rows) == 0 {
		t.Fatalf("no version begins with %q", os.Getenv("SLIPWAY_VERSIONS"))
	}
	t.Logf("%d of %d versions; all: SLIPWAY_VERSIONS=all scripts/real.sh -v -run TestRuntimesOfVersions ./test/e2e", len(rows), len(runtimeRows()))
	table := [][]string{{"version", "built in", "size", "answer"}}
	t.Cleanup(func() { t.Log("\n" + aligned(table)) })
	stopping := stopping{all: t}
	for _, row := range rows {
		dir := filepath.Join(t.TempDir(), "app") // the name of the service
		t.Run(row.name, func(t *testing.T) {
			for name, text := range row.files {
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if row.files["slipway.yaml"] == "" {
				invocation{dir: dir, args: []string{"init"}}.run(t).must(t, 0)
			}
			built := invocation{dir: dir, args: []string{"build"}, limit: 20 * time.Minute}.run(t).must(t, 0)
			if found := strings.Join(imageFinding.FindAllString(built.stderr, -1), " "); found != "" {
				t.Errorf("the check of the image finds %s:\n%s", found, built.stderr)
			}
			if row.warns != "" {
				built.says(t, "["+row.warns+"]")
			} else if aboutVersion.MatchString(built.stderr) {
				t.Errorf("the build warns about the version:\n%s", built.stderr)
			}
			fleet, _ := config.Parse(config.FileName, []byte(read(t, filepath.Join(dir, config.FileName))))
			port := freePort(t)
			stopping.wait(t, fleet.Name)
			invocation{dir: dir, args: []string{"run", "--detach", "--until-healthy", "--timeout", "120s", "-p", fmt.Sprintf("%s:%d", port, row.port)}}.run(t).must(t, 0)
			t.Cleanup(func() { stopping.begin(fleet.Name) })
			answer := strings.TrimSpace(get(t, "http://127.0.0.1:"+port+"/"))
			if !regexp.MustCompile(row.answer).MatchString(answer) {
				t.Errorf("the service answers %q, which does not match %q", answer, row.answer)
			}
			if list := (invocation{dir: dir, args: []string{"sbom", "app"}}).run(t).must(t, 0).stdout; !strings.Contains(list, row.lists) {
				t.Errorf("the SBOM does not list %s", row.lists)
			}
			size := unpackedSize(t, dir, "app")
			if row.limitMB > 0 && size > row.limitMB*1e6 {
				t.Errorf("the image has %d bytes, more than %d MB", size, row.limitMB)
			}
			table = append(table, []string{row.name, built.took.Round(time.Second).String(), fmt.Sprintf("%.1f MB", float64(size)/1e6), clipped(answer)})
		})
	}
	stopping.end()
}

// TestEachVersionHasItsDay: every version is tested once in a round of days, and by its
// name on any.
func TestEachVersionHasItsDay(t *testing.T) {
	all := runtimeRows()
	seen := map[string]int{}
	for day := range partsOfVersions {
		for _, row := range chosenRows(all, "", 300+day) {
			seen[row.name]++
		}
	}
	for _, row := range all {
		if named := chosenRows(all, row.name, 1); len(named) == 0 || named[0].name != row.name && !strings.HasPrefix(named[0].name, row.name) {
			t.Errorf("%s cannot be chosen: %d rows", row.name, len(named))
		}
		if row.named && seen[row.name] != 0 || !row.named && seen[row.name] != 1 {
			t.Errorf("%s is tested %d times in a round", row.name, seen[row.name])
		}
		if row.answer == "" || row.port == 0 || len(row.files) == 0 {
			t.Errorf("%s asserts nothing", row.name)
		}
	}
	if got := len(chosenRows(all, "all", 7)); got == 0 || len(chosenRows(all, "nothing-such", 7)) != 0 {
		t.Errorf("all are %d", got)
	}
}

// nodeRow is a service on Node.js with an addon that is compiled for it: every major has
// its compilers and headers.
func nodeRow(name, engines, answer, warns string) runtimeRow {
	return runtimeRow{name: "node-" + name, port: 3000, answer: answer, warns: warns, files: map[string]string{
		"package.json": fmt.Sprintf(`{"name": "app", "version": "1.0.0", "private": true, "engines": {"node": %q}, "scripts": {"start": "node server.js"}, "dependencies": {"cpu-features": "0.0.10"}}`, engines),
		"package-lock.json": fmt.Sprintf(`{
  "name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
  "packages": {
    "": {"name": "app", "version": "1.0.0", "dependencies": {"cpu-features": "0.0.10"}, "engines": {"node": %q}},
    "node_modules/buildcheck": {
      "version": "0.0.7",
      "integrity": "sha512-lHblz4ahamxpTmnsk+MNTRWsjYKv965MwOrSJyeD588rR3Jcu7swE+0wN5F+PbL5cjgu/9ObkhfzEPuofEMwLA==", "engines": {"node": ">=10.0.0"}
    },
    "node_modules/cpu-features": {
      "version": "0.0.10",
      "integrity": "sha512-9IkYqtX3YHPCzoVg1Py+o9057a3i0fp7S530UWokCSaFVTc7CwXPRiOjRjBQQ18ZCNafx78YfnG+HALxtVmOGA==",
      "hasInstallScript": true, "dependencies": {"buildcheck": "~0.0.6", "nan": "^2.19.0"}, "engines": {"node": ">=10.0.0"}
    },
    "node_modules/nan": {
      "version": "2.30.0",
      "integrity": "sha512-P5mokDkSvCGBz6mZDD/2l+w9QoICRXdCyZ9ONGmTePr40oihJg3Kpn0YU3twKd6PJnwSlLBWNQeOT6yWEV2c4A=="
    }
  }
}
`, engines),
		"server.js": `const http = require("node:http");
const cpu = require("cpu-features")();

http
  .createServer((request, response) => response.end("Node.js " + process.version + " on " + cpu.arch + "\n"))
  .listen(process.env.PORT || 3000);
`,
	}}
}

const ended = "SLP461"

func nodeRows() []runtimeRow {
	var rows []runtimeRow
	for _, major := range []int{18, 19, 20, 21, 22, 23, 24, 25, 26} {
		warns := ended
		if slices.Contains([]int{22, 24, 26}, major) {
			warns = ""
		}
		rows = append(rows, nodeRow(fmt.Sprint(major), fmt.Sprintf("%d.x", major), fmt.Sprintf(`^Node\.js v%d\.\d+\.\d+ on (x86|aarch64|arm)`, major), warns))
	}
	return append(rows,
		nodeRow("20.11.1", "20.11.1", `^Node\.js v20\.11\.1 on `, ended),
		nodeRow("16-as-18", "16.x", `^Node\.js v18\.`, "SLP460"),
	)
}

// bunRow is a service on Bun with a package of npm.
func bunRow(name, version, answer string) runtimeRow {
	row := runtimeRow{name: "bun-" + name, port: 3000, answer: answer, files: map[string]string{
		"package.json": `{"name": "app", "version": "1.0.0", "private": true, "type": "module", "scripts": {"build": "bun build src/index.ts --outdir dist --target bun", "start": "bun run src/index.ts"}, "dependencies": {"ms": "2.1.3"}}`,
		"bun.lock": `{
  "lockfileVersion": 1,
  "workspaces": {
    "": {
      "name": "app",
      "dependencies": {
        "ms": "2.1.3",
      },
    },
  },
  "packages": {
    "ms": ["ms@2.1.3", "", {}, "sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="],
  }
}
`,
		"src/index.ts":    "import { greeting } from \"./greeting\";\n\nBun.serve({ fetch: () => new Response(greeting(Bun.version)) });\n",
		"src/greeting.ts": "import ms from \"ms\";\n\nexport function greeting(version: string): string {\n  return `Bun ${version} for ${ms(60_000)}\\n`;\n}\n",
	}}
	if version != "" {
		row.files[".bun-version"] = version + "\n"
	}
	return row
}

func bunRows() []runtimeRow {
	return []runtimeRow{bunRow("1", "", `^Bun 1\.\d+\.\d+ for 1m$`), bunRow("1.2.23", "1.2.23", `^Bun 1\.2\.23 for 1m$`)}
}

// denoRow is a service on Deno with a package of npm.
func denoRow(name, version, answer string) runtimeRow {
	row := runtimeRow{name: "deno-" + name, port: 8000, answer: answer, files: map[string]string{
		"deno.json": `{"name": "@app/app", "tasks": {"start": "deno run --allow-net main.ts"}, "imports": {"hono": "npm:hono@4.13.19"}}`,
		"deno.lock": `{
  "version": "5",
  "specifiers": {
    "npm:hono@4.13.19": "4.13.19"
  },
  "npm": {
    "hono@4.13.19": {
      "integrity": "sha512-KmXvQAXwcAHV+muzbIwoJ23niEB5nMoDVr9WcRkU8mvjUECm/1+7v4Jgp7P7a+H6MLFrh+vXrGonGrGS+RQfkA=="
    }
  },
  "workspace": {
    "dependencies": [
      "npm:hono@4.13.19"
    ]
  }
}
`,
		"main.ts": "import { Hono } from \"hono\";\n\nconst app = new Hono();\napp.get(\"/\", (c) => c.text(`Deno ${Deno.version.deno}\\n`));\n\nDeno.serve(app.fetch);\n",
	}}
	if version != "" {
		row.files[".deno-version"] = version + "\n"
	}
	return row
}

func denoRows() []runtimeRow {
	return []runtimeRow{denoRow("2", "", `^Deno 2\.\d+\.\d+$`), denoRow("2.5.7", "2.5.7", `^Deno 2\.5\.7$`)}
}

// pythonRow is a service on Flask with a package compiled for its version of Python, from a
// wheel or, where none exists yet, from its sources.
func pythonRow(version, answer, warns string) runtimeRow {
	return runtimeRow{name: "python-" + version, port: 8000, answer: answer, warns: warns, files: map[string]string{
		".python-version":  version + "\n",
		"requirements.txt": "flask==3.1.3\nmarkupsafe==3.0.3\n",
		"app.py": `import platform

from flask import Flask
from markupsafe import _speedups

app = Flask(__name__)


@app.get("/")
def index():
    return f"Python {platform.python_version()} with {_speedups.__name__}\n"
`,
	}}
}

func pythonRows() []runtimeRow {
	var rows []runtimeRow
	for _, minor := range []int{9, 11, 13, 14, 15} {
		warns := ""
		if minor == 9 {
			warns = ended
		}
		rows = append(rows, pythonRow(fmt.Sprintf("3.%d", minor), fmt.Sprintf(`^Python 3\.%d\.\d+.* with markupsafe\._speedups$`, minor), warns))
	}
	return append(rows,
		pythonRow("3.10", `^Python 3\.11\.`, "SLP460"),
		pythonRow("3.12", `^Python 3\.13\.`, "SLP460"))
}

// goRow is a service of the standard library that says which Go compiled it.
func goRow(version, answer string) runtimeRow {
	return runtimeRow{name: "go-" + version, port: 8080, answer: answer, files: map[string]string{
		"go.mod": "module example.com/app\n\ngo " + version + "\n",
		"main.go": `package main

import (
	"fmt"
	"log"
	"net/http"
	"runtime"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "compiled by", runtime.Version()) })
	log.Fatal(http.ListenAndServe(":8080", nil))
}
`,
	}}
}

func goRows() []runtimeRow {
	var rows []runtimeRow
	for minor := 21; minor <= 27; minor++ {
		rows = append(rows, goRow(fmt.Sprintf("1.%d", minor), fmt.Sprintf(`^compiled by go1\.%d(\.\d+)?$`, minor)))
	}
	return rows
}

// rustRow is a service of the standard library that says which compiler its build script
// had.
func rustRow(version, answer, warns string) runtimeRow {
	return runtimeRow{name: "rust-" + version, port: 7070, answer: answer, warns: warns, files: map[string]string{
		"rust-toolchain.toml": fmt.Sprintf("[toolchain]\nchannel = %q\n", version),
		"Cargo.toml":          "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"Cargo.lock":          "version = 3\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n",
		"build.rs": `fn main() {
    let rustc = std::process::Command::new(std::env::var("RUSTC").unwrap()).arg("--version").output().unwrap();
    println!("cargo::rustc-env=COMPILER={}", String::from_utf8(rustc.stdout).unwrap().trim());
}
`,
		"src/main.rs": `use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    for stream in std::net::TcpListener::bind("0.0.0.0:7070")?.incoming() {
        let mut stream = stream?;
        let text = env!("COMPILER");
        if matches!(stream.read(&mut [0; 1024]), Ok(n) if n > 0) {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
        }
    }
    Ok(())
}
`,
	}}
}

func rustRows() []runtimeRow {
	return []runtimeRow{
		rustRow("1.85", `^rustc 1\.85\.\d+`, ""),
		rustRow("1.90", `^rustc 1\.96\.\d+`, "SLP460"),
		rustRow("1.96", `^rustc 1\.96\.\d+`, ""),
	}
}
