package audit

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/release"
)

// shipped is a log with a release that went to production as it should, one that nobody
// approved, and one that was approved by who deployed it.
func shipped(t *testing.T) Files {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l := opened(t, dir)
	at := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	l.now = func() time.Time { at = at.Add(time.Hour); return at }
	one := map[string]string{"web": "sha256:" + strings.Repeat("1", 64)}
	source := release.Source{Commit: strings.Repeat("c", 40)}
	for _, r := range []struct {
		who string
		Record
	}{
		{"dev", Record{Action: BuiltRelease, Version: "v1", Digests: one, Origin: source, Result: OK}},                   // 1
		{"ci", Record{Action: Gates, Version: "v1", Result: OK}},                                                         // 2
		{"boss", Record{Action: Approved, Version: "v1", Environment: "production", Result: OK}},                         // 3
		{"dev", Record{Action: DeployStarted, Version: "v1", Environment: "production", Digests: one}},                   // 4
		{"dev", Record{Action: Deployed, Version: "v1", Environment: "production", Digests: one, Result: OK}},            // 5
		{"dev", Record{Action: Gates, Version: "v2", Result: Failed}},                                                    // 6
		{"dev", Record{Action: Deployed, Version: "v2", Environment: "production", Digests: one, Result: OK}},            // 7
		{"dev", Record{Action: BuiltRelease, Version: "v3", Digests: map[string]string{"web": "sha256:2"}, Result: OK}},  // 8
		{"dev", Record{Action: Gates, Version: "v3", Result: OK}},                                                        // 9
		{"dev", Record{Action: Approved, Version: "v3", Environment: "production", Result: OK}},                          // 10
		{"dev", Record{Action: Approved, Version: "v3", Environment: "staging", Result: OK}},                             // 11
		{"dev", Record{Action: RolledBack, Version: "v3", Environment: "production", Digests: one, Result: "p95 | <b>"}}, // 12
	} {
		r.Fleet, l.actor = "shop", Actor{Name: r.who + "@machine", UID: len(r.who)}
		if err := l.Append(r.Record); err != nil {
			t.Fatal(err)
		}
	}
	return files(t, dir)
}

func TestDeploysAreTracedToReleaseGatesAndApproval(t *testing.T) {
	s, err := StandardOf("soc2")
	if err != nil {
		t.Fatal(err)
	}
	e := shipped(t).ExportFor(s, Trust{}, Period{}, time.Unix(0, 0))
	at := func(hour int) time.Time { return time.Date(2026, 10, 1, 12+hour, 0, 0, 0, time.UTC) }
	want := []Change{
		{Record: 5, At: at(5), Action: Deployed, Environment: "production", Fleet: "shop", Version: "v1", Result: OK, By: "dev@machine", Commit: strings.Repeat("c", 40),
			Released: 1, Gates: 2, GatesResult: OK, Approved: 3, ApprovedBy: "boss@machine", Gaps: []string{}},
		{Record: 7, At: at(7), Action: Deployed, Environment: "production", Fleet: "shop", Version: "v2", Result: OK, By: "dev@machine",
			Gates: 6, GatesResult: Failed, Gaps: []string{"no record of the release", "gates: failed", "no record of an approval", "no commit"}},
		{Record: 12, At: at(12), Action: RolledBack, Environment: "production", Fleet: "shop", Version: "v3", Result: "p95 | <b>", By: "dev@machine",
			Released: 8, Gates: 9, GatesResult: OK, Approved: 10, ApprovedBy: "dev@machine", Gaps: []string{"approved by who deployed", "other digests than the release", "no commit"}},
	}
	if diff := cmp.Diff(want, e.Changes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	text := e.Markdown()
	for _, part := range []string{
		"| 12 | 2026-10-02T00:00:00Z | production | shop | v3 |  | rolled-back | p95 \\| &lt;b&gt; | dev@machine | 8 | 9 ok | 10 dev@machine | approved by who deployed; other digests than the release; no commit |\n",
		"| 3 approved | 3, 10–11 |", "- 12 records, 0 checkpoints; 2026-10-01T13:00:00Z to 2026-10-02T00:00:00Z\n", "- note: no checkpoint is signed by a trusted key\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("it lacks %q:\n%s", part, text)
		}
	}
}

func TestAPeriodHasItsRecordsAlone(t *testing.T) {
	f := shipped(t)
	s, err := StandardOf("pci-dss")
	if err != nil {
		t.Fatal(err)
	}
	period := Period{From: time.Date(2026, 10, 1, 18, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 1, 20, 0, 0, 0, time.UTC)}
	e := f.ExportFor(s, Trust{}, period, time.Unix(0, 0))
	if e.Records != 2 || e.Verification.Records != 12 || len(e.Changes) != 1 || e.Changes[0].Record != 7 {
		t.Errorf("the export has %d of %d records, and deploys %+v", e.Records, e.Verification.Records, e.Changes)
	}
	all, err := f.ExportAll(Trust{}, period, time.Unix(0, 0))
	if err != nil || len(all.Records) != 2 || all.Records[0].Seq != 6 {
		t.Errorf("the records are %+v (%v)", all.Records, err)
	}
}

// TestControlsSayWhatTheyLack: each control has a number of its standard, says what
// Slipway does not show, and has records exactly when there is something to show.
func TestControlsSayWhatTheyLack(t *testing.T) {
	forms := map[string]*regexp.Regexp{"soc2": regexp.MustCompile(`^CC[6-8]\.\d$`), "pci-dss": regexp.MustCompile(`^(6|10)(\.\d){1,3}$`)}
	for _, s := range Standards() {
		seen := map[string]bool{}
		for _, c := range s.Controls {
			if !forms[s.Word].MatchString(c.ID) || seen[c.ID+c.Topic] {
				t.Errorf("%s: %s, %s", s.Word, c.ID, c.Topic)
			}
			seen[c.ID+c.Topic] = true
			records := c.all || len(c.actions) > 0
			if c.Topic == "" || c.Lacks == "" || (c.Gives == Nothing) != (c.Shows == "") || c.Gives == Nothing && records || c.Gives == Evidence && !records {
				t.Errorf("%s %s, %s: gives %s, shows %q, lacks %q", s.Word, c.ID, c.Topic, c.Gives, c.Shows, c.Lacks)
			}
		}
	}
	for word, hint := range map[string]string{"soc": "did you mean --for soc2?", "iso27001": "choose --for soc2, pci-dss or json", "jsn": "did you mean --for json?"} {
		if _, err := StandardOf(word); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) != hint {
			t.Errorf("%s: %v, %q", word, err, diag.HintOf(err))
		}
	}
}

func TestRanges(t *testing.T) {
	for want, numbers := range map[string][]uint64{"": nil, "7": {7}, "1, 4–9, 11": {1, 4, 5, 6, 7, 8, 9, 11}, "1–2": {1, 2}} {
		if got := Ranges(numbers); got != want {
			t.Errorf("%v is %q, not %q", numbers, got, want)
		}
	}
}
