package advisory_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/inventory"
)

// records are all that there are; names do not select.
type records []advisory.Record

func (r records) Records(string, string) ([]advisory.Record, error) { return r, nil }

// published reads the records in testdata.
func published(t *testing.T) (out records) {
	t.Helper()
	files, err := filepath.Glob("testdata/osv/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no records", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r advisory.Record
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(f, err)
		}
		out = append(out, r)
	}
	return out
}

// found lists what a package has, in short.
func found(t *testing.T, source advisory.Source, p inventory.Package) []string {
	t.Helper()
	hits, err := advisory.Match([]inventory.Package{p}, source, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, h := range hits {
		text := h.ID + " " + string(h.Severity)
		for _, f := range h.Fixed {
			text += " " + f
		}
		out = append(out, text)
	}
	return out
}

func TestPublishedRecords(t *testing.T) {
	source := published(t)
	for _, c := range []struct {
		kind          inventory.Type
		name, version string
		want          []string
	}{
		{inventory.NPM, "lodash", "4.17.20", []string{"GHSA-35jh-r3h4-6jhm high 4.17.21"}},
		{inventory.NPM, "lodash", "4.17.21", []string{}},
		{inventory.NPM, "lodash", "no version", []string{"GHSA-35jh-r3h4-6jhm high 4.17.21"}}, // older than every version
		{inventory.NPM, "cookie", "0.3.1", []string{"GHSA-pxg6-pf52-xh8x low 0.7.0"}},         // no CVSS: the database's word
		{inventory.PyPI, "lodash", "4.17.20", []string{}},
		{inventory.PyPI, "PyYAML", "5.3", []string{"PYSEC-2021-142 unknown 5.4"}},
		{inventory.PyPI, "Py_YAML", "5.3", []string{}}, // another package: py-yaml
		{inventory.Maven, "log4j:log4j", "1.2.17", []string{"GHSA-2qrg-x229-3v8q critical"}},
		{inventory.Maven, "log4j:log4j", "1.2.18", []string{}},
		{inventory.Cargo, "time", "0.1.43", []string{"RUSTSEC-2020-0071 medium 0.2.0 0.2.1 0.2.2 0.2.3 0.2.4 0.2.5 0.2.6 0.2.23"}},
		{inventory.Cargo, "time", "0.2.23", []string{}},
		{inventory.Cargo, "rsa", "0.9.9", []string{"RUSTSEC-2023-0071 medium"}},
		{inventory.Go, "gopkg.in/yaml.v2", "v2.2.2", []string{"GO-2022-0956 unknown 2.2.4"}},
		{inventory.Go, "gopkg.in/yaml.v2", "v2.2.4", []string{}},
		{inventory.Generic, "lodash", "4.17.20", []string{}},
	} {
		if diff := cmp.Diff(c.want, found(t, source, inventory.Package{Type: c.kind, Name: c.name, Version: c.version})); diff != "" {
			t.Errorf("%s %s %s (-want +got)\n%s", c.kind, c.name, c.version, diff)
		}
	}
}

// record is one with a range.
func record(id, ecosystem, name string, events ...advisory.Event) advisory.Record {
	return advisory.Record{ID: id, Affected: []advisory.Affected{{Package: advisory.Name{Ecosystem: ecosystem, Name: name}, Ranges: []advisory.Range{{Type: "ECOSYSTEM", Events: events}}}}}
}

func TestVersionsOfEachEcosystem(t *testing.T) {
	all, until := advisory.Event{Introduced: "0"}, func(v string) advisory.Event { return advisory.Event{Fixed: v} }
	from := func(v string) advisory.Event { return advisory.Event{Introduced: v} }
	last := func(v string) advisory.Event { return advisory.Event{LastAffected: v} }
	for _, c := range []struct {
		name     string
		p        inventory.Package
		r        advisory.Record
		affected bool
	}{
		{"Debian's revision", inventory.Package{Type: inventory.Debian, Name: "zlib1g", Source: "zlib", Version: "1:1.3.dfsg+really1.3.1-1+b1", SourceV: "1:1.3.dfsg+really1.3.1-1", Release: "13"}, record("A", "Debian:13", "zlib", all, until("1:1.3.dfsg+really1.3.1-1+deb13u1")), true},
		{"Debian's epoch", inventory.Package{Type: inventory.Debian, Name: "redis", Version: "5:8.0.2-3", Release: "13"}, record("A", "Debian:13", "redis", all, until("6.0.0")), false},
		{"a tilde comes before", inventory.Package{Type: inventory.Debian, Name: "openssl", Version: "3.5.7-1~deb13u2", Release: "13"}, record("A", "Debian:13", "openssl", all, until("3.5.7-1~deb13u3")), true},
		{"another release of Debian", inventory.Package{Type: inventory.Debian, Name: "openssl", Version: "1", Release: "12"}, record("A", "Debian:13", "openssl", all), false},
		{"every release of Debian", inventory.Package{Type: inventory.Debian, Name: "openssl", Version: "1", Release: "12"}, record("A", "Debian", "openssl", all), true},
		{"the binary's name is not asked for", inventory.Package{Type: inventory.Debian, Name: "libssl3t64", Source: "openssl", Version: "1", Release: "13"}, record("A", "Debian:13", "libssl3t64", all), false},
		{"Python's local version", inventory.Package{Type: inventory.PyPI, Name: "torch", Version: "2.0.1+cpu"}, record("A", "PyPI", "torch", all, until("2.0.1")), false},
		{"a local version of the last affected", inventory.Package{Type: inventory.PyPI, Name: "torch", Version: "2.0.1+cpu"}, record("A", "PyPI", "torch", all, last("2.0.1")), true},
		{"a local version after the last affected", inventory.Package{Type: inventory.PyPI, Name: "torch", Version: "2.0.2+cpu"}, record("A", "PyPI", "torch", all, last("2.0.1")), false},
		{"a local version that is the fix", inventory.Package{Type: inventory.PyPI, Name: "x", Version: "2.0.1+fix.2"}, record("A", "PyPI", "x", all, until("2.0.1+fix.2")), false},
		{"a local version before the fix", inventory.Package{Type: inventory.PyPI, Name: "x", Version: "2.0.1+fix.1"}, record("A", "PyPI", "x", all, until("2.0.1+fix.2")), true},
		{"Python's candidate", inventory.Package{Type: inventory.PyPI, Name: "django", Version: "4.2rc1"}, record("A", "PyPI", "Django", all, until("4.2")), true},
		{"PEP 503", inventory.Package{Type: inventory.PyPI, Name: "Ruamel.YAML"}, record("A", "PyPI", "ruamel-yaml", all), true},
		{"Go's candidate", inventory.Package{Type: inventory.Go, Name: "stdlib", Version: "1.27rc1"}, record("A", "Go", "stdlib", from("1.27.0-0"), until("1.27.1")), true},
		{"Go before the range", inventory.Package{Type: inventory.Go, Name: "stdlib", Version: "1.26.9"}, record("A", "Go", "stdlib", from("1.27.0-0"), until("1.27.1")), false},
		{"a vendor's build of the fixed Go", inventory.Package{Type: inventory.Go, Name: "stdlib", Version: "1.26.9-vendor"}, record("A", "Go", "stdlib", all, until("1.26.9")), false},
		{"a vendor's build of an older Go", inventory.Package{Type: inventory.Go, Name: "stdlib", Version: "1.26.8-vendor.2"}, record("A", "Go", "stdlib", all, until("1.26.9")), true},
		{"a module's candidate", inventory.Package{Type: inventory.Go, Name: "example.com/m", Version: "v1.26.9-rc.1"}, record("A", "Go", "example.com/m", all, until("1.26.9")), true},
		{"a pseudo-version", inventory.Package{Type: inventory.Go, Name: "example.com/m", Version: "v0.0.0-20230101000000-abcdefabcdef"}, record("A", "Go", "example.com/m", all, until("0.0.0-20230201000000-abcdefabcdef")), true},
		{"an incompatible major", inventory.Package{Type: inventory.Go, Name: "example.com/m", Version: "v2.0.1+incompatible"}, record("A", "Go", "example.com/m", all, until("2.0.1")), false},
		{"npm's candidate", inventory.Package{Type: inventory.NPM, Name: "x", Version: "1.0.0-rc.1"}, record("A", "npm", "x", all, until("1.0.0")), true},
		{"Maven's release", inventory.Package{Type: inventory.Maven, Name: "g:a", Version: "2.0.0.RELEASE"}, record("A", "Maven", "g:a", all, until("2.0.0")), false},
		{"Maven's milestone after a dot", inventory.Package{Type: inventory.Maven, Name: "g:a", Version: "9.0.0.M3"}, record("A", "Maven", "g:a", all, until("9.0.0-M10")), true},
		{"Maven's milestone before a dotted one", inventory.Package{Type: inventory.Maven, Name: "g:a", Version: "9.0.0-M3"}, record("A", "Maven", "g:a", all, until("9.0.0.M2")), false},
		{"Maven's beta after a dot", inventory.Package{Type: inventory.Maven, Name: "g:a", Version: "9.0.0.Beta1"}, record("A", "Maven", "g:a", from("9.0.0-M1"), until("9.0.71")), false},
		{"Maven's word at the end", inventory.Package{Type: inventory.Maven, Name: "g:a", Version: "1.0-jre"}, record("A", "Maven", "g:a", all, until("1.0.SP2")), false},
		{"introduced again", inventory.Package{Type: inventory.NPM, Name: "x", Version: "3.1.0"}, record("A", "npm", "x", all, until("1.0.0"), from("3.0.0"), until("3.2.0")), true},
		{"between two ranges", inventory.Package{Type: inventory.NPM, Name: "x", Version: "2.0.0"}, record("A", "npm", "x", from("3.0.0"), until("3.2.0"), all, until("1.0.0")), false},
		{"the last affected", inventory.Package{Type: inventory.NPM, Name: "x", Version: "2.0.0"}, record("A", "npm", "x", all, last("2.0.0")), true},
		{"after the last affected", inventory.Package{Type: inventory.NPM, Name: "x", Version: "2.0.1"}, record("A", "npm", "x", all, last("2.0.0")), false},
	} {
		if got := len(found(t, records{c.r}, c.p)) == 1; got != c.affected {
			t.Errorf("%s: affected %v, want %v", c.name, got, c.affected)
		}
	}
}

func TestARecordThatListsVersions(t *testing.T) {
	r := advisory.Record{ID: "MAL-1", Affected: []advisory.Affected{{Package: advisory.Name{Ecosystem: "npm", Name: "x"}, Versions: []string{"1.0.1"}}}}
	if got := found(t, records{r}, inventory.Package{Type: inventory.NPM, Name: "x", Version: "1.0.1"}); !slices.Equal(got, []string{"MAL-1 critical"}) {
		t.Errorf("%q", got)
	}
	if got := found(t, records{r}, inventory.Package{Type: inventory.NPM, Name: "x", Version: "1.0.0"}); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// What is listed is a release of the index, which has no local versions.
func TestARecordThatListsTheReleaseOfALocalVersion(t *testing.T) {
	r := advisory.Record{ID: "A", Affected: []advisory.Affected{{Package: advisory.Name{Ecosystem: "PyPI", Name: "torch"}, Versions: []string{"2.0.1"}}}}
	if got := found(t, records{r}, inventory.Package{Type: inventory.PyPI, Name: "torch", Version: "2.0.1+cu118"}); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := found(t, records{r}, inventory.Package{Type: inventory.PyPI, Name: "torch", Version: "2.0.2+cu118"}); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

func TestNamesOfOneFlawAreOneHit(t *testing.T) {
	p := inventory.Package{Type: inventory.Go, Name: "example.com/m", Version: "v1.0.0", Path: "app/server"}
	git := record("GHSA-1", "Go", "example.com/m", advisory.Event{Introduced: "0"}, advisory.Event{Fixed: "1.0.2"})
	git.Aliases, git.Severity = []string{"CVE-1"}, []advisory.Vector{{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}
	own := record("GO-1", "Go", "example.com/m", advisory.Event{Introduced: "0"}, advisory.Event{Fixed: "1.0.1"})
	own.Aliases, own.Published = []string{"CVE-1"}, time.Unix(1_700_000_000, 0)
	own.Affected[0].Own.Imports = []advisory.Import{{Path: "example.com/m/sub", Symbols: []string{"F"}}}
	withdrawn := record("GHSA-2", "Go", "example.com/m", advisory.Event{Introduced: "0"})
	withdrawn.Withdrawn = &own.Published
	notice := record("DSA-1", "Go", "example.com/m", advisory.Event{Introduced: "0"})
	notice.Upstream = []string{"CVE-1", "CVE-9"} // about several: not the same flaw
	hits, err := advisory.Match([]inventory.Package{p, p}, records{own, git, withdrawn, notice}, func(_ inventory.Package, imports []advisory.Import) advisory.Reach {
		if imports[0].Path != "example.com/m/sub" {
			t.Errorf("asked for %v", imports)
		}
		return advisory.NotCalled
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []advisory.Hit{
		{ID: "GHSA-1", Aliases: []string{"CVE-1", "GO-1"}, Package: p, Severity: advisory.Critical, Score: 9.8, Fixed: []string{"1.0.1", "1.0.2"}, Published: own.Published, Reach: advisory.NotCalled},
		{ID: "DSA-1", Package: p, Severity: advisory.Unknown, Reach: advisory.NotKnown},
	}
	if diff := cmp.Diff(want, hits); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSeverities(t *testing.T) {
	for _, c := range []struct {
		vectors []advisory.Vector
		word    advisory.Word
		want    advisory.Severity
	}{
		{[]advisory.Vector{{Type: "CVSS_V2", Score: "AV:N/AC:L/Au:N/C:C/I:C/A:C"}}, "", advisory.Critical},
		{[]advisory.Vector{{Type: "CVSS_V2", Score: "AV:N/AC:L/Au:N/C:C/I:C/A:C"}, {Type: "CVSS_V3", Score: "CVSS:3.0/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}}, "", advisory.Low},
		{[]advisory.Vector{{Type: "CVSS_V4", Score: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}}, "LOW", advisory.Critical},
		{[]advisory.Vector{{Type: "CVSS_V3", Score: "CVSS:3.1/nonsense"}}, "MODERATE", advisory.Medium},
		{nil, "HIGH", advisory.High},
		{nil, "", advisory.Unknown},
	} {
		r := record("A", "npm", "x", advisory.Event{Introduced: "0"})
		r.Severity, r.Specific.Severity = c.vectors, c.word
		if got := found(t, records{r}, inventory.Package{Type: inventory.NPM, Name: "x", Version: "1.0.0"}); !slices.Equal(got, []string{"A " + string(c.want)}) {
			t.Errorf("%v %q: %q, want %s", c.vectors, c.word, got, c.want)
		}
	}
}

func TestVEX(t *testing.T) {
	hit := advisory.Hit{ID: "GHSA-1", Aliases: []string{"CVE-1"}, Package: inventory.Package{URL: "pkg:npm/x@1.0.0?arch=all"}}
	head := `{"@context": "https://openvex.dev/ns/v0.2.0", "statements": [`
	for _, c := range []struct{ name, statement, dismissed, refused string }{
		{"by package", `{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:npm/x@1.0.0"}], "status": "not_affected", "justification": "vulnerable_code_not_present"}`, "vulnerable_code_not_present", ""},
		{"every version", `{"vulnerability": "GHSA-1", "products": ["pkg:npm/x"], "status": "fixed"}`, "fixed", ""},
		{"by image", `{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "shop/web:v1"}], "status": "not_affected", "impact_statement": "never called"}`, "never called", ""},
		{"by image and package", `{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "shop/web:v1", "subcomponents": [{"@id": "pkg:npm/y@1.0.0"}]}], "status": "fixed"}`, "", ""},
		{"another version", `{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:npm/x@1.0.1"}], "status": "fixed"}`, "", ""},
		{"another flaw", `{"vulnerability": {"name": "CVE-2"}, "products": [{"@id": "pkg:npm/x"}], "status": "fixed"}`, "", ""},
		{"taken back", `{"vulnerability": "CVE-1", "products": ["pkg:npm/x"], "status": "fixed"}, {"vulnerability": "CVE-1", "products": ["pkg:npm/x"], "status": "affected"}`, "", ""},
		{"without a reason", `{"vulnerability": "CVE-1", "products": ["pkg:npm/x"], "status": "not_affected"}`, "", "statement 1 says not_affected without a justification"},
		{"an unknown status", `{"vulnerability": "CVE-1", "products": ["pkg:npm/x"], "status": "fine"}`, "", `statement 1 has the unknown status "fine"`},
		{"no product", `{"vulnerability": "CVE-1", "status": "fixed"}`, "", "statement 1 names no product"},
	} {
		v, err := advisory.ParseVEX([]byte(head + c.statement + "]}"))
		if err != nil || c.refused != "" {
			if err == nil || err.Error() != c.refused {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if got := advisory.Dismiss([]advisory.Hit{hit}, []string{"shop/web:v1"}, []advisory.VEX{v}); got[0].Dismissed != c.dismissed {
			t.Errorf("%s: %q", c.name, got[0].Dismissed)
		}
	}
	if _, err := advisory.ParseVEX([]byte(`{"bomFormat": "CycloneDX"}`)); err == nil {
		t.Error("an SBOM is taken for statements")
	}
}

// FuzzVEX: nothing is dismissed without a reason, or by a status that says nothing of the
// kind.
func FuzzVEX(f *testing.F) {
	f.Add([]byte(`{"@context": "https://openvex.dev/ns/v0.2.0", "statements": [{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "shop/web:v1", "subcomponents": [{"@id": "pkg:npm/x@1.0.0"}]}], "status": "not_affected", "justification": "component_not_present"}]}`))
	f.Add([]byte(`{"@context": "openvex", "statements": [{"vulnerability": "CVE-1", "products": ["pkg:npm/x"], "status": "fixed"}, {"vulnerability": {"@id": "x/CVE-1"}, "products": [{"identifiers": {"purl": "pkg:npm/x"}}], "status": "affected"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := advisory.ParseVEX(data)
		if err != nil {
			return
		}
		hit := advisory.Hit{ID: "GHSA-1", Aliases: []string{"CVE-1"}, Package: inventory.Package{URL: "pkg:npm/x@1.0.0"}}
		got := advisory.Dismiss([]advisory.Hit{hit}, []string{"shop/web:v1"}, []advisory.VEX{v})
		if got[0].Dismissed == "" {
			return
		}
		if !slices.ContainsFunc(v.Statements, func(s advisory.Statement) bool {
			return s.Status == "fixed" && got[0].Dismissed == "fixed" || s.Status == "not_affected" && slices.Contains([]string{s.Justification, s.Impact}, got[0].Dismissed)
		}) {
			t.Errorf("dismissed by nothing: %q", got[0].Dismissed)
		}
	})
}
