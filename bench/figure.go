package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Verdict says whether a figure holds.
type Verdict string

// The verdicts. Info is a figure without a goal, Failed one that could not be measured.
const (
	OK     Verdict = "ok"
	Miss   Verdict = "miss"
	Info   Verdict = "info"
	Failed Verdict = "failed"
)

// Figure is one measured number. Limit is the highest value that is good
// enough, in Unit; Samples are the single measurements behind a median.
type Figure struct {
	Name     string    `json:"name"`
	Unit     string    `json:"unit,omitempty"`
	Limit    float64   `json:"limit,omitempty"`
	Measured float64   `json:"measured"`
	Samples  []float64 `json:"samples,omitempty"`
	Verdict  Verdict   `json:"verdict"`
	Note     string    `json:"note,omitempty"`
}

// atMost judges a measured value against the highest that is good enough.
func atMost(name string, limit, measured float64, unit, note string) Figure {
	f := Figure{Name: name, Unit: unit, Limit: limit, Measured: measured, Note: note, Verdict: OK}
	if measured > limit {
		f.Verdict = Miss
	}
	return f
}

// medianAtMost judges the median of several measurements.
func medianAtMost(name string, limit float64, samples []float64, unit, note string) Figure {
	f := atMost(name, limit, median(samples), unit, note)
	f.Samples = samples
	return f
}

// info is a figure that no goal is set for.
func info(name string, samples []float64, unit, note string) Figure {
	return Figure{Name: name, Unit: unit, Measured: median(samples), Samples: samples, Note: note, Verdict: Info}
}

// Report is one run of the benchmark.
type Report struct {
	Began   time.Time `json:"began"`
	Took    string    `json:"took"`
	Machine Machine   `json:"machine"`
	Figures []Figure  `json:"figures"`
}

// missed tells whether a goal was not reached or could not be measured.
func (r Report) missed() bool {
	for _, f := range r.Figures {
		if f.Verdict == Miss || f.Verdict == Failed {
			return true
		}
	}
	return false
}

// save writes the report as JSON.
func (r Report) save(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}
