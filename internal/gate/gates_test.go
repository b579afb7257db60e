package gate_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/testreport"
)

var today = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// image is one that passes every gate, after a change.
func image(change func(*gate.Image)) *gate.Image {
	img := &gate.Image{
		Name: "shop/web:latest", Digest: "sha256:" + strings.Repeat("a", 64), Dockerfile: "web/Dockerfile", SizeBytes: 100e6, Efficiency: 1, User: "1001:1001",
		Healthcheck: true, BaseCreated: today.AddDate(0, 0, -3), BuildTime: 10 * time.Second, Steps: 8,
		Layers: []gate.Layer{{Digest: "sha256:base", SizeBytes: 80e6, By: "slipway: 4 packages of Debian trixie"}, {Digest: "sha256:own", SizeBytes: 20e6, By: "COPY dist ./dist", Line: 7}},
		Parts:  []gate.Part{{Path: "/usr/bin/node", Bytes: 60e6}, {Path: "/app/node_modules/sharp", Name: "sharp", Bytes: 10e6, Layer: 1}},
	}
	if change != nil {
		change(img)
	}
	return img
}

func tests(cases ...testreport.Case) *testreport.Report { return &testreport.Report{Cases: cases} }

func covered(hits ...int) *testreport.Report {
	lines := map[int]int{}
	for i, h := range hits {
		lines[i+1] = h
	}
	return &testreport.Report{Coverage: []testreport.File{{Path: "src/pay.ts", Lines: lines}}}
}

func hit(id string, severity advisory.Severity, fixed ...string) advisory.Hit {
	return advisory.Hit{ID: id, Severity: severity, Fixed: fixed, Package: inventory.Package{Name: "lodash", Version: "4.17.20", Path: "/app/node_modules/" + id, Layer: "sha256:own"}}
}

func hits(h ...advisory.Hit) gate.Subject {
	return gate.Subject{Image: image(nil), Vulnerabilities: h, Database: &advisory.Database{Ecosystems: []string{"npm"}, Updated: today}}
}

func packages(licences ...string) gate.Subject {
	return gate.Subject{Packages: &inventory.Inventory{Packages: []inventory.Package{{Name: "readline", Version: "8.2", Path: "/usr/lib/libreadline.so", Licences: licences}}}}
}

func of(change func(*gate.Image)) gate.Subject { return gate.Subject{Image: image(change)} }

func since(change func(*gate.Image)) gate.Subject {
	return gate.Subject{Image: image(change), Previous: &gate.Previous{Version: "web:v1", Image: *image(nil)}}
}

// aCase is one gate: what trips it and what passes it.
type aCase struct {
	gate   string
	limits gate.Limits
	trips  gate.Subject
	passes gate.Subject
	code   string
	says   []string // in the text of the finding that trips
	at     string   // place of that finding
}

func cases() []aCase {
	stages := []gate.Stage{{Name: "unit-tests", Result: "passed"}}
	return []aCase{
		{"coverage", gate.Limits{Quality: gate.Quality{Coverage: new(80.0)}}, gate.Subject{Tests: covered(1, 1, 0, 0)}, gate.Subject{Tests: covered(1, 1, 1, 1, 0)},
			"SLP600", []string{"tests run 50 % of the lines", "at least 80 %"}, "src/pay.ts:3"},
		{"changed-coverage", gate.Limits{Quality: gate.Quality{ChangedCoverage: new(90.0)}},
			gate.Subject{Tests: covered(1, 0, 0, 1), Changed: map[string][]int{"src/pay.ts": {2, 3, 4, 9}}}, gate.Subject{Tests: covered(1, 0, 0, 1), Changed: map[string][]int{"src/pay.ts": {1, 4}}},
			"SLP601", []string{"no test runs 2 lines of the change: 2–3"}, "src/pay.ts:2"},
		{"tests", gate.Limits{Quality: gate.Quality{FailedTests: new(0), Tests: new(1)}},
			gate.Subject{Tests: tests(testreport.Case{Stage: "unit-tests", Suite: "pay", Name: "refunds", File: "test/pay.test.ts", Line: 12, Status: testreport.Failed, Message: "expected 3\nto be 4"})},
			gate.Subject{Tests: tests(testreport.Case{Name: "pays", Status: testreport.Passed, Runs: 1})},
			"SLP602", []string{`"pay › refunds" failed: expected 3`}, "test/pay.test.ts:12"},
		{"tests", gate.Limits{Quality: gate.Quality{Tests: new(1)}}, gate.Subject{Tests: &testreport.Report{Empty: []string{"unit-tests"}}, Stages: stages}, gate.Subject{Tests: tests(testreport.Case{Status: testreport.Passed}), Stages: stages},
			"SLP603", []string{"0 tests ran, and at least 1 is required"}, ""},
		{"tests", gate.Limits{Quality: gate.Quality{SkippedTests: new(0)}}, gate.Subject{Tests: tests(testreport.Case{Stage: "unit-tests", Name: "later", Status: testreport.Skipped})},
			gate.Subject{Tests: tests(testreport.Case{Status: testreport.Skipped, Message: "needs a GPU"})},
			"SLP604", []string{`"later" is skipped without a reason`}, ""},
		{"lint", gate.Limits{Quality: gate.Quality{LintErrors: new(0)}},
			gate.Subject{Tests: &testreport.Report{Findings: []testreport.Finding{{Stage: "lint", Tool: "eslint", Rule: "no-undef", Severity: testreport.Error, File: "src/a.ts", Line: 3, Text: "x is not defined"}}}},
			gate.Subject{Tests: &testreport.Report{Findings: []testreport.Finding{{Stage: "lint", Severity: testreport.Warning}}}},
			"SLP606", []string{"eslint no-undef: x is not defined"}, "src/a.ts:3"},
		{"vulnerabilities", gate.Limits{Supply: gate.Supply{Vulnerabilities: map[advisory.Severity]int{advisory.Critical: 0, advisory.High: 1}}},
			hits(hit("GHSA-1", advisory.Critical, "4.17.21")), hits(hit("GHSA-2", advisory.High, "4.17.21"), hit("GHSA-3", advisory.Critical)),
			"SLP607", []string{"lodash 4.17.20 has GHSA-1 (critical)", "in layer 2 (COPY dist ./dist)"}, "/app/node_modules/GHSA-1"},
		{"secrets", gate.Limits{Supply: gate.Supply{Secrets: new(0)}},
			gate.Subject{Image: image(nil), Secrets: &[]gate.Secret{{Rule: "a private key", File: "app/key.pem", Layer: "sha256:own", Where: "layer"}}}, gate.Subject{Secrets: &[]gate.Secret{}},
			"SLP608", []string{"a secret (a private key) is in layer 2 (COPY dist ./dist)"}, "/app/key.pem"},
		{"licences", gate.Limits{Supply: gate.Supply{DeniedLicences: []string{"GPL-3.0-*", "AGPL-*"}}}, packages("MIT AND GPL-3.0-or-later"), packages("GPL-3.0-or-later OR MIT"),
			"SLP609", []string{"readline 8.2 has the licence GPL-3.0-or-later"}, "/usr/lib/libreadline.so"},
		{"size", gate.Limits{Weight: gate.Weight{SizeBytes: new(int64(100e6))}}, of(func(i *gate.Image) { i.SizeBytes = 112e6 }), of(nil),
			"SLP610", []string{"the image is 112 MB, 12 MB over the limit of 100 MB", "the largest part is /usr/bin/node with 60 MB, in layer 1"}, ""},
		{"growth", gate.Limits{Weight: gate.Weight{Growth: new(5.0)}},
			since(func(i *gate.Image) { i.SizeBytes = 130e6; i.Parts[1].Bytes = 40e6 }), since(func(i *gate.Image) { i.SizeBytes = 105e6 }),
			"SLP611", []string{"grew by 30 MB", "sharp (/app/node_modules/sharp) grew: +30 MB in layer 2 (COPY dist ./dist)"}, "web/Dockerfile:7"},
		{"waste", gate.Limits{Weight: gate.Weight{WastedBytes: new(int64(1e6))}},
			of(func(i *gate.Image) {
				i.WastedBytes, i.Wasted = 5e6, []gate.Waste{{Path: "/var/cache/apt/pkgcache.bin", Bytes: 5e6, Layer: 1, By: 1}}
			}), of(func(i *gate.Image) { i.WastedBytes = 1e6 }),
			"SLP612", []string{"5.0 MB of the layers are hidden", "/var/cache/apt/pkgcache.bin of 5.0 MB in layer 2"}, "web/Dockerfile:7"},
		{"efficiency", gate.Limits{Weight: gate.Weight{Efficiency: new(0.9)}}, of(func(i *gate.Image) { i.Efficiency = 0.8999 }), of(func(i *gate.Image) { i.Efficiency = 0.9 }),
			"SLP613", []string{"the layers are 89.9 % efficient, and at least 90 % is required"}, ""},
		{"layers", gate.Limits{Weight: gate.Weight{Layers: new(2)}}, of(func(i *gate.Image) {
			i.Layers = append(i.Layers, gate.Layer{SizeBytes: 12, By: "RUN touch x", Line: 9})
		}), of(nil),
			"SLP614", []string{"the image has 3 layers", "the smallest is layer 3 (RUN touch x) with 12 B"}, "web/Dockerfile:9"},
		{"start-up", gate.Limits{Runtime: gate.Runtime{StartUp: time.Second}}, gate.Subject{Running: &gate.Running{StartUp: 3 * time.Second}}, gate.Subject{Running: &gate.Running{StartUp: time.Second}},
			"SLP615", []string{"healthy after 3.0s, and at most 1.0s"}, ""},
		{"memory", gate.Limits{Runtime: gate.Runtime{MemoryBytes: 50e6}}, gate.Subject{Running: &gate.Running{MemoryBytes: 60e6}}, gate.Subject{Running: &gate.Running{MemoryBytes: 50e6}},
			"SLP616", []string{"holds 60 MB at rest, and at most 50 MB"}, ""},
		{"build-time", gate.Limits{Weight: gate.Weight{BuildTime: new(50.0)}}, since(func(i *gate.Image) { i.BuildTime = 16 * time.Second }), since(func(i *gate.Image) { i.BuildTime = 15 * time.Second }),
			"SLP617", []string{"took 16.0s, 10.0s before"}, ""},
		{"user", gate.Limits{Hardening: gate.Hardening{User: gate.Fail}}, of(func(i *gate.Image) { i.User = "0:0" }), of(nil), "SLP618", []string{"runs as root"}, "web/Dockerfile"},
		{"setuid", gate.Limits{Hardening: gate.Hardening{Setuid: gate.Fail}}, of(func(i *gate.Image) { i.Setuid = []string{"/usr/bin/su"} }), of(nil), "SLP619", []string{"/usr/bin/su runs with other rights"}, "/usr/bin/su"},
		{"shell", gate.Limits{Hardening: gate.Hardening{Shell: gate.Fail}}, of(func(i *gate.Image) { i.Shells = []string{"/bin/sh"} }), of(nil), "SLP620", []string{"the image has a shell, /bin/sh"}, "/bin/sh"},
		{"health", gate.Limits{Hardening: gate.Hardening{Health: gate.Fail}}, of(func(i *gate.Image) { i.Healthcheck = false }), of(nil), "SLP621", []string{"no health check"}, "web/Dockerfile"},
		{"base-age", gate.Limits{Supply: gate.Supply{BaseAge: 30 * 24 * time.Hour, OldBase: gate.Fail}}, of(func(i *gate.Image) { i.BaseCreated = today.AddDate(0, 0, -31) }), of(func(i *gate.Image) { i.BaseCreated = today.AddDate(0, 0, -30) }),
			"SLP622", []string{"31 days old, and at most 30 days"}, ""},
		{"structure", gate.Limits{Hardening: gate.Hardening{Structure: []string{"s.yaml"}}},
			gate.Subject{Structure: []gate.StructureResult{{Name: "no curl", File: "s.yaml", Line: 4, Problem: "/usr/bin/curl exists in the image"}}}, gate.Subject{Structure: []gate.StructureResult{{Name: "no curl"}}},
			"SLP623", []string{`"no curl": /usr/bin/curl exists`}, "s.yaml:4"},
		{"policies", gate.Limits{Supply: gate.Supply{Policies: []string{"p.rego"}}}, gate.Subject{Policies: []gate.PolicyResult{{File: "p.rego", Text: "labels need an owner"}}}, gate.Subject{Policies: []gate.PolicyResult{}},
			"SLP624", []string{"labels need an owner"}, "p.rego"},
		{"policies", gate.Limits{Supply: gate.Supply{Policies: []string{"p.cel"}}}, gate.Subject{Policies: []gate.PolicyResult{{File: "p.cel", Line: 7, Text: "no image is that large"}}}, gate.Subject{Policies: []gate.PolicyResult{}},
			"SLP624", []string{"no image is that large"}, "p.cel:7"},
	}
}

// TestEachGate trips it, passes it, waives it, and holds an ended waiver against it.
func TestEachGate(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.gate+" "+c.code, func(t *testing.T) {
			c.trips.Service, c.passes.Service = "web", "web"
			c.trips.Today, c.passes.Today = today, today
			waiver := config.Waiver{Gate: true, Finding: c.code, Reason: "known", Until: today.AddDate(0, 1, 0), Line: 9}
			ended := waiver
			ended.Until = today.AddDate(0, 0, -1)
			o := pipeline.Gate(c.limits, c.trips, pipeline.Waivers{}, today)
			v := only(t, o, c.gate)
			if v.Result != gate.Failed || !o.Failed() {
				t.Fatalf("it ends %q: %+v", v.Result, v)
			}
			f := v.Findings.Of(diag.Error)[0]
			if f.Code != c.code || f.Place.String() != c.at || !strings.HasPrefix(f.Text, "web: ") {
				t.Errorf("the finding is %s at %q: %s", f.Code, f.Place, f.Text)
			}
			for _, part := range c.says {
				if !strings.Contains(f.Text, part) {
					t.Errorf("%q does not say %q", f.Text, part)
				}
			}
			if lines := v.Waivers("2026-12-29"); len(lines) == 0 || !strings.Contains(lines[0], c.code) {
				t.Errorf("how to waive it: %q", lines)
			}
			if v := only(t, pipeline.Gate(c.limits, c.passes, pipeline.Waivers{}, today), c.gate); v.Result != gate.Passed || v.Limit == "" || v.Actual == "" {
				t.Errorf("what passes ends %+v", v)
			}
			o = pipeline.Gate(c.limits, c.trips, pipeline.Waivers{File: "slipway.yaml", List: []config.Waiver{waiver}}, today)
			if v := only(t, o, c.gate); v.Result != gate.Waived || o.Failed() || !strings.Contains(v.Findings[0].Text, "(waived: known)") {
				t.Errorf("waived, it ends %+v", v)
			}
			o = pipeline.Gate(c.limits, c.trips, pipeline.Waivers{File: "slipway.yaml", List: []config.Waiver{ended}}, today)
			if v := only(t, o, c.gate); v.Result != gate.Failed || !o.Failed() || len(o.Waivers) != 1 || o.Waivers[0].Code != "SLP442" || o.Waivers[0].Place.Line != 9 {
				t.Errorf("with an ended waiver, it ends %+v, %v", v, o.Waivers)
			}
			if o := pipeline.Gate(c.limits, c.passes, pipeline.Waivers{File: "slipway.yaml", List: []config.Waiver{ended}}, today); !o.Failed() {
				t.Error("an ended waiver does not fail by itself")
			}
		})
	}
}

func only(t *testing.T, o gate.Outcome, name string) gate.Verdict {
	t.Helper()
	if len(o.Verdicts) != 1 || o.Verdicts[0].Gate != name {
		t.Fatalf("the gates are %+v", o.Verdicts)
	}
	return o.Verdicts[0]
}

// TestEveryGateIsInTheTable: the table above has each gate of Check.
func TestEveryGateIsInTheTable(t *testing.T) {
	l := gate.Limits{}
	for _, c := range cases() { // all limits together
		one, err := json.Marshal(c.limits)
		if err == nil {
			err = json.Unmarshal(one, &l)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, c := range cases() {
		seen[c.gate] = true
	}
	verdicts := gate.Check(l, gate.Subject{Today: today})
	for _, v := range verdicts {
		if !seen[v.Gate] {
			t.Errorf("%s has no case", v.Gate)
		}
		if v.Result != gate.NotKnown || v.Actual == "" {
			t.Errorf("%s of nothing is %q: %q", v.Gate, v.Result, v.Actual)
		}
	}
	if len(verdicts) != len(seen) {
		t.Errorf("%d gates, %d in the table", len(verdicts), len(seen))
	}
}

// TestWhatIsNotKnown is reported, and fails only under strict.
func TestWhatIsNotKnown(t *testing.T) {
	l := gate.Defaults(gate.About{Planned: true, Type: "http"})
	o := pipeline.Gate(l, gate.Subject{Service: "web", Today: today}, pipeline.Waivers{}, today)
	if o.Failed() {
		t.Errorf("nothing known fails: %s", o.Counts())
	}
	l.Strict = true
	o = pipeline.Gate(l, gate.Subject{Service: "web", Today: today}, pipeline.Waivers{}, today)
	for _, v := range o.Verdicts {
		if v.Result != gate.Failed || v.Findings[0].Code != "SLP625" || v.Findings[0].Place.File != v.Gate {
			t.Errorf("under strict, %s is %+v", v.Gate, v)
		}
	}
	waiver := config.Waiver{Gate: true, Finding: "SLP625", At: "secrets", Reason: "no scanner yet"}
	o = pipeline.Gate(l, gate.Subject{Service: "web", Today: today}, pipeline.Waivers{List: []config.Waiver{waiver}}, today)
	i := slices.IndexFunc(o.Verdicts, func(v gate.Verdict) bool { return v.Gate == "secrets" })
	if o.Verdicts[i].Result != gate.Waived {
		t.Errorf("waived, secrets are %+v", o.Verdicts[i])
	}
}

// TestAWaiverLeavesTheRestToTheLimit: five of which four are allowed pass with one waived.
func TestAWaiverLeavesTheRestToTheLimit(t *testing.T) {
	var all []advisory.Hit
	for _, id := range []string{"A", "B", "C", "D", "E"} {
		all = append(all, hit(id, advisory.High, "2"))
	}
	l := gate.Limits{Supply: gate.Supply{Vulnerabilities: map[advisory.Severity]int{advisory.High: 4}}}
	s := hits(all...)
	if o := pipeline.Gate(l, s, pipeline.Waivers{}, today); len(o.Verdicts[0].Findings.Of(diag.Error)) != 5 {
		t.Errorf("five of four: %+v", o.Verdicts[0])
	}
	if lines := pipeline.Gate(l, s, pipeline.Waivers{}, today).Verdicts[0].Waivers("2026-12-29"); lines[0] != `- {finding: SLP607, at: A, reason: "…", until: 2026-12-29}` {
		t.Errorf("how to waive it: %q", lines)
	}
	byID := config.Waiver{Gate: true, Finding: "SLP607", At: "C", Reason: "not reached"}
	if o := pipeline.Gate(l, s, pipeline.Waivers{List: []config.Waiver{byID}}, today); o.Failed() {
		t.Errorf("waived by its advisory: %+v", o.Verdicts[0])
	}
	waiver := config.Waiver{Gate: true, Finding: "SLP607", At: "/app/node_modules/C", Reason: "not reached"}
	o := pipeline.Gate(l, s, pipeline.Waivers{List: []config.Waiver{waiver}}, today)
	if o.Failed() || o.Verdicts[0].Result != gate.Waived || len(o.Waivers) != 0 {
		t.Errorf("four and a waived one: %+v, %v", o.Verdicts[0], o.Waivers)
	}
	unused := config.Waiver{Gate: true, Finding: "SLP607", At: "/elsewhere", Reason: "gone"}
	o = pipeline.Gate(l, hits(), pipeline.Waivers{List: []config.Waiver{unused}}, today)
	if len(o.Waivers) != 1 || o.Waivers[0].Code != "SLP441" || o.Failed() {
		t.Errorf("a waiver of nothing: %v", o.Waivers)
	}
}

// TestVulnerabilitiesThatDoNotCount: dismissed ones, those that the program cannot
// reach, and those without a fix unless asked for.
func TestVulnerabilitiesThatDoNotCount(t *testing.T) {
	l := gate.Limits{Supply: gate.Supply{Vulnerabilities: map[advisory.Severity]int{advisory.Critical: 0}}}
	dismissed, unreached, unfixed := hit("A", advisory.Critical, "2"), hit("B", advisory.Critical, "2"), hit("C", advisory.Critical)
	dismissed.Dismissed, unreached.Reach = "vulnerable_code_not_present", advisory.NotCalled
	o := pipeline.Gate(l, hits(dismissed, unreached, unfixed), pipeline.Waivers{}, today)
	if v := o.Verdicts[0]; v.Result != gate.Passed || v.Actual != "none (1 without a fix)" || len(v.Findings) != 1 {
		t.Errorf("%+v", v)
	}
	l.Unfixed = true
	if o := pipeline.Gate(l, hits(unfixed), pipeline.Waivers{}, today); !o.Failed() {
		t.Error("an unfixed one that counts passes")
	}
	unsaid := hit("D", advisory.Critical)
	unsaid.FixUnknown = true
	l.Unfixed = false
	if v := pipeline.Gate(l, hits(unsaid), pipeline.Waivers{}, today).Verdicts[0]; v.Result != gate.Failed || !strings.Contains(v.Findings[0].Hint, "does not say which version fixes it") {
		t.Errorf("one whose fix is not known: %+v", v)
	}
	old := hits()
	old.Today = today
	old.Database.Updated, old.Database.Missing = today.AddDate(0, 0, -20), []string{"Debian"}
	if v := pipeline.Gate(l, old, pipeline.Waivers{}, today).Verdicts[0]; v.Result != gate.Warned || len(v.Findings) != 2 {
		t.Errorf("an old database: %+v", v)
	}
	l.Strict = true
	if o := pipeline.Gate(l, old, pipeline.Waivers{}, today); !o.Failed() {
		t.Error("an old database passes under strict")
	}
}

// TestVulnerabilitiesOfUnknownSeverity count as high unless they have a limit of their
// own.
func TestVulnerabilitiesOfUnknownSeverity(t *testing.T) {
	s := hits(hit("GHSA-1", advisory.High, "2"), hit("PYSEC-1", advisory.Unknown, "2"))
	pooled := gate.Limits{Supply: gate.Supply{Vulnerabilities: map[advisory.Severity]int{advisory.High: 1}, UnknownAsHigh: true}}
	v := pipeline.Gate(pooled, s, pipeline.Waivers{}, today).Verdicts[0]
	if v.Result != gate.Failed || v.Limit != "at most 1 high or unknown" || v.Actual != "1 high, 1 unknown" {
		t.Errorf("one of each, at most one: %+v", v)
	}
	if text := v.Findings.Of(diag.Error)[1].Text; !strings.Contains(text, "PYSEC-1 (unknown), which no database has rated; it counts as high") {
		t.Errorf("%s", text)
	}
	pooled.Vulnerabilities[advisory.High] = 2
	if o := pipeline.Gate(pooled, s, pipeline.Waivers{}, today); o.Failed() {
		t.Errorf("one of each, at most two: %+v", o.Verdicts[0])
	}
	own := gate.Limits{Supply: gate.Supply{Vulnerabilities: map[advisory.Severity]int{advisory.High: 1, advisory.Unknown: 0}}}
	if v := pipeline.Gate(own, s, pipeline.Waivers{}, today).Verdicts[0]; v.Result != gate.Failed || v.Limit != "at most 1 high, no unknown" {
		t.Errorf("a limit of its own: %+v", v)
	}
	lent := hit("PYSEC-2", advisory.Medium, "2")
	lent.RatedBy = "GHSA-2"
	own.Vulnerabilities[advisory.Medium] = 0
	if v := pipeline.Gate(own, hits(lent), pipeline.Waivers{}, today).Verdicts[0]; !strings.Contains(v.Findings[0].Text, "PYSEC-2 (medium), rated by GHSA-2") {
		t.Errorf("%+v", v)
	}
}

// TestAnImageThatDoesNotStart fails the gate of its start-up, not the command.
func TestAnImageThatDoesNotStart(t *testing.T) {
	l := gate.Limits{Runtime: gate.Runtime{StartUp: time.Second, MemoryBytes: 1}}
	all := gate.Check(l, gate.Subject{Running: &gate.Running{Failed: "it ended with exit code 1"}})
	if all[0].Result != gate.Failed || !strings.Contains(all[0].Findings[0].Text, "did not become healthy: it ended with exit code 1") || all[1].Result != gate.NotKnown {
		t.Errorf("%+v", all)
	}
}

// TestNoReportIsNotNoTest: a stage that passed and left nothing to count is not known,
// which fails under strict; a report without a case says that nothing ran.
func TestNoReportIsNotNoTest(t *testing.T) {
	l := gate.Limits{Quality: gate.Quality{FailedTests: new(0), Tests: new(1)}}
	s := gate.Subject{Tests: tests(), Stages: []gate.Stage{{Name: "lint", Result: "passed"}, {Name: "unit-tests", Result: "passed"}}}
	s.Tests.Empty = []string{"lint"} // of a linter that writes JUnit XML
	if v := gate.Check(l, s)[0]; v.Gate != "tests" || v.Result != gate.NotKnown || len(v.Findings) != 1 || v.Findings[0].Severity != diag.Info {
		t.Errorf("no report: %+v", v)
	}
	s.Tests.Empty = []string{"unit-tests"}
	if v := gate.Check(l, s)[0]; v.Result != gate.Failed || !strings.Contains(v.Findings[0].Text, "0 tests ran") {
		t.Errorf("an empty report: %+v", v)
	}
	s.Tests.Empty, s.Tests.Problems = nil, []testreport.Unreadable{{Stage: "unit-tests", File: "junit.xml", Text: "the file is empty"}}
	if v := gate.Check(l, s)[0]; v.Result != gate.Failed {
		t.Errorf("a broken report: %+v", v)
	}
}

func TestFlakyAndBrokenReportsWarn(t *testing.T) {
	l := gate.Defaults(gate.About{})
	s := gate.Subject{Tests: tests(testreport.Case{Stage: "e2e-tests", Name: "buys", Status: testreport.Flaky, Runs: 2})}
	s.Tests.Problems = []testreport.Unreadable{{Stage: "e2e-tests", File: "junit.xml", Line: 3, Text: "the file ends early"}}
	v := gate.Check(gate.Limits{Quality: l.Quality}, s)[1]
	if v.Gate != "tests" || v.Result != gate.Warned || v.Actual != "1 ran, 1 flaky" || len(v.Findings) != 2 {
		t.Errorf("%+v", v)
	}
}

func outcomes() []gate.Outcome {
	l := gate.Defaults(gate.About{Planned: true, Type: "http"})
	s := since(func(i *gate.Image) {
		i.SizeBytes, i.Parts[1].Bytes = 130e6, 40e6
		i.User, i.Shells = "", []string{"/bin/sh"}
	})
	s.Service, s.Today = "web", today
	s.Secrets = &[]gate.Secret{{Rule: "a private key\x1b[31m", File: "src/key of.pem", Line: 3, Where: "sources"}}
	w := pipeline.Waivers{File: "slipway.yaml", List: []config.Waiver{{Gate: true, Finding: "SLP620", At: "/bin/sh", Reason: "the entrypoint is a script"}, {Gate: true, Finding: "SLP619", Reason: "old", Until: today.AddDate(0, 0, -2), Line: 12}}}
	return []gate.Outcome{pipeline.Gate(l, s, w, today)}
}

func TestScreen(t *testing.T) {
	var b bytes.Buffer
	if err := gate.Write(&b, outcomes()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"web  shop/web:latest  sha256:aaaaaaaaaaaa\n",
		"GATE             LIMIT", "growth           at most 5 %", "130 MB", "+30 MB (+30.0 %)  failed",
		"changes since web:v1\n",
		"web/Dockerfile:7: error: web: the image grew by 30 MB (+30.0 %), from 100 MB to 130 MB",
		"(waived: the entrypoint is a script) [SLP620]",
		"slipway.yaml:12: error: web: the waiver of SLP619 ended on 2026-11-27 (old) [SLP442]",
		"write below services: web: in slipway.yaml:\n    waivers:\n",
		`      - {finding: SLP611, at: web/Dockerfile, reason: "…", until: 2026-12-29}` + "\n",
		`      - {finding: SLP608, at: "src/key of.pem", reason: "…", until: 2026-12-29}` + "\n",
		"3 failed, 1 waived", "1 ended waiver\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("a control character reaches the terminal")
	}
}
