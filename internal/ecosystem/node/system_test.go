package node

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestNoBrowserForDevelopment: a package that only tests need downloads no browser
// when it is installed.
func TestNoBrowserForDevelopment(t *testing.T) {
	for deps, want := range map[string]string{
		`"devDependencies": {"puppeteer": "25"}`: "PUPPETEER_SKIP_DOWNLOAD=true",
		`"devDependencies": {"cypress": "14"}`:   "CYPRESS_INSTALL_BINARY=0",
		`"devDependencies": {"vite": "7"}`:       "",
	} {
		s := service{pkg: &manifest{}}
		if err := json.Unmarshal([]byte("{"+deps+"}"), s.pkg); err != nil {
			t.Fatal(err)
		}
		s.leaveBrowsers()
		if got := strings.Join(s.installEnv, " "); got != want {
			t.Errorf("%s: %q, want %q", deps, got, want)
		}
	}
}
