package osv_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/advisory/osv"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/inventory"
)

// flaw is a record of a package.
func flaw(id, ecosystem, name, modified string) string {
	return fmt.Sprintf(`{"id": %q, "modified": %q, "affected": [{"package": {"ecosystem": %q, "name": %q}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}`, id, modified, ecosystem, name)
}

// zipped is an archive of files.
func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ids are those of a package's records.
func ids(t testing.TB, dir, ecosystem, name string) (out []string) {
	t.Helper()
	db, err := osv.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	records, err := db.Records(ecosystem, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		out = append(out, r.ID)
	}
	return out
}

func TestUpdateFromAMirror(t *testing.T) {
	changed := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/osv/npm/all.zip":
			if asked++; asked == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Last-Modified", changed.Format(http.TimeFormat))
			_, _ = w.Write(zipped(t, map[string]string{
				"GHSA-1.json": flaw("GHSA-1", "npm", "left", "2026-01-01T00:00:00Z"), "GHSA-2.json": flaw("GHSA-2", "npm", "left", "2026-01-02T00:00:00Z"),
				"old.json":  `{"id": "GHSA-3", "withdrawn": "2026-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "left"}}]}`,
				"else.json": flaw("X-1", "Hackage", "left", "2026-01-01T00:00:00Z"), "notes.txt": "{", "list.json": "[1]",
			}))
		case "/osv/Debian/all.zip":
			_, _ = w.Write(zipped(t, map[string]string{"D.json": flaw("DSA-1", "Debian:13", "openssl", "2026-01-01T00:00:00Z")}))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	now := func() time.Time { return changed }
	about, err := osv.Update(t.Context(), dir, osv.Options{Mirror: server.URL + "/osv", Now: changed, Fetch: osv.HTTP(server.Client(), now)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]osv.Ecosystem{"npm": {Records: 2, Updated: changed}, "Debian": {Records: 1, Updated: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if diff := cmp.Diff(want, about.Ecosystems); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GHSA-1", "GHSA-2"}, ids(t, dir, "npm", "left")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := ids(t, dir, "Debian", "openssl"); len(got) != 1 {
		t.Errorf("Debian: %q", got)
	}
	if got := ids(t, dir, "npm", "right"); got != nil {
		t.Errorf("another package: %q", got)
	}
	db, err := osv.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	state := db.State([]string{"Debian", "Go", "npm"})
	if strings.Join(state.Missing, " ") != "Go" || strings.Join(state.Ecosystems, " ") != "Debian npm" || !state.Updated.Equal(want["Debian"].Updated) {
		t.Errorf("%+v", state)
	}
}

// TestASeverityOfAnotherRecordOfTheFlaw: a record without one takes it from its alias,
// or from a record that shares an alias, whatever its package; nothing is invented.
func TestASeverityOfAnotherRecordOfTheFlaw(t *testing.T) {
	with := func(record, more string) string { return strings.TrimSuffix(record, "}") + ", " + more + "}" }
	from, dir, now := filepath.Join(t.TempDir(), "all.zip"), t.TempDir(), time.Unix(1_700_000_000, 0)
	if err := os.WriteFile(from, zipped(t, map[string]string{
		"1.json": with(flaw("PYSEC-1", "PyPI", "jinja2", "2026-01-01T00:00:00Z"), `"aliases": ["CVE-1", "GHSA-1"], "slipway_rating": {"severity": "low", "from": "me"}`),
		"2.json": with(flaw("GHSA-1", "npm", "elsewhere", "2026-01-01T00:00:00Z"), `"database_specific": {"severity": "HIGH"}`),
		"3.json": with(flaw("PYSEC-2", "PyPI", "flask", "2026-01-01T00:00:00Z"), `"aliases": ["CVE-2"]`),
		"4.json": with(flaw("GHSA-2", "PyPI", "other", "2026-01-01T00:00:00Z"), `"aliases": ["CVE-2"], "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]`),
		"5.json": with(flaw("DSA-1", "Debian:13", "openssl", "2026-01-01T00:00:00Z"), `"upstream": ["CVE-2", "CVE-9"]`),
		"7.json": with(flaw("CVE-4", "Debian:13", "zlib", "2026-01-01T00:00:00Z"), `"upstream": ["CVE-4"]`),
		"8.json": `{"id": "DEBIAN-CVE-4", "modified": "2026-01-01T00:00:00Z", "upstream": ["CVE-4"], "affected": [{"package": {"ecosystem": "Debian:13", "name": "other"}, "ecosystem_specific": {"urgency": "unimportant"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}`,
		"6.json": with(flaw("PYSEC-3", "PyPI", "django", "2026-01-01T00:00:00Z"), `"aliases": ["CVE-3"], "slipway_rating": {"severity": "low", "from": "me"}`),
	}), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := osv.Update(t.Context(), dir, osv.Options{From: from, Now: now}); err != nil {
		t.Fatal(err)
	}
	db, err := osv.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got := map[string]string{}
	for _, p := range []inventory.Package{{Type: inventory.PyPI, Name: "jinja2", Version: "1"}, {Type: inventory.PyPI, Name: "flask", Version: "1"}, {Type: inventory.PyPI, Name: "django", Version: "1"}, {Type: inventory.Debian, Name: "openssl", Version: "1", Release: "13"}, {Type: inventory.Debian, Name: "zlib", Version: "1", Release: "13"}} {
		hits, err := advisory.Match([]inventory.Package{p}, db, nil)
		if err != nil || len(hits) != 1 {
			t.Fatal(p.Name, hits, err)
		}
		got[hits[0].ID] = fmt.Sprint(hits[0].Severity, " ", hits[0].Score, " ", hits[0].RatedBy)
	}
	want := map[string]string{"PYSEC-1": "high 0 GHSA-1", "PYSEC-2": "critical 9.8 GHSA-2", "PYSEC-3": "unknown 0 ", "DSA-1": "critical 9.8 GHSA-2", "CVE-4": "unknown 0 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestAFailedUpdateKeepsTheDatabase: what fails half-way changes nothing and leaves
// nothing.
func TestAFailedUpdateKeepsTheDatabase(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.zip")
	if err := os.WriteFile(good, zipped(t, map[string]string{"a.json": flaw("GHSA-1", "npm", "left", "2026-01-01T00:00:00Z")}), 0o644); err != nil {
		t.Fatal(err)
	}
	dir, first := t.TempDir(), time.Unix(1_700_000_000, 0)
	if _, err := osv.Update(t.Context(), dir, osv.Options{From: good, Now: first}); err != nil {
		t.Fatal(err)
	}
	var archive []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if archive == nil {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("PK"))
			return
		}
		_, _ = w.Write(archive)
	}))
	defer server.Close()
	huge := func(to *zip.FileHeader) { to.UncompressedSize64, to.CompressedSize64 = 9<<30, 10 }
	for name, content := range map[string][]byte{
		"cut off": nil, "no archive": []byte("<html>"), "a broken record": zipped(t, map[string]string{"b.json": `{"id": "GHSA-2", "affected": [`}),
		"no records": zipped(t, map[string]string{"c.txt": "x"}), "a bomb": bomb(t, huge),
	} {
		archive = content
		_, err := osv.Update(t.Context(), dir, osv.Options{Mirror: server.URL, Ecosystems: []string{"npm"}, Now: first.Add(time.Hour), Fetch: osv.HTTP(server.Client(), time.Now)})
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if diag.HintOf(err) == "" {
			t.Errorf("%s: no hint: %v", name, err)
		}
		if got := ids(t, dir, "npm", "left"); len(got) != 1 {
			t.Errorf("%s: the old database has %q", name, got)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v: %v", entries, err)
	}
}

// bomb is an archive whose one file claims to be larger than it is.
func bomb(t *testing.T, claim func(*zip.FileHeader)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "a.json", Method: zip.Deflate}
	claim(h)
	w, err := z.CreateRaw(h)
	if err == nil {
		_, err = w.Write(make([]byte, 10))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestADatabaseThatCannotBeRead(t *testing.T) {
	if _, err := osv.Open(t.TempDir()); !errors.Is(err, osv.ErrNone) {
		t.Errorf("none: %v", err)
	}
	write := func(dir, name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	other := t.TempDir()
	write(other, "current", "x\n")
	write(other, "x/about.json", `{"format": 9}`)
	if _, err := osv.Open(other); err == nil || !strings.Contains(err.Error(), "has format 9, and this slipway reads format 1") || diag.HintOf(err) == "" {
		t.Errorf("another format: %v", err)
	}
	write(other, "x/about.json", `{"format": 1, "ecosystems": {"npm": {}}}`)
	write(other, "x/npm", "something else entirely, that is long enough")
	db, err := osv.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Records("npm", "left"); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a damaged table: %v", err)
	}
}

func BenchmarkRecords(b *testing.B) {
	files := map[string]string{}
	for i := range 20_000 {
		id := fmt.Sprintf("GHSA-%d", i)
		files[id+".json"] = flaw(id, "npm", fmt.Sprintf("package-%d", i/2), "2026-01-01T00:00:00Z")
	}
	from, dir := filepath.Join(b.TempDir(), "all.zip"), b.TempDir()
	if err := os.WriteFile(from, zipped(b, files), 0o644); err != nil {
		b.Fatal(err)
	}
	if _, err := osv.Update(context.Background(), dir, osv.Options{From: from, Now: time.Unix(1, 0)}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, name := range []string{"package-1", "package-9999", "nothing"} {
			if got := ids(b, dir, "npm", name); name != "nothing" && len(got) != 2 {
				b.Fatal(got)
			}
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(flaw("GHSA-1", "npm", "left", "2026-01-01T00:00:00Z")))
	f.Add([]byte(`{"id": "A", "affected": [{"package": {"ecosystem": "npm", "name": "x"}, "database_specific": {"severity": ["HIGH"]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		from := filepath.Join(t.TempDir(), "a.json")
		if err := os.WriteFile(from, data, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if about, err := osv.Update(t.Context(), dir, osv.Options{From: from, Now: time.Unix(1, 0)}); err == nil {
			if len(about.Ecosystems) == 0 {
				t.Error("a database of nothing")
			}
			if _, err := osv.Open(dir); err != nil {
				t.Error(err)
			}
		}
	})
}
