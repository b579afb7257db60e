package fingerprint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/fingerprint"
)

func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

const lockBefore = `{"lockfileVersion": 3, "packages": {"": {"dependencies": {"express": "^4"}},
"node_modules/express": {"version": "4.19.2"}, "node_modules/body-parser": {"version": "1.20.2"}, "node_modules/a/node_modules/ms": {"version": "2.0.0"}}}`

const lockAfter = `{"lockfileVersion": 3, "packages": {"": {"dependencies": {"express": "^4"}},
"node_modules/express": {"version": "4.21.0"}, "node_modules/body-parser": {"version": "1.20.3"}, "node_modules/qs": {"version": "6.13.0"}}}`

// state is a service before a change.
func state() (fingerprint.Input, fstest.MapFS) {
	then := time.Unix(1_700_000_000, 0)
	file := func(data string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(data), Mode: 0o644, ModTime: then}
	}
	return fingerprint.Input{
			Dockerfile:  []byte("FROM slipway/node:20-trixie AS one\nARG MODE\nCOPY package-lock.json go.mod Cargo.lock requirements.txt ./\nCOPY src src\nCOPY run.sh /\nRUN --mount=type=cache,target=/c --mount=type=secret,id=token true\n"),
			Repository:  "one",
			Ignore:      []string{"**/*.log"},
			Target:      "one",
			Args:        map[string]string{"MODE": "fast"},
			Labels:      map[string]string{"team": "a"},
			Platforms:   []string{"linux/amd64"},
			Secrets:     []fingerprint.Secret{{ID: "token", Source: "env:TOKEN"}},
			Bases:       map[string]string{"slipway/node:20-trixie": digest("a")},
			Compression: "gzip",
			Contexts:    map[string]map[string]string{"manifests": {"package.json": digest("1")}},
			Recipe:      "slipway 1",
		}, fstest.MapFS{
			"package-lock.json": file(lockBefore), "src/index.ts": file("one"), "src/old.ts": file("old"), "src/a.log": file("log"),
			"run.sh": {Data: []byte("#!"), Mode: 0o755, ModTime: then}, "unused.txt": file("x"), "src/link": {Data: []byte("index.ts"), Mode: fs.ModeSymlink | 0o777, ModTime: then},
			"go.mod":           file("module x\n\ngo 1.25\n\nrequire (\n\tgithub.com/a/b v1.0.0\n\tgithub.com/c/d v1.0.0 // indirect\n)\n"),
			"Cargo.lock":       file("[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n"),
			"requirements.txt": file("flask==3.0.0 \\\n    --hash=sha256:aa\nblinker==1.9.0 ; python_version > '3'\n"),
		}
}

func of(t *testing.T, in fingerprint.Input, files fstest.MapFS) fingerprint.Print {
	t.Helper()
	in.Context = fingerprint.FromFS(files)
	p, err := fingerprint.Of(context.Background(), in)
	if err != nil && !errors.As(err, new(*fingerprint.UnknownError)) {
		t.Fatal(err)
	}
	if err := fingerprint.ReadVersions(context.Background(), in.Context, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryChangeIsSaidInWords(t *testing.T) {
	edit := func(name, data string) func(*fingerprint.Input, fstest.MapFS) {
		return func(_ *fingerprint.Input, files fstest.MapFS) {
			files[name] = &fstest.MapFile{Data: []byte(data), Mode: 0o644, ModTime: time.Unix(1_700_000_000, 0)}
		}
	}
	input := func(change func(in *fingerprint.Input)) func(*fingerprint.Input, fstest.MapFS) {
		return func(in *fingerprint.Input, _ fstest.MapFS) { change(in) }
	}
	for want, change := range map[string]func(in *fingerprint.Input, files fstest.MapFS){
		"":                     func(*fingerprint.Input, fstest.MapFS) {},
		"src/index.ts changed": edit("src/index.ts", "two"),
		"src/new.ts added":     edit("src/new.ts", "new"),
		"src/old.ts removed":   func(_ *fingerprint.Input, files fstest.MapFS) { delete(files, "src/old.ts") },
		"src/old.ts renamed to src/new.ts": func(_ *fingerprint.Input, files fstest.MapFS) {
			files["src/new.ts"] = files["src/old.ts"]
			delete(files, "src/old.ts")
		},
		"mode of run.sh changed":            func(_ *fingerprint.Input, files fstest.MapFS) { files["run.sh"].Mode = 0o644 },
		"src/link changed":                  func(_ *fingerprint.Input, files fstest.MapFS) { files["src/link"].Data = []byte("old.ts") },
		"src/old.ts is now a symbolic link": func(_ *fingerprint.Input, files fstest.MapFS) { files["src/old.ts"].Mode = fs.ModeSymlink | 0o777 },
		"time of run.sh changed":            func(_ *fingerprint.Input, files fstest.MapFS) { files["run.sh"].ModTime = time.Unix(-5, 0) },
		"package-lock.json: express 4.19.2 → 4.21.0, body-parser 1.20.2 → 1.20.3, ms 2.0.0 removed and 1 more": edit("package-lock.json", lockAfter),
		"go.mod: github.com/a/b v1.0.0 → v1.1.0":              edit("go.mod", "module x\n\ngo 1.25\n\nrequire (\n\tgithub.com/a/b v1.1.0\n\tgithub.com/c/d v1.0.0 // indirect\n)\n"),
		"Cargo.lock: serde 1.0.1 → 1.0.2":                     edit("Cargo.lock", "[[package]]\nname = \"serde\"\nversion = \"1.0.2\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n"),
		"requirements.txt: flask 3.0.0 → 3.1.0":               edit("requirements.txt", "flask==3.1.0\nblinker==1.9.0\n"),
		"requirements.txt changed":                            edit("requirements.txt", "flask==3.0.0\nblinker==1.9.0\n# a comment\n"),
		"Dockerfile changed":                                  input(func(in *fingerprint.Input) { in.Dockerfile = append(in.Dockerfile, "USER 1\n"...) }),
		".dockerignore changed":                               input(func(in *fingerprint.Input) { in.Ignore = append(in.Ignore, "src/old.ts") }),
		"target changed: one → 0":                             input(func(in *fingerprint.Input) { in.Target = "0" }),
		"platforms changed: linux/amd64 → linux/arm64":        input(func(in *fingerprint.Input) { in.Platforms = []string{"linux/arm64"} }),
		"compression changed: gzip → zstd":                    input(func(in *fingerprint.Input) { in.Compression = "zstd" }),
		"build argument MODE changed":                         input(func(in *fingerprint.Input) { in.Args = map[string]string{"MODE": "slow"} }),
		"build argument MODE removed":                         input(func(in *fingerprint.Input) { in.Args = nil }),
		"label team changed":                                  input(func(in *fingerprint.Input) { in.Labels = map[string]string{"team": "b"} }),
		"secret token comes from another place":               input(func(in *fingerprint.Input) { in.Secrets[0].Source = "file:/run/token" }),
		"secret token removed":                                input(func(in *fingerprint.Input) { in.Secrets = nil }),
		"base slipway/node:20-trixie moved aaaaaaa → bbbbbbb": input(func(in *fingerprint.Input) { in.Bases = map[string]string{"slipway/node:20-trixie": digest("b")} }),
		"manifests/package.json changed (named context)":      input(func(in *fingerprint.Input) { in.Contexts["manifests"]["package.json"] = digest("2") }),
		"Slipway's recipe changed: slipway 1 → slipway 2":     input(func(in *fingerprint.Input) { in.Recipe = "slipway 2" }),
		"waivers changed":                                     input(func(in *fingerprint.Input) { in.Waived = "SLP360" }),
		"the repository moved or has another origin: its cache mounts are new": input(func(in *fingerprint.Input) {
			in.Repository = "other"
		}),
		"the rule for file modes changed": input(func(in *fingerprint.Input) { in.GitModes = true }),
	} {
		t.Run(want, func(t *testing.T) {
			before, files := state()
			old := of(t, before, files)
			after, files := state()
			change(&after, files)
			now := of(t, after, files)
			kept, err := json.Marshal(old) // as the ledger keeps it
			if err != nil {
				t.Fatal(err)
			}
			var read fingerprint.Print
			if err := json.Unmarshal(kept, &read); err != nil {
				t.Fatal(err)
			}
			var got string
			if changes := fingerprint.Diff(read, now); len(changes) > 0 {
				got = changes[0].String()
			}
			if got != want {
				t.Errorf("got %q, want %q (all: %v)", got, want, fingerprint.Diff(read, now))
			}
			if now.Same(old) != (want == "") {
				t.Errorf("same: %v", now.Same(old))
			}
		})
	}
}

func TestWhatABuildDoesNotReadChangesNothing(t *testing.T) {
	in, files := state()
	want := of(t, in, files)
	files["unused.txt"].Data = []byte("other")
	files["src/a.log"].Data = []byte("other")
	files["src/b.log"] = &fstest.MapFile{}
	files["src/index.ts"].ModTime = time.Unix(1_800_000_000, 0) // newer than the epoch: the image gets the epoch
	if got := of(t, in, files); got.Key != want.Key {
		t.Errorf("%v", fingerprint.Diff(want, got))
	}
}

func TestAnEpochOfTheServiceKeepsOlderTimes(t *testing.T) {
	in, files := state()
	in.Args = map[string]string{"SOURCE_DATE_EPOCH": "1750000000"}
	old := of(t, in, files)
	files["src/index.ts"].ModTime = time.Unix(1_700_000_001, 0)
	if got := fingerprint.Diff(old, of(t, in, files)); len(got) != 1 || got[0].Text != "time of src/index.ts changed" {
		t.Errorf("%v", got)
	}
}

func TestWhatCannotBeKnownIsNeverSkipped(t *testing.T) {
	for name, change := range map[string]func(in *fingerprint.Input){
		"an image without a digest":    func(in *fingerprint.Input) { in.Bases = nil },
		"a base that is only a name":   func(in *fingerprint.Input) { in.Bases["slipway/node:20-trixie"] = "docker-image://node:20" },
		"an image that is copied from": func(in *fingerprint.Input) { in.Dockerfile = append(in.Dockerfile, "COPY --from=tool:1 /a /\n"...) },
		"a download": func(in *fingerprint.Input) {
			in.Dockerfile = append(in.Dockerfile, "ADD https://host.example/a /\n"...)
		},
		"an epoch that BuildKit finds":   func(in *fingerprint.Input) { in.Args = map[string]string{"SOURCE_DATE_EPOCH": "context"} },
		"a context for one platform":     func(in *fingerprint.Input) { in.Contexts["one::linux/amd64"] = nil },
		"an image by digest, unexamined": func(in *fingerprint.Input) { in.Dockerfile = []byte("FROM node@" + digest("c") + " AS one\n") },
	} {
		t.Run(name, func(t *testing.T) {
			in, files := state()
			change(&in)
			in.Context = fingerprint.FromFS(files)
			p, err := fingerprint.Of(context.Background(), in)
			if !errors.As(err, new(*fingerprint.UnknownError)) || p.Key != "" || p.Same(p) || p.Facts == nil {
				t.Errorf("key %q, error %v", p.Key, err)
			}
		})
	}
}

func TestALongListOfFilesIsKeptByDirectory(t *testing.T) {
	in, files := state()
	in.Dockerfile = []byte("FROM scratch AS one\nCOPY . .\n")
	for i := range 3000 {
		files["big/"+strings.Repeat("d/", i%3)+"file"+time.Duration(i).String()] = &fstest.MapFile{Data: []byte{byte(i)}, Mode: 0o644}
	}
	old := of(t, in, files)
	kept, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) > 8<<10 {
		t.Errorf("%d bytes are kept", len(kept))
	}
	var read fingerprint.Print
	if err := json.Unmarshal(kept, &read); err != nil {
		t.Fatal(err)
	}
	changed := maps.Clone(files)
	changed["src/index.ts"] = &fstest.MapFile{Data: []byte("two"), Mode: 0o644, ModTime: files["src/index.ts"].ModTime}
	var got []string
	for _, c := range fingerprint.Diff(read, of(t, in, changed)) {
		got = append(got, c.Text)
	}
	if diff := cmp.Diff([]string{"src/ changed"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestTheFirstBuildHasAReason(t *testing.T) {
	in, files := state()
	if got := fingerprint.Diff(fingerprint.Print{}, of(t, in, files)); len(got) != 1 || got[0].Kind != fingerprint.First {
		t.Errorf("%v", got)
	}
}

// TestWhatNothingLooksAtChangesNothing: arguments that no ARG declares, secrets that no
// step mounts, and a default that is written.
func TestWhatNothingLooksAtChangesNothing(t *testing.T) {
	for name, change := range map[string]func(*fingerprint.Input){
		"another argument":             func(in *fingerprint.Input) { in.Args["VERSION"] = "v2" },
		"another base":                 func(in *fingerprint.Input) { in.Bases["slipway/java:21-trixie"] = digest("b") },
		"an argument of another stage": func(in *fingerprint.Input) { in.Args["ELSEWHERE"] = "1" },
		"no secret":                    func(in *fingerprint.Input) { in.Secrets = nil },
		"another secret":               func(in *fingerprint.Input) { in.Secrets[0].Source = "env:OTHER" },
		"the usual compression":        func(in *fingerprint.Input) { in.Compression = "" },
	} {
		in, files := state()
		in.Dockerfile = bytes.ReplaceAll(in.Dockerfile, []byte(" --mount=type=secret,id=token"), nil)
		in.Dockerfile = append(in.Dockerfile, "FROM slipway/java:21-trixie AS two\nARG ELSEWHERE\nRUN --mount=type=secret,id=token true\n"...)
		before := of(t, in, files)
		if change(&in); !of(t, in, files).Same(before) {
			t.Errorf("%s makes another fingerprint", name)
		}
		in.Args["MODE"] = "slow"
		if of(t, in, files).Same(before) {
			t.Errorf("%s hides a change", name)
		}
	}
}
