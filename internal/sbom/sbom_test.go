package sbom

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/slipway-build/slipway/internal/assets"
)

// subject carries this test's own program, which is a Go program as runc is one.
func subject(t *testing.T) Subject {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Subject{
		Version: "v1.2.3", SHA256: strings.Repeat("ab", 32), Made: time.Unix(1_800_000_000, 0),
		Build: &debug.BuildInfo{GoVersion: "go1.26.10 X:fieldtrack", Deps: []*debug.Module{
			{Path: "example.com/Mixed/v2", Version: "v2.0.0"},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.0.1+incompatible"}},
		}},
		Carried: []assets.Program{{Name: "runc-linux-amd64", Data: program, Libraries: []string{"libseccomp 2.5.4", "glibc 2.36"}}},
	}
}

// written is the document as a reader of SPDX finds it.
func written(t *testing.T, s Subject) (*spdx.Document, []byte) {
	t.Helper()
	doc, err := Document(s)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	read, err := spdxjson.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("no SPDX reader takes it: %v\n%s", err, data)
	}
	if err := spdxlib.ValidateDocument(read); err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	return read, data
}

func TestDocument(t *testing.T) {
	doc, data := written(t, subject(t))
	byID, urls := map[string]*spdx.Package{}, []string{}
	for _, p := range doc.Packages {
		if byID[string(p.PackageSPDXIdentifier)] != nil {
			t.Errorf("two packages are called %s", p.PackageSPDXIdentifier)
		}
		byID[string(p.PackageSPDXIdentifier)] = p
		urls = append(urls, p.PackageExternalReferences[0].Locator)
	}
	for _, want := range []string{
		"pkg:golang/github.com/slipway-build/slipway/cmd/slipway@v1.2.3", "pkg:golang/stdlib@1.26.10", "pkg:golang/example.com/Mixed/v2@v2.0.0",
		"pkg:golang/example.com/fork@v1.0.1%2Bincompatible", "pkg:generic/libseccomp@2.5.4", "pkg:generic/glibc@2.36",
	} {
		if !slices.Contains(urls, want) {
			t.Errorf("%s is missing in\n%s", want, strings.Join(urls, "\n"))
		}
	}
	if strings.Contains(string(data), "example.com/old") {
		t.Error("a replaced module is listed")
	}
	var found []string
	for _, r := range doc.Relationships {
		a, b := byID[string(r.RefA.ElementRefID)], byID[string(r.RefB.ElementRefID)]
		if b == nil {
			t.Fatalf("a relationship with nothing: %+v", r)
		}
		if a != nil {
			found = append(found, a.PackageName+" "+r.Relationship+" "+b.PackageName)
		}
	}
	for _, want := range []string{"slipway CONTAINS runc-linux-amd64", "runc-linux-amd64 STATIC_LINK glibc", "runc-linux-amd64 DEPENDS_ON stdlib", "slipway DEPENDS_ON example.com/fork"} {
		if !slices.Contains(found, want) {
			t.Errorf("%q is missing in\n%s", want, strings.Join(found, "\n"))
		}
	}
}

func TestTheSameBinaryHasTheSameDocument(t *testing.T) {
	s := subject(t)
	_, first := written(t, s)
	_, second := written(t, s)
	if !bytes.Equal(first, second) {
		t.Error("two documents of one binary differ")
	}
	s.SHA256 = strings.Repeat("cd", 32)
	other, _ := written(t, s)
	if strings.Contains(string(first), other.DocumentNamespace) {
		t.Error("two binaries have documents with one namespace")
	}
}

func TestACarriedFileThatIsNoProgram(t *testing.T) {
	s := subject(t)
	s.Carried[0].Data = []byte("damaged")
	if _, err := Document(s); err == nil || !strings.Contains(err.Error(), "runc-linux-amd64") {
		t.Errorf("%v", err)
	}
}

// TestCarriedPrograms describes the programs that this slipway really carries.
func TestCarriedPrograms(t *testing.T) {
	s := subject(t)
	var err error
	if s.Carried, err = assets.Programs(); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(s.Carried, func(p assets.Program) bool { return strings.HasPrefix(p.Name, "runc-") }) {
		t.Skip("built without assets: run scripts/build-assets.sh")
	}
	doc, _ := written(t, s)
	names := map[string]int{}
	for _, p := range doc.Packages {
		names[p.PackageName]++
	}
	for _, want := range []string{"slipway-probe-linux-amd64", "slipway-probe-tls-linux-arm64", "github.com/opencontainers/selinux", "github.com/seccomp/libseccomp-golang", "libseccomp", "glibc"} {
		if names[want] != 1 {
			t.Errorf("%s is listed %d times among %d packages", want, names[want], len(doc.Packages))
		}
	}
}
