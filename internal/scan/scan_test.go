package scan_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/advisory/osv"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/sbom"
	"github.com/slipway-build/slipway/internal/scan"
)

// A token and a password that belong to nobody, in two parts so that no search for
// secrets reports this file.
const (
	token    = "gh" + "p_q7Zr2KxV9bTn4LwPm8Hd5JyGc3FsAv6Ee1Ru"
	password = "Zk7" + "-qT9vX2mLw4"
)

// stored puts an image of layers into a store and opens it.
func stored(t *testing.T, env []string, history string, layers ...map[string]string) scan.Subject {
	t.Helper()
	store, err := image.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return storedIn(t, store, env, history, layers...)
}

// storedIn puts an image of layers into a store and opens it.
func storedIn(t *testing.T, store *image.Store, env []string, history string, layers ...map[string]string) scan.Subject {
	t.Helper()
	img := empty.Image
	for _, files := range layers {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for name, text := range files {
			err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Format: tar.FormatPAX})
			if err == nil {
				_, err = w.Write([]byte(text))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		next, err := mutate.Append(img, mutate.Addendum{Layer: static.NewLayer(b.Bytes(), types.DockerUncompressedLayer)})
		if err != nil {
			t.Fatal(err)
		}
		img = next
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.Env, config.Config.Labels = env, map[string]string{"note": token}
	config.History[0].CreatedBy = history
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write(t.Context(), "shop/web:v1", img); err != nil {
		t.Fatal(err)
	}
	subject, err := scan.Open(t.Context(), store, "shop/web:v1", "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

// database is one with records.
func database(t *testing.T, records ...advisory.Record) string {
	t.Helper()
	from, dir := t.TempDir(), t.TempDir()
	for _, r := range records {
		data, err := json.Marshal(r)
		if err == nil {
			err = os.WriteFile(filepath.Join(from, r.ID+".json"), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := osv.Update(t.Context(), dir, osv.Options{From: from, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func flaw(id, ecosystem, name string) advisory.Record {
	return advisory.Record{ID: id, Modified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Summary: "wrong", Affected: []advisory.Affected{{
		Package: advisory.Name{Ecosystem: ecosystem, Name: name}, Ranges: []advisory.Range{{Type: "SEMVER", Events: []advisory.Event{{Introduced: "0"}}}},
	}}}
}

func TestSecretsOfAnImage(t *testing.T) {
	s := stored(t, []string{"PATH=/usr/bin", "DB_PASSWORD=" + password}, "RUN |1 NPM_TOKEN="+password+" npm ci", map[string]string{
		"app/settings.js": "// one\nconst token = \"" + token + "\";\n", "app/.env": "API_KEY=" + password + "\n",
		"usr/lib/python3/dist-packages/x/test.py": "token = \"" + token + "\"\n", // a library's
	}, map[string]string{"app/.wh.settings.js": ""})
	want := []gate.Secret{
		{Rule: "secret-variable", File: "ENV DB_PASSWORD", Where: "configuration"},
		{Rule: "github-token", File: "LABEL note", Where: "configuration"},
		{Rule: "secret-variable", File: "history", Line: 1, Where: "history"},
		{Rule: "variables-file", File: "app/.env", Layer: s.Layers[0].Digest, Where: "layer"},
		{Rule: "github-token", File: "app/settings.js", Line: 2, Layer: s.Layers[0].Digest, Where: "layer"}, // deleted above
	}
	if diff := cmp.Diff(want, s.Secrets()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestNoSecretIsPrinted looks for two canaries in everything that is written about an
// image.
func TestNoSecretIsPrinted(t *testing.T) {
	s := stored(t, []string{"DB_PASSWORD=" + password, "URL=https://me:" + password + "@example.com"}, "RUN TOKEN="+password+" x", map[string]string{
		"app/settings.js": "const token = \"" + token + "\";\n", "app/.npmrc": "//registry.example/:_authToken=" + password + "\n",
		"app/node_modules/left/package.json": `{"name": "left", "version": "1.0.0"}`,
	})
	r, err := scan.Image(s, nil, scan.Options{Database: database(t, flaw("GHSA-1", "npm", "left"))})
	if err != nil || len(r.Secrets) < 5 || len(r.Vulnerabilities) != 1 {
		t.Fatal(err, r)
	}
	var text bytes.Buffer
	asJSON, err1 := json.Marshal(r)
	sarif, err2 := r.SARIF("v1")
	bom := sbom.Image{Name: s.Name, Digest: s.Digest}
	cyclone, err3 := sbom.CycloneDX(bom, s.Inventory(nil))
	spdx, err4 := sbom.SPDX(bom, s.Inventory(nil))
	spdx3, err5 := sbom.SPDX3(bom, s.Inventory(nil))
	if err := errors.Join(r.Write(&text), err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"text": text.Bytes(), "JSON": asJSON, "SARIF": sarif, "CycloneDX": cyclone, "SPDX": spdx, "SPDX 3": spdx3} {
		for _, canary := range []string{token, password} {
			if bytes.Contains(data, []byte(canary)) {
				t.Errorf("the %s holds a secret:\n%s", name, data)
			}
		}
		if len(data) == 0 {
			t.Errorf("the %s is empty", name)
		}
	}
}

func TestReachOfAProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	s := stored(t, nil, "COPY", map[string]string{"app/server": string(program)})
	in := func(id string, imports ...advisory.Import) advisory.Record {
		r := flaw(id, "Go", "stdlib")
		r.Affected[0].Own.Imports = imports
		return r
	}
	r, err := scan.Image(s, nil, scan.Options{Database: database(t,
		in("GO-1", advisory.Import{Path: "archive/tar", Symbols: []string{"Reader.Next"}}),
		in("GO-2", advisory.Import{Path: "archive/tar", Symbols: []string{"Reader.Nothing"}}, advisory.Import{Path: "net/rpc"}),
		in("GO-3", advisory.Import{Path: "encoding/json"}), in("GO-4"))})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]advisory.Reach{}
	for _, h := range r.Vulnerabilities {
		got[h.ID] = h.Reach
	}
	if diff := cmp.Diff(map[string]advisory.Reach{"GO-1": advisory.Imported, "GO-2": advisory.NotCalled, "GO-3": advisory.Imported, "GO-4": advisory.NotKnown}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWarnings(t *testing.T) {
	s := stored(t, nil, "COPY", map[string]string{"app/node_modules/left/package.json": `{"name": "left", "version": "1.0.0"}`, "var/lib/dpkg/status": "Package: x\nVersion: 1\n"})
	r, err := scan.Image(s, nil, scan.Options{Database: database(t, flaw("GHSA-1", "npm", "other"))})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, f := range r.Warnings(time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC)) {
		texts = append(texts, f.Code+" "+f.Text)
	}
	want := []string{
		"SLP630 the database of vulnerabilities is 19 days old: newer vulnerabilities are not found",
		"SLP631 the database has no advisories for Debian of unknown release: vulnerabilities of those packages are not known",
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	none, err := scan.Image(s, nil, scan.Options{Database: t.TempDir()})
	if err != nil || none.Database != nil || none.Packages != 2 {
		t.Errorf("without a database: %+v %v", none, err)
	}
}

func TestSecretsOfSources(t *testing.T) {
	pem := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0B", 4) + "\n-----END PRIVATE KEY-----\n"
	list, unsearched, err := scan.SourceSecrets(fstest.MapFS{
		"src/a.ts": {Data: []byte("x\n\nkey = '" + token + "'")}, "node_modules/x/a.js": {Data: []byte(token)}, ".git/config": {Data: []byte(token)},
		"key.pem": {Data: []byte(pem)}, "dump.sql": {Data: []byte(strings.Repeat("-- nothing\n", 200_000) + token + "\n")},
		"rust/Cargo.toml": {}, "rust/target/a.ts": {Data: []byte(token)}, "build/target/a.ts": {Data: []byte(token)}, "vendor/a.ts": {Data: []byte(token)},
		"venv/a.ts": {Data: []byte(token)}, ".venv/pyvenv.cfg": {}, ".venv/a.ts": {Data: []byte(token)}, "go/go.mod": {}, "go/vendor/a.ts": {Data: []byte(token)},
	})
	if err != nil || len(unsearched) > 0 {
		t.Fatal(unsearched, err)
	}
	want := []gate.Secret{
		{Rule: "github-token", File: "build/target/a.ts", Line: 1, Where: "sources"}, {Rule: "github-token", File: "dump.sql", Line: 200_001, Where: "sources"},
		{Rule: "private-key", File: "key.pem", Where: "sources"}, {Rule: "github-token", File: "src/a.ts", Line: 3, Where: "sources"},
		{Rule: "github-token", File: "vendor/a.ts", Line: 1, Where: "sources"}, {Rule: "github-token", File: "venv/a.ts", Line: 1, Where: "sources"},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestSecretsOfLargeFiles: bundles and settings have no size from which on they hold none.
func TestSecretsOfLargeFiles(t *testing.T) {
	long := strings.Repeat("const a = 1;\n", 100_000)
	s := stored(t, nil, "COPY", map[string]string{
		"app/dist/main.js": long + "const t = \"" + token + "\";\n", "app/config.json": "{\"a\": \"" + strings.Repeat("x", 300_000) + "\",\n\"token\": \"" + token + "\"}\n",
		"app/run": "#!/bin/sh\n" + long + token + "\n", "app/endless.log": strings.Repeat("nothing to see here, move on\n", 1_300_000),
		"usr/lib/python3/dist-packages/x/large.py": long + token, // a library's
	})
	var got []string
	for _, one := range s.Secrets() {
		if one.Where == "layer" {
			got = append(got, fmt.Sprintf("%s %s:%d", one.Rule, one.File, one.Line))
		}
	}
	if diff := cmp.Diff([]string{"github-token app/config.json:2", "github-token app/dist/main.js:100001", "github-token app/run:100002"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	r, err := scan.Image(s, nil, scan.Options{Database: t.TempDir()})
	if err != nil || len(r.Warnings(time.Now())) != 1 || r.Warnings(time.Now())[0].Text != "only the first 32 MB of /app/endless.log were searched for secrets" {
		t.Errorf("%+v %v", r.Warnings(time.Now()), err)
	}
	v := gate.Check(gate.Limits{Supply: gate.Supply{Secrets: new(99)}}, gate.Subject{Secrets: &r.Secrets, Unsearched: r.Unsearched})[0]
	if warned := v.Findings.Of(diag.Warning); v.Result != gate.Warned || len(warned) != 1 || warned[0].Place.File != "/app/endless.log" {
		t.Errorf("the gate: %+v", v)
	}
}

// TestNothingIsSearchedSilently: an image whose system has no advisories here says so.
func TestNothingIsSearchedSilently(t *testing.T) {
	apk := "C:Q1x\nP:libssl1.1\nV:1.1.1g-r0\nA:x86_64\nT:text: P:no\nL:OpenSSL\no:openssl\nF:lib\nR:libssl.so.1.1\n\nP:musl\nV:1.1.24-r9\n\n"
	for name, c := range map[string]struct {
		files    map[string]string
		packages int
		missing  []string
		hits     []string
	}{
		"Alpine": {map[string]string{"etc/os-release": "ID=alpine\nNAME=\"Alpine Linux\"\nVERSION_ID=3.12.1\n", "lib/apk/db/installed": apk, "lib/libssl.so.1.1": "x"},
			2, nil, []string{"ALPINE-1 libssl1.1 pkg:apk/alpine/libssl1.1@1.1.1g-r0?arch=x86_64&distro=alpine-3.12&upstream=openssl"}},
		"another Alpine":                    {map[string]string{"etc/os-release": "ID=alpine\nVERSION_ID=3.13.0\n", "usr/lib/apk/db/installed": apk}, 2, nil, nil},
		"Alpine's next":                     {map[string]string{"etc/os-release": "ID=alpine\nNAME=Alpine\nVERSION_ID=3.23_alpha20250612\n", "lib/apk/db/installed": apk}, 2, []string{"Alpine 3.23_alpha20250612"}, nil},
		"Wolfi":                             {map[string]string{"etc/os-release": "ID=wolfi\nNAME=Wolfi\nVERSION_ID=20230201\n", "lib/apk/db/installed": apk}, 2, []string{"Wolfi 20230201"}, nil},
		"no os-release":                     {map[string]string{"lib/apk/db/installed": apk}, 2, []string{"Alpine of unknown release"}, nil},
		"RPM":                               {map[string]string{"var/lib/rpm/Packages": "\x00\x01"}, 0, []string{"a system with RPM"}, nil},
		"Red Hat":                           {map[string]string{"etc/os-release": "ID=\"rhel\"\nNAME=\"Red Hat Enterprise Linux\"\nVERSION_ID=\"9.4\"\n", "var/lib/rpm/rpmdb.sqlite": "\x00"}, 0, []string{"Red Hat Enterprise Linux 9.4"}, nil},
		"Ubuntu":                            {map[string]string{"etc/os-release": "ID=ubuntu\nNAME=Ubuntu\nVERSION_ID=\"24.04\"\n", "var/lib/dpkg/status": "Package: openssl\nVersion: 1\n"}, 1, []string{"Ubuntu 24.04"}, nil},
		"Debian's files without its record": {map[string]string{"etc/os-release": "ID=debian\nNAME=Debian\nVERSION_ID=\"13\"\n"}, 0, []string{"Debian 13"}, nil},
		"nothing at all":                    {map[string]string{"app/page.html": "x"}, 0, nil, nil},
	} {
		s := stored(t, nil, "COPY", c.files)
		r, err := scan.Image(s, nil, scan.Options{Database: database(t, flaw("ALPINE-1", "Alpine:v3.12", "openssl"), flaw("DEBIAN-1", "Debian:13", "openssl"))})
		if err != nil {
			t.Fatal(name, err)
		}
		var hits []string
		for _, h := range r.Vulnerabilities {
			hits = append(hits, h.ID+" "+h.Package.Name+" "+h.Package.URL)
		}
		if diff := cmp.Diff(c.hits, hits); diff != "" || r.Packages != c.packages {
			t.Errorf("%s: %d packages (-want +got)\n%s", name, r.Packages, diff)
		}
		if diff := cmp.Diff(c.missing, r.Database.Missing); diff != "" {
			t.Errorf("%s: missing (-want +got)\n%s", name, diff)
		}
		v := gate.Check(gate.Limits{Supply: gate.Supply{Vulnerabilities: map[advisory.Severity]int{advisory.Critical: 0}}, Strict: true}, gate.Subject{Database: r.Database, Vulnerabilities: r.Vulnerabilities, Today: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)})[0]
		if known := c.missing == nil && c.packages > 0; (v.Result != gate.Failed) != known {
			t.Errorf("%s: under strict, the gate ends %+v", name, v)
		}
		if unlisted := scan.Unlisted(s.Inventory(nil)); (len(unlisted) > 0) != (len(c.missing) > 0 && c.packages == 0) {
			t.Errorf("%s: not listed: %+v", name, unlisted)
		}
		if w := r.Warnings(time.Time{}); len(w) != len(c.missing) || len(w) > 0 && !strings.Contains(w[0].Hint, "--scanner grype") {
			t.Errorf("%s: warnings %+v", name, w)
		}
	}
}
