package node

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// TestChooseNode: a statement takes the preferred major that it allows as a whole, else
// one release, else the next newer one, which is marked with "~".
func TestChooseNode(t *testing.T) {
	for text, want := range map[string]string{ // "" is refused
		"20":                   "20",
		"20.x":                 "20",
		"v20.11.1":             "20.11.1",
		"=20.11.1":             "20.11.1",
		"20.11":                "20.11.1",
		"20.11.x":              "20.11.1",
		"~20.11.0":             "20.11.1",
		"^20.11.0":             "20",
		"~24.1":                "24.1.0",
		"=22.3.0":              "22.3.0",
		"22.23.5":              "22.23.5", // the newest one, by name
		">=18":                 "22",
		">=18 <22":             "20",
		">= 20.5 < 22.3":       "20",
		">=22.5 <22.12":        "22.11.0",
		">=22 <=22.15.0":       "22.15.0",
		">22":                  "24",
		">=23":                 "24",
		">=25":                 "26",
		"25.x":                 "25",
		"23":                   "23",
		"21 || 19":             "21",
		"18 - 20":              "20",
		"<=20":                 "20",
		"<20":                  "18",
		"<20.0.0 || 24":        "24",
		"*":                    "22",
		"x":                    "22",
		"":                     "22", // npm: any
		"||":                   "22",
		"lts/*":                "26",
		"lts":                  "26",
		"lts/-1":               "24",
		"lts/-2":               "22",
		"lts/hydrogen":         "18",
		"lts/iron":             "20",
		"lts/Jod":              "22",
		"lts-krypton":          "24",
		"lts/krypton":          "24",
		"node":                 "26",
		"latest":               "26",
		"latest:20":            "20",
		">=22.0.0-rc.1":        "22",
		"18 || 20 || 21":       "20",
		"26.99.0":              "26.99.0", // later than this list
		"~24.99":               "24",
		"16":                   "~18",
		"16.x || 17.x":         "~18",
		"14.17.0":              "~18",
		"0.12":                 "~18",
		"lts/argon":            "~18",
		">=16 <18":             "~18",
		"20.11.5":              "~20.12.0",
		"18.20.99":             "18.20.99",
		"22.13.2":              "~22.14.0",
		"19.2.1":               "~19.3.0",
		"27":                   "",
		">=27":                 "",
		"lts/magnesium":        "",
		"lts/-9":               "",
		"twenty":               "",
		"20.1.2.3":             "",
		">=":                   "",
		"99999999999999999999": "",
	} {
		c, near, err := chooseNode(text)
		got := c.String()
		if near {
			got = "~" + got
		}
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("chooseNode(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

// TestReleasesAreInOrder: every supported major has releases, oldest first.
func TestReleasesAreInOrder(t *testing.T) {
	if got := majors(); !slices.Equal(got, []int{18, 19, 20, 21, 22, 23, 24, 25, 26}) {
		t.Errorf("supported majors %v", got)
	}
	for _, m := range majors() {
		all := releasesOf(m)
		if len(all) < 10 || len(all) != len(strings.Fields(released()[m])) {
			t.Errorf("%d releases of Node.js %d", len(all), m)
		}
		if !slices.IsSortedFunc(all, func(a, b version) int { return slices.Compare(a[:], b[:]) }) {
			t.Errorf("the releases of Node.js %d are not in order", m)
		}
	}
}

// codesOf lists the findings of a plan as "severity code".
func codesOf(findings diag.Findings) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Severity.String()+" "+f.Code)
	}
	return out
}

// TestVersionFiles: each file that names a version decides on the base, and the place
// is that of the statement.
func TestVersionFiles(t *testing.T) {
	start := `"scripts": {"start": "node a.js"}`
	for name, c := range map[string]struct {
		file, text string
		base       string
		place      string
		codes      []string
	}{
		".nvmrc":               {".nvmrc", "# ours\n\nv20.11.1\n", "20.11.1", ".nvmrc:3", []string{"warning SLP461"}},
		".nvmrc of a codename": {".nvmrc", "lts/jod", "22", ".nvmrc:1", nil},
		".node-version":        {".node-version", "24.4.0 # pinned", "24.4.0", ".node-version:1", nil},
		".tool-versions":       {".tool-versions", "python 3.13.1\nnodejs 22.14.0 20.1.0\n", "22.14.0", ".tool-versions:2", nil},
		"mise.toml":            {"mise.toml", "[env]\nnode = \"18\"\n[tools]\nnode = \"24\"\n", "24", "mise.toml:4", nil},
		"mise list":            {".mise.toml", "[tools]\npython = '3.13'\nnode = [\n  '23.6.1', '22',\n]\n", "23.6.1", ".mise.toml:3", []string{"warning SLP461"}},
		"mise table":           {".config/mise/config.toml", "[tools.node]\nversion = \"lts\"\npostinstall = \"corepack enable\"\n", "26", ".config/mise/config.toml:2", nil},
		"mise inline table":    {"mise.toml", "[tools]\n\"core:node\" = { version = \"22.12\", postinstall = \"x\" } # y\n", "22.12.0", "mise.toml:2", nil},
		"volta":                {"package.json", `{"volta": {"node": "22.9.0"}, ` + start + `}`, "22.9.0", "package.json:1", nil},
		"devEngines":           {"package.json", "{\"devEngines\": {\n\"runtime\": {\"name\": \"node\", \"version\": \"^24.4.0\"}}, " + start + `}`, "24", "package.json:2", nil},
		"devEngines list":      {"package.json", `{"devEngines": {"runtime": [{"name": "bun", "version": "1"}, {"name": "node", "version": "25.1.0"}]}, ` + start + `}`, "25.1.0", "package.json:1", []string{"warning SLP461"}},
		"engines":              {"package.json", `{"engines": {"node": "20.11.1"}, ` + start + `}`, "20.11.1", "package.json:1", []string{"warning SLP461"}},
		"engines of the past":  {"package.json", `{"engines": {"node": "16.x"}, ` + start + `}`, "18", "package.json:1", []string{"warning SLP460", "warning SLP461"}},
		"engines of no sense":  {"package.json", `{"engines": {"node": "the newest"}, ` + start + `}`, "22", "package.json:1", []string{"warning SLP460"}},
		"engines of tomorrow":  {"package.json", `{"engines": {"node": ">=27"}, ` + start + `}`, "", "package.json:1", []string{"error SLP204"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"package.json": "{" + start + "}", "a.js": ""}
			files[c.file] = c.text
			for _, strict := range []bool{false, true} {
				p, findings := Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "."}, &config.Fleet{Strict: strict, Bases: config.Bases{Family: "debian"}})
				codes := codesOf(findings)
				if strict {
					for i := range codes {
						codes[i] = strings.Replace(codes[i], "error", "warning", 1)
					}
				}
				if want := c.codes; !strict && !slices.Equal(codes, want) {
					t.Errorf("strict %v: findings %v, want %v", strict, findings, want)
				}
				for _, f := range findings {
					if f.Place.String() != c.place || f.Hint == "" {
						t.Errorf("%v is not at %s, or has no hint", f, c.place)
					}
					if strict && f.Severity != diag.Error {
						t.Errorf("strict: %v is no error", f)
					}
				}
				if c.base != "" && len(findings.Of(diag.Error)) == 0 && p.Bases[1].Ref != "slipway/node:"+c.base+"-trixie" {
					t.Errorf("base %s, want Node.js %s", p.Bases[1].Ref, c.base)
				}
			}
		})
	}
}

// TestOfficialImages: images of a registry exist by these names.
func TestOfficialImages(t *testing.T) {
	for c, want := range map[choice]string{
		{major: 22}:                     "node:22-trixie-slim",
		{major: 18}:                     "node:18-bookworm-slim",
		{major: 23}:                     "node:23-bookworm-slim",
		{major: 25}:                     "node:25-trixie-slim",
		{major: 20, release: "20.11.1"}: "node:20.11.1-slim",
	} {
		if got := images(c, false).Official.Runtime; got != want {
			t.Errorf("%v: %s, want %s", c, got, want)
		}
	}
	if got := images(choice{major: 20, release: "20.11.1"}, true).Debian; got != (ecosystem.Pair{Toolchain: "slipway/node:20.11.1-trixie-native-toolchain", Runtime: "slipway/node:20.11.1-trixie"}) {
		t.Errorf("native: %v", got)
	}
}

// TestVersionWanted: what slipway.yaml names wins over files, and one that cannot be
// had is an error there.
func TestVersionWanted(t *testing.T) {
	files := fstest.MapFS{"package.json": {Data: []byte(`{"engines": {"node": "20"}, "main": "a.js"}`)}, "a.js": {}, "package-lock.json": {Data: []byte(lock)}}
	for want, base := range map[string]string{"24": "slipway/node:24-trixie", "22.12.0": "slipway/node:22.12.0-trixie", "99": "", "new": ""} {
		p, findings := Ecosystem{}.Plan(files, config.Service{Name: "a", Path: ".", Version: want}, nil)
		if (findings.Errors() == nil) != (base != "") || base != "" && p.Bases[1].Ref != base {
			t.Errorf("version %s: %v, %v", want, p.Bases, findings)
		}
	}
}
