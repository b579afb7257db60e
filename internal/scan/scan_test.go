package scan_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
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
	if err := errors.Join(r.Write(&text), err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"text": text.Bytes(), "JSON": asJSON, "SARIF": sarif, "CycloneDX": cyclone, "SPDX": spdx} {
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
	list, err := scan.SourceSecrets(fstest.MapFS{
		"src/a.ts": {Data: []byte("x\n\nkey = '" + token + "'")}, "node_modules/x/a.js": {Data: []byte(token)}, ".git/config": {Data: []byte(token)},
		"key.pem": {Data: []byte("-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0B", 4) + "\n-----END PRIVATE KEY-----\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]gate.Secret{{Rule: "private-key", File: "key.pem", Where: "sources"}, {Rule: "github-token", File: "src/a.ts", Line: 3, Where: "sources"}}, list); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
