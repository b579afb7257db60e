package scan_test

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/inventory"
)

// TestSyftFindsNoOtherPackages: in an image with packages of Debian, npm, PyPI and Go,
// syft finds what Slipway finds, by name and version.
func TestSyftFindsNoOtherPackages(t *testing.T) {
	syft := cmp.Or(os.Getenv("SLIPWAY_SYFT"), "syft")
	if _, err := exec.LookPath(syft); err != nil {
		t.Skip("syft is not installed; SLIPWAY_SYFT may name it: go install github.com/anchore/syft/cmd/syft@v1.54.1")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	store, err := image.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := storedIn(t, store, nil, "COPY", map[string]string{
		"etc/os-release": "ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n",
		"var/lib/dpkg/status": "Package: libssl3t64\nStatus: install ok installed\nSource: openssl\nVersion: 3.5.1-1\nArchitecture: amd64\nMaintainer: x <x@example.com>\nDescription: x\n\n" +
			"Package: tzdata\nStatus: install ok installed\nVersion: 2025b-4\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n",
	}, map[string]string{
		"app/node_modules/@s/left/package.json":                        `{"name": "@s/left", "version": "1.0.0", "license": "MIT"}`,
		"app/node_modules/b/node_modules/c/package.json":               `{"name": "c", "version": "2.0.0"}`,
		"app/node_modules/b/package.json":                              `{"name": "b", "version": "3.0.0-rc.1"}`,
		"usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: Flask\nVersion: 2.2.2\nLicense: BSD-3-Clause\n",
		"usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/RECORD":   "flask/__init__.py,,\n",
		"usr/local/bin/server":                                         string(program),
	})
	img, err := store.Image(t.Context(), s.Name, s.Platform)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "layout")
	if err := store.WriteLayout(t.Context(), img, s.Name, dir); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), syft, "scan", "oci-dir:"+dir, "--output", "syft-json", "--quiet")
	cmd.Env = append(os.Environ(), "SYFT_CHECK_FOR_APP_UPDATE=false", "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Artifacts []struct{ Name, Version, Type string } `json:"artifacts"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	var theirs, ours []string
	for _, a := range doc.Artifacts {
		if a.Version != "" && a.Version != "(devel)" && a.Version != "UNKNOWN" { // a program's own module has no version
			theirs = append(theirs, strings.ToLower(a.Name)+" "+strings.TrimPrefix(a.Version, "go"))
		}
	}
	for _, p := range s.Inventory(nil).Packages {
		if p.Sure != inventory.ByName {
			ours = append(ours, strings.ToLower(p.Name)+" "+p.Version)
		}
	}
	if len(theirs) < 7 {
		t.Fatalf("syft finds %q", theirs)
	}
	for _, name := range theirs {
		if !slices.Contains(ours, name) {
			t.Errorf("only syft finds %s", name)
		}
	}
	for _, name := range ours {
		if !slices.Contains(theirs, name) {
			t.Errorf("only Slipway finds %s", name)
		}
	}
}
