package pipeline

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

func day(t *testing.T, s string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestWaivedFindings stay visible, with the reason, and do not fail the build.
func TestWaivedFindings(t *testing.T) {
	found := diag.Findings{
		{Code: "SLP365", Severity: diag.Warning, Place: diag.Place{File: "/app/node_modules/canvas/canvas.node"}, Text: "web: needs libx", Hint: "add libx"},
		{Code: "SLP368", Place: diag.Place{File: "web/src/main.ts", Line: 3}, Text: "web: imports a", Hint: "add a"},
		{Code: "SLP368", Place: diag.Place{File: "web/src/other.ts", Line: 9}, Text: "web: imports b", Hint: "add b"},
	}
	for _, c := range []struct {
		name   string
		waives []config.Waiver
		want   []string
	}{
		{"none", nil, []string{"warning SLP365", "error SLP368", "error SLP368"}},
		{"a file", []config.Waiver{{Finding: "SLP368", At: "web/src/main.ts", Reason: "a hook"}}, []string{"warning SLP365", "info SLP368 web: imports a (waived: a hook)", "error SLP368"}},
		{"a directory", []config.Waiver{{Finding: "SLP368", At: "web/src/", Reason: "r"}}, []string{"warning SLP365", "info SLP368", "info SLP368"}},
		{"a pattern", []config.Waiver{{Finding: "SLP368", At: "web/*/o*.ts", Reason: "r"}}, []string{"warning SLP365", "error SLP368", "info SLP368"}},
		{"everywhere", []config.Waiver{{Finding: "SLP368", Reason: "r"}, {Finding: "SLP365", Reason: "s"}}, []string{"info SLP365", "info SLP368", "info SLP368"}},
		{"a part of a name is no directory", []config.Waiver{{Finding: "SLP368", At: "web/src/ma", Reason: "r", Line: 7}}, []string{"warning SLP365", "warning SLP441 web: the waiver of SLP368 at web/src/ma waives nothing … correct at: the finding is at web/src/main.ts", "error SLP368", "error SLP368"}},
		{"nothing", []config.Waiver{{Finding: "SLP371", Reason: "r", Line: 7}}, []string{"warning SLP365", "warning SLP441 web: the waiver of SLP371 waives nothing … delete the waiver", "error SLP368", "error SLP368"}},
		{"one of two", []config.Waiver{{Finding: "SLP368", Reason: "r"}, {Finding: "SLP368", At: "web/src/main.ts", Reason: "s"}}, []string{"warning SLP365", "info SLP368 web: imports a (waived: r)", "info SLP368"}},
		{"brackets in a name", []config.Waiver{{Finding: "SLP368", At: "web/[id]/a.ts", Reason: "r"}}, []string{"warning SLP365", "info SLP368", "error SLP368", "error SLP368"}},
	} {
		found := slices.Clone(found)
		if c.name == "brackets in a name" {
			found = append(found, diag.Finding{Code: "SLP368", Place: diag.Place{File: "web/[id]/a.ts"}})
		}
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			got := Waivers{File: "slipway.yaml", List: c.waives}.apply(found, "web")
			if len(got) != len(c.want) {
				t.Fatalf("findings:\n%v", got)
			}
			for i, want := range c.want {
				line := got[i].Severity.String() + " " + got[i].Code + " " + got[i].Text + "; " + got[i].Hint
				for part := range strings.SplitSeq(want, " … ") {
					if !strings.Contains(line, part) {
						t.Errorf("the finding is\n%s\nwithout %q", line, part)
					}
				}
			}
		})
	}
	if found[1].Severity != diag.Error {
		t.Error("the findings that were given changed")
	}
}

// TestAWaivedImageIsBuilt: it gets its name, and the finding is in the result.
func TestAWaivedImageIsBuilt(t *testing.T) {
	w := newWorld()
	b, j := w.build(), job("web")
	b.Prover = &judge{findings: map[string]diag.Findings{"web": {{Code: "SLP360", Text: "web: no program"}}}}
	j.Waivers = Waivers{File: "slipway.yaml", List: []config.Waiver{{Finding: "SLP360", Reason: "a volume has it"}}}
	built, err := b.Run(t.Context(), []Job{j})
	if err != nil || cmp.Diff([]string{"x/web:1"}, w.tagged) != "" || len(built[0].Findings) != 1 || built[0].Findings[0].Severity != diag.Info {
		t.Errorf("%v, named %v, findings %v", err, w.tagged, built[0].Findings)
	}
}

// TestAnEndedWaiverFails on the day after its last one, whether or not the image
// changed.
func TestAnEndedWaiverFails(t *testing.T) {
	now := day(t, "2026-11-28").Add(23 * time.Hour)
	for until, fails := range map[string]bool{"2026-11-27": true, "2026-11-28": false, "2026-11-29": false, "2025-01-01": true} {
		for _, unchanged := range []bool{false, true} {
			w := newWorld()
			b, j := w.build(), job("web")
			b.Now = func() time.Time { return now }
			b.Prover = &judge{findings: map[string]diag.Findings{"web": {{Code: "SLP360", Text: "web: no program"}}}}
			if unchanged {
				b.History = &knowsAll{}
			}
			j.Waivers = Waivers{File: "slipway.yaml", List: []config.Waiver{{Finding: "SLP360", Reason: "fixed soon", Until: day(t, until), Line: 5}}}
			_, err := b.Run(t.Context(), []Job{j})
			if (err != nil) != fails || len(w.tagged) == 0 != fails {
				t.Errorf("until %s, unchanged %v: named %v: %v", until, unchanged, w.tagged, err)
			}
			if fails && !strings.Contains(err.Error(), "slipway.yaml:5: error: web: the waiver of SLP360 ended on "+until+" (fixed soon) [SLP442]\n  hint: fix the finding and delete the waiver") {
				t.Errorf("%v", err)
			}
		}
	}
}

// TestWaiversArePartOfTheRecipe, in any order, but not their reasons.
func TestWaiversArePartOfTheRecipe(t *testing.T) {
	a, b := config.Waiver{Finding: "SLP360", Reason: "x"}, config.Waiver{Finding: "SLP371", At: "a/*"}
	if one, two := (Waivers{List: []config.Waiver{a, b}}).Recipe(), (Waivers{List: []config.Waiver{b, {Finding: "SLP360", Reason: "y"}}}).Recipe(); one != two || one != "SLP360, SLP371 at a/*" {
		t.Errorf("%q and %q", one, two)
	}
	if got := (Waivers{}).Recipe(); got != "" {
		t.Errorf("without waivers: %q", got)
	}
}
