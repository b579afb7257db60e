package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	figures := []Figure{
		atMost("image, unpacked", 110, 108.4, "MB", "largest of 10 images"),
		medianAtMost("slipway --help", 30, []float64{31, 40, 12}, "ms", ""),
		info("nothing changed: bake", []float64{0.42}, "s", "0.42 s"),
		{Name: "the cold fleet", Note: "buildx: exit status 1\nno space left\n", Verdict: Failed},
	}
	var got bytes.Buffer
	writeTable(&got, figures)
	want := `FIGURE                 GOAL      MEASURED  VERDICT  NOTE
image, unpacked        ≤ 110 MB  108.4 MB  ok       largest of 10 images
slipway --help         ≤ 30 ms   31 ms     miss     
nothing changed: bake  -         0.420 s   info     0.42 s
the cold fleet         -         -         failed   see below

the cold fleet could not be measured:
  buildx: exit status 1
  no space left
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestNumber(t *testing.T) {
	for want, got := range map[string]string{
		"12": number(12, ""), "0.087 ×": number(0.0871, "×"), "3.70 s": number(3.7, "s"),
		"54.8 s": number(54.81, "s"), "1235 MB": number(1234.6, "MB"), "0 MB": number(0, "MB"),
	} {
		if got != want {
			t.Errorf("number = %q, want %q", got, want)
		}
	}
}

func TestAGoalIsReachedExactlyAtItsLimit(t *testing.T) {
	if f := atMost("layers", 12, 12, "", ""); f.Verdict != OK {
		t.Errorf("verdict at the limit = %s, want ok", f.Verdict)
	}
	if f := atMost("layers", 12, 13, "", ""); f.Verdict != Miss {
		t.Errorf("verdict above the limit = %s, want miss", f.Verdict)
	}
}

func TestReportIsSavedAsJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "results.json")
	report := Report{Took: "1m0s", Machine: Machine{Cores: 2}, Figures: []Figure{atMost("binary", 90, 95, "MB", "")}}
	if err := report.save(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if !got.missed() {
		t.Error("a report with a missed goal counts as reached")
	}
}

func TestChoose(t *testing.T) {
	chosen, err := choose(measurements(), "size,base")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range chosen {
		names = append(names, m.name)
	}
	if diff := cmp.Diff([]string{"base", "size"}, names); diff != "" {
		t.Errorf("cases, in the order of the run (-want +got):\n%s", diff)
	}
	if _, err := choose(measurements(), "sizes"); err == nil {
		t.Error("an unknown case was accepted")
	}
}
