package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/report"
)

// row is one measured thing: its median on both sides in base units.
type row struct {
	name    string
	key     string // of JSON
	of      func(Figures) float64
	show    func(float64) string
	better  string // "faster", "smaller", "fewer"; what less is called
	worse   string
	integer bool
}

func rows() []row {
	duration := func(f func(Figures) time.Duration) func(Figures) float64 {
		return func(x Figures) float64 { return float64(f(x)) }
	}
	took := func(v float64) string { return seconds(time.Duration(v)) }
	megabytes := func(v float64) string { return fmt.Sprintf("%.1f MB", v/1e6) }
	return []row{
		{name: "cold build", key: "cold_ms", of: duration(func(f Figures) time.Duration { return f.Cold }), show: took, better: "faster", worse: "slower"},
		{name: "rebuild after a source change", key: "source_change_ms", of: duration(func(f Figures) time.Duration { return f.Source }), show: took, better: "faster", worse: "slower"},
		{name: "rebuild after a dependency change", key: "dependency_change_ms", of: duration(func(f Figures) time.Duration { return f.Dependencies }), show: took, better: "faster", worse: "slower"},
		{name: "image, unpacked", key: "size_bytes", of: func(f Figures) float64 { return float64(f.SizeBytes) }, show: megabytes, better: "smaller", worse: "larger"},
		{name: "layers", key: "layers", of: func(f Figures) float64 { return float64(f.Layers) }, show: func(v float64) string { return fmt.Sprintf("%.0f", v) }, better: "fewer", worse: "more", integer: true},
		{name: "start-up until healthy", key: "ready_ms", of: duration(func(f Figures) time.Duration { return f.Ready }), show: took, better: "faster", worse: "slower"},
		{name: "memory at rest", key: "memory_bytes", of: func(f Figures) float64 { return float64(f.MemoryBytes) }, show: megabytes, better: "less", worse: "more"},
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// medians are those of a row on both sides.
func (r Result) medians(of func(Figures) float64) (before, after float64) {
	var m [2]float64
	for i, samples := range r.Samples {
		values := make([]float64, len(samples))
		for j, f := range samples {
			values[j] = of(f)
		}
		m[i] = median(values)
	}
	return m[0], m[1]
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// change says in words what became of a value.
func (w row) change(before, after float64) string {
	switch d := after - before; {
	case before == 0 || after == 0:
		return ""
	case w.integer && d == 0:
		return "the same"
	case w.integer && d < 0:
		return fmt.Sprintf("%.0f %s", -d, w.better)
	case w.integer:
		return fmt.Sprintf("%.0f %s", d, w.worse)
	case math.Abs(d)/before < 0.005:
		return "the same"
	case d < 0:
		return fmt.Sprintf("%.0f %% %s", -d/before*100, w.better)
	default:
		return fmt.Sprintf("%.0f %% %s", d/before*100, w.worse)
	}
}

// Write prints the table for people.
func Write(out io.Writer, r Result) error {
	var b strings.Builder
	runs := "1 run"
	if n := len(r.Samples[0]); n > 1 {
		runs = fmt.Sprintf("medians of %d runs", n)
	}
	fmt.Fprintf(&b, "%s: %s against %s, %s\n\n", r.Name, r.Sides[0].From, r.Sides[1].From, runs)
	const form = "%-34s %14s %14s   %s"
	print := func(cells ...any) { b.WriteString(strings.TrimRight(fmt.Sprintf(form, cells...), " ") + "\n") }
	print("", r.Sides[0].Name, r.Sides[1].Name, "change")
	for _, w := range rows() {
		before, after := r.medians(w.of)
		shown := func(v float64) string {
			if v == 0 {
				return "-"
			}
			return w.show(v)
		}
		print(w.name, shown(before), shown(after), w.change(before, after))
	}
	fmt.Fprintf(&b, "\nsource change: %s\ndependency change: %s\n", r.SourceChange, r.DependencyChange)
	b.WriteString("cold: base images exist; build cache and downloaded packages do not\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// WriteJSON prints medians, ratios (after divided by before) and every sample.
func WriteJSON(out io.Writer, r Result) error {
	type side struct {
		Name    string               `json:"name"`
		From    string               `json:"from"`
		Median  map[string]float64   `json:"median"`
		Samples []map[string]float64 `json:"samples"`
	}
	doc := struct {
		Directory        string             `json:"directory"`
		Runs             int                `json:"runs"`
		Before           side               `json:"before"`
		After            side               `json:"after"`
		Ratio            map[string]float64 `json:"ratio"`
		SourceChange     string             `json:"source_change"`
		DependencyChange string             `json:"dependency_change"`
	}{Directory: r.Name, Runs: len(r.Samples[0]), Ratio: map[string]float64{}, SourceChange: r.SourceChange, DependencyChange: r.DependencyChange}
	sides := [2]*side{&doc.Before, &doc.After}
	for i, s := range sides {
		*s = side{Name: r.Sides[i].Name, From: r.Sides[i].From, Median: map[string]float64{}}
		for _, f := range r.Samples[i] {
			sample := map[string]float64{}
			for _, w := range rows() {
				sample[w.key] = w.inKey(w.of(f))
			}
			s.Samples = append(s.Samples, sample)
		}
	}
	for _, w := range rows() {
		before, after := r.medians(w.of)
		doc.Before.Median[w.key], doc.After.Median[w.key] = w.inKey(before), w.inKey(after)
		if before != 0 && after != 0 {
			doc.Ratio[strings.TrimSuffix(strings.TrimSuffix(w.key, "_ms"), "_bytes")] = math.Round(after/before*1e4) / 1e4
		}
	}
	return report.JSON(out, doc)
}

// inKey turns a value into the unit that the row's key names.
func (w row) inKey(v float64) float64 {
	if strings.HasSuffix(w.key, "_ms") {
		return math.Round(v / float64(time.Millisecond))
	}
	return math.Round(v)
}
