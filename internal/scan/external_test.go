package scan_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/scan"
)

// outputs are what scanners print of one flaw, in their forms.
func outputs() map[string]string {
	return map[string]string{
		"grype": `{"matches": [{"vulnerability": {"id": "GHSA-1", "severity": "High", "fix": {"versions": ["1.0.1"]}, "cvss": [{"metrics": {"baseScore": 7.5}}]}, "relatedVulnerabilities": [{"id": "CVE-1"}],
			"artifact": {"name": "left", "version": "1.0.0", "type": "npm", "purl": "pkg:npm/left@1.0.0", "locations": [{"path": "/app/node_modules/left/package.json"}]}}], "descriptor": {"db": {"built": "2026-01-01T00:00:00Z"}}}`,
		"trivy": `{"SchemaVersion": 2, "Results": [{"Target": "Node.js", "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "PkgName": "left", "PkgPath": "app/node_modules/left/package.json", "InstalledVersion": "1.0.0", "FixedVersion": "1.0.1, 2.0.0", "Severity": "HIGH", "PkgIdentifier": {"PURL": "pkg:npm/left@1.0.0"}}]},
			{"Target": "/app/key", "Secrets": [{"RuleID": "github-pat", "StartLine": 3, "Match": "CANARY", "Layer": {"Digest": "sha256:a"}}]}]}`,
		"snyk":                `{"ok": false, "vulnerabilities": [{"id": "SNYK-JS-LEFT-1", "title": "wrong", "severity": "high", "cvssScore": 7.5, "packageName": "left", "version": "1.0.0", "packageManager": "npm", "nearestFixedInVersion": "1.0.1", "identifiers": {"CVE": ["CVE-1"]}}]}`,
		"snyk's applications": `{"ok": true, "vulnerabilities": [], "applications": [{"displayTargetFile": "/app/package-lock.json", "ok": false, "vulnerabilities": [{"id": "SNYK-JS-LEFT-1", "severity": "critical", "packageName": "left", "version": "1.0.0", "packageManager": "npm", "fixedIn": ["1.0.1"]}]}, {"ok": true, "vulnerabilities": []}]}`,
		"grype's unknown fix": `{"matches": [{"vulnerability": {"id": "CVE-1", "severity": "Critical", "fix": {"versions": [], "state": "unknown"}}, "artifact": {"name": "left", "version": "1.0.0", "purl": "pkg:npm/left@1.0.0"}}]}`,
		"grype's no fix":      `{"matches": [{"vulnerability": {"id": "CVE-1", "severity": "Critical", "fix": {"versions": [], "state": "not-fixed"}}, "artifact": {"name": "left", "version": "1.0.0", "purl": "pkg:npm/left@1.0.0"}}]}`,
		"sarif":               `{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "rules": [{"id": "CVE-1", "properties": {"security-severity": "7.5"}}]}}, "results": [{"ruleId": "CVE-1", "level": "error", "message": {"text": "wrong"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "app/server"}}}]}]}]}`,
		"empty":               `{"version": "2.1.0", "runs": []}`,
	}
}

// program is a shell script as a scanner.
func program(t *testing.T, script string) string {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh, for a stand-in scanner")
	}
	p := filepath.Join(t.TempDir(), "scanner")
	if err := os.WriteFile(p, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestScannersOfOthers(t *testing.T) {
	store, err := image.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(100, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write(t.Context(), "shop/web:v1", img); err != nil {
		t.Fatal(err)
	}
	s, err := scan.Open(t.Context(), store, "shop/web:v1", "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"grype": {"GHSA-1 CVE-1 high npm left 1.0.0 1.0.1"}, "trivy": {"CVE-1  high npm left 1.0.0 1.0.1 2.0.0"}, "snyk": {"SNYK-JS-LEFT-1 CVE-1 high npm left 1.0.0 1.0.1"},
		"sarif": {"CVE-1  high  app/server   fix not known"}, "empty": nil, "snyk's applications": {"SNYK-JS-LEFT-1  critical npm left 1.0.0 1.0.1"},
		"grype's unknown fix": {"CVE-1  critical npm left 1.0.0  fix not known"}, "grype's no fix": {"CVE-1  critical npm left 1.0.0 "},
	}
	for name, text := range outputs() {
		file := filepath.Join(t.TempDir(), "output")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		kept := filepath.Join(t.TempDir(), "kept")
		r, err := scan.External(t.Context(), store, s, program(t, "cp -r $1 "+kept+" && test -s $2 && cat "+file+"; exit 1\n")+" {layout} {archive}", nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, h := range r.Vulnerabilities {
			unknown := ""
			if h.FixUnknown {
				unknown = " fix not known"
			}
			got = append(got, strings.Join([]string{h.ID, strings.Join(h.Aliases, " "), string(h.Severity), string(h.Package.Type), h.Package.Name, h.Package.Version, strings.Join(h.Fixed, " ")}, " ")+unknown)
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if data, _ := json.Marshal(r); strings.Contains(string(data), "CANARY") || name == "trivy" && len(r.Secrets) != 1 {
			t.Errorf("%s: %s", name, data)
		}
		index, err := layout.ImageIndexFromPath(kept)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := index.IndexManifest()
		if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].Digest.String() != s.Digest {
			t.Errorf("%s saw another image: %+v %v", name, manifest, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(store.Dir(), "tmp", "scan-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestAScannerThatFails(t *testing.T) {
	store, err := image.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write(t.Context(), "shop/web:v1", img); err != nil {
		t.Fatal(err)
	}
	s, err := scan.Open(t.Context(), store, "shop/web:v1", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ command, want string }{
		"not installed": {"no-such-scanner {layout}", "the scanner no-such-scanner is not installed"},
		"says why":      {program(t, "echo no database >&2; exit 3"), "no database"},
		"silent":        {program(t, "exit 0"), "printed nothing"},
		"half a file":   {program(t, `echo '{"matches": [{"vuln'`), "cannot be used"},
		"other JSON":    {program(t, `echo '{"bomFormat": "CycloneDX"}'`), "neither SARIF nor the JSON of a known scanner"},
		"none":          {" ", "no scanner specified"},
	} {
		if _, err := scan.External(t.Context(), store, s, c.command, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReadOutput: what a scanner prints, however broken, gives an error or hits that gates can
// count.
func FuzzReadOutput(f *testing.F) {
	for _, text := range outputs() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := scan.ReadOutput(data)
		if err != nil {
			return
		}
		for _, h := range r.Vulnerabilities {
			if h.Severity != advisory.Unknown && h.Severity.Rank() >= advisory.Unknown.Rank() {
				t.Errorf("no severity: %q", h.Severity)
			}
		}
		if n := r.Worst(advisory.Unknown); n > len(r.Vulnerabilities) {
			t.Errorf("%d of %d", n, len(r.Vulnerabilities))
		}
		again, err := scan.ReadOutput(data)
		if diff := cmp.Diff(r, again); err != nil || diff != "" {
			t.Errorf("reading twice differs: %v %s", err, diff)
		}
		if err := r.Write(io.Discard); err != nil {
			t.Error(err)
		}
		if _, err := r.SARIF("v1"); err != nil {
			t.Error(err)
		}
	})
}
