package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheBinaryListsItsParts: the SBOM of the binary has each module that
// docs/THIRD_PARTY.md lists for Linux, the carried programs, and their C libraries.
func TestTheBinaryListsItsParts(t *testing.T) {
	real(t)
	r := invocation{args: []string{"version", "--sbom"}}.run(t).must(t, 0)
	var doc struct {
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"versionInfo"`
			Refs    []struct {
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		} `json:"packages"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	var parts, urls []string
	for _, p := range doc.Packages {
		parts, urls = append(parts, p.Name+" "+p.Version), append(urls, p.Refs[0].Locator)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "THIRD_PARTY.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile(`(?m)^\| \[(\S+)\]\(\S+\) \| (\S+) \|`)
	others := strings.Index(string(page), "## slipway on macOS")
	runc := strings.Index(string(page), "## slipway-probe")
	for _, text := range []string{string(page[:others]), string(page[runc:])} {
		for _, m := range listed.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(urls, "pkg:golang/"+m[1]+"@"+strings.ReplaceAll(m[2], "+", "%2B")) { // package URLs encode it
				t.Errorf("the SBOM lacks %s %s", m[1], m[2])
			}
		}
	}
	for _, part := range []string{"runc-linux-", "slipway-probe-linux-amd64", "slipway-probe-tls-linux-arm64", "security-scan-linux-arm64", "slipway-tools-linux-", "libseccomp ", "glibc "} {
		if !slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, part) }) {
			t.Errorf("the SBOM lacks %s", part)
		}
	}
}
