package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// ServiceStats are the figures of one service's image on one platform. Sizes
// are bytes, unpacked where the name does not say otherwise. Steps is 0 when
// nothing was built.
type ServiceStats struct {
	Service         string
	Image           string // name
	Digest          string
	Platform        string
	SizeBytes       int64
	CompressedBytes int64
	Layers          int
	SharedBytes     int64 // in layers that another image of the fleet has too
	OwnBytes        int64
	Steps           int
	CachedSteps     int
	Duration        time.Duration
	PeakMemory      int64         // bytes that its build steps held at once, at most; 0 when not measured
	Unchanged       bool          // nothing was built
	Reasons         []string      // why it was built
	Findings        diag.Findings // about the image, when it was built now
}

// Stats are the figures of a fleet; every layer counts once in the unique sizes.
type Stats struct {
	Services              []ServiceStats
	UniqueBytes           int64
	UniqueCompressedBytes int64
	Duration              time.Duration // of the whole command; 0 when nothing was built
}

// sorted returns the services by name and platform.
func (s Stats) sorted() []ServiceStats {
	out := slices.Clone(s.Services)
	slices.SortStableFunc(out, func(a, b ServiceStats) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Platform, b.Platform))
	})
	return out
}

// WriteStats writes the statistics block and the table after it.
func WriteStats(w io.Writer, stats Stats) error {
	var b strings.Builder
	b.WriteString("=== Build Statistics ===\n")
	services := stats.sorted()
	platforms := map[string]int{}
	for _, s := range services {
		if platforms[s.Service]++; platforms[s.Service] == 1 {
			fmt.Fprintf(&b, "%s: Size=%dMB, Layers=%d\n", s.Service, megabytes(s.SizeBytes), s.Layers)
		}
	}
	b.WriteString("\n")
	var rows [][]string
	for _, s := range services {
		name := s.Service
		if platforms[name] > 1 {
			name += " " + s.Platform
		}
		rows = append(rows, []string{
			name, Bytes(s.SizeBytes), Bytes(s.CompressedBytes), strconv.Itoa(s.Layers),
			Bytes(s.SharedBytes), Bytes(s.OwnBytes), cachedSteps(s), spent(s.Duration), because(s),
		})
	}
	columns := []string{"SERVICE", "SIZE", "COMPRESSED", "LAYERS", "SHARED", "OWN", "CACHED", "TIME", "<BECAUSE"}
	if !slices.ContainsFunc(services, func(s ServiceStats) bool { return because(s) != "" }) {
		columns = columns[:len(columns)-1]
		for i := range rows {
			rows[i] = rows[i][:len(columns)]
		}
	}
	if err := Table(&b, columns, rows); err != nil {
		return err
	}
	verb := "take"
	if len(services) == 1 {
		verb = "takes"
	}
	fmt.Fprintf(&b, "\n%s %s %s unpacked and %s compressed, shared layers counted once", count(len(services), "image"), verb,
		Bytes(stats.UniqueBytes), Bytes(stats.UniqueCompressedBytes))
	if stats.Duration > 0 {
		fmt.Fprintf(&b, "; built in %s", Duration(stats.Duration))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// megabytes rounds to whole decimal megabytes, half up; what is not empty is at least 1.
func megabytes(n int64) int64 {
	if n <= 0 {
		return 0
	}
	return max(1, int64(math.Floor(float64(n)/1e6+0.5)))
}

func cachedSteps(s ServiceStats) string {
	if s.Steps == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", s.CachedSteps, s.Steps)
}

// because says why a service was built, or that it was not.
func because(s ServiceStats) string {
	if s.Unchanged {
		return "unchanged"
	}
	return reason(s.Reasons)
}

func spent(d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return Duration(d)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// statsJSON and serviceJSON fix the keys of the JSON form; they are an interface
// to scripts and only grow.
type statsJSON struct {
	Services              []serviceJSON `json:"services"`
	UniqueBytes           int64         `json:"unique_bytes"`
	UniqueCompressedBytes int64         `json:"unique_compressed_bytes"`
	DurationMS            int64         `json:"duration_ms"`
}

type serviceJSON struct {
	Service         string        `json:"service"`
	Image           string        `json:"image"`
	Digest          string        `json:"digest"`
	Platform        string        `json:"platform"`
	SizeBytes       int64         `json:"size_bytes"`
	CompressedBytes int64         `json:"compressed_bytes"`
	Layers          int           `json:"layers"`
	SharedBytes     int64         `json:"shared_bytes"`
	OwnBytes        int64         `json:"own_bytes"`
	Steps           int           `json:"steps"`
	CachedSteps     int           `json:"cached_steps"`
	DurationMS      int64         `json:"duration_ms"`
	PeakMemory      int64         `json:"peak_memory_bytes,omitempty"`
	Unchanged       bool          `json:"unchanged"`
	Reasons         []string      `json:"reasons,omitempty"`
	Findings        []findingJSON `json:"findings,omitempty"`
}

// findingJSON is a finding with its severity.
type findingJSON struct {
	diag.Finding
	Severity string `json:"severity"`
}

func findingsJSON(findings diag.Findings) []findingJSON {
	var out []findingJSON
	for _, f := range findings {
		out = append(out, findingJSON{f, f.Severity.String()})
	}
	return out
}

// MarshalJSON writes sizes in bytes and times in milliseconds, sorted by service.
func (s Stats) MarshalJSON() ([]byte, error) {
	out := statsJSON{
		Services: []serviceJSON{}, UniqueBytes: s.UniqueBytes,
		UniqueCompressedBytes: s.UniqueCompressedBytes, DurationMS: s.Duration.Milliseconds(),
	}
	for _, v := range s.sorted() {
		out.Services = append(out.Services, serviceJSON{
			Service: v.Service, Image: v.Image, Digest: v.Digest, Platform: v.Platform,
			SizeBytes: v.SizeBytes, CompressedBytes: v.CompressedBytes, Layers: v.Layers,
			SharedBytes: v.SharedBytes, OwnBytes: v.OwnBytes,
			Steps: v.Steps, CachedSteps: v.CachedSteps, DurationMS: v.Duration.Milliseconds(), PeakMemory: v.PeakMemory,
			Unchanged: v.Unchanged, Reasons: v.Reasons, Findings: findingsJSON(v.Findings),
		})
	}
	return json.Marshal(out)
}

// WriteStatsJSON writes the statistics as indented JSON.
func WriteStatsJSON(w io.Writer, stats Stats) error {
	return JSON(w, stats)
}
