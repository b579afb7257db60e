package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/terminal"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with testdata/<name>, escape codes made visible.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.NewReplacer("\x1b", "␛", "\r", "␍").Replace(got)
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), refresh with -update:\n%s", path, diff)
	}
}

// clock is a time that tests move.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) time.Time { c.at = c.at.Add(d); return c.at }

// story is a build of two services, one of which fails.
func story(sink event.Sink, c *clock) {
	sink.Emit(event.ServiceStarted{Service: "fast-a", At: c.now()})
	sink.Emit(event.ServiceStarted{Service: "fast-b", At: c.now()})
	sink.Emit(event.StepStarted{Service: "fast-a", Key: "1", Stage: "dependencies", Step: "RUN npm ci", At: c.now()})
	sink.Emit(event.StepFinished{Service: "fast-a", Key: "1", Stage: "dependencies", Step: "RUN npm ci", Cached: true})
	sink.Emit(event.StepStarted{Service: "fast-b", Key: "1", Stage: "builder", Step: "RUN npm run\tbuild \x1b[31m", Platform: "linux/arm64", At: c.now()})
	sink.Emit(event.StepLog{Service: "fast-b", Key: "1", Data: []byte("src/a.ts(3,1): error TS1005\n")})
	sink.Emit(event.StepProgress{Service: "fast-b", Key: "1", Current: 1_500_000, Total: 40_000_000})
	sink.Emit(event.StepStarted{Service: "fast-a", Key: "2", Stage: "builder", Step: "RUN npm run build", At: c.now()})
	sink.Emit(event.Transfer{What: "push localhost:5000/fast-a:v1", Current: 5_000_000, Total: 34_000_000})
	c.pass(3200 * time.Millisecond)
	sink.Emit(event.StepLog{Service: "fast-b", Key: "1", Stderr: true, Data: []byte("npm ERR! 1 error")})
	sink.Emit(event.Note{Service: "fast-b", Text: "https://me:CANARY@mirror.example is slow", Warning: true})
	sink.Emit(event.StepFinished{Service: "fast-b", Key: "1", Stage: "builder", Step: "RUN npm run build", Duration: 3200 * time.Millisecond, Err: "exit code 2"})
	sink.Emit(event.ServiceFinished{Service: "fast-b", At: c.now(), Err: diag.Fail(diag.ExitBuild, "[builder] RUN npm run build").
		Because(errors.New("exit code 2")).WithHint("correct src/a.ts and run slipway build fast-b")})
	sink.Emit(event.StepFinished{Service: "fast-a", Key: "2", Stage: "builder", Step: "RUN npm run build", Duration: 3200 * time.Millisecond})
	sink.Emit(event.ServiceFinished{Service: "fast-a", At: c.pass(800 * time.Millisecond)})
	sink.Emit(event.Transfer{What: "push localhost:5000/fast-a:v1", Current: 34_000_000, Total: 34_000_000, Done: true})
}

func TestPlain(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	p := NewPlain(&out, c.now)
	story(p, c)
	p.Close()
	if strings.Contains(out.String(), "\x1b") {
		t.Error("escape codes in plain output")
	}
	golden(t, "plain.txt", out.String())
}

func newLive(out *bytes.Buffer, c *clock, columns, rows int, services ...string) *Live {
	return NewLive(out, LiveOptions{Services: services, Now: c.now, Size: func() (int, int) { return columns, rows }})
}

func TestLive(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	l := newLive(&out, c, 70, 24, "fast-a", "fast-b", "fast-c")
	story(l, c)
	l.Close()
	golden(t, "live.txt", out.String())
}

func TestLiveIsDrawnAtMostTenTimesASecond(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	l := newLive(&out, c, 80, 24, "a")
	const wait = 10 * time.Millisecond
	for range 100 {
		l.Emit(event.StepProgress{Service: "a", Key: "1"})
		l.Tick()
		c.pass(wait)
	}
	if n := strings.Count(out.String(), "\x1b[J"); n != 10 {
		t.Errorf("%d drawings in a second, want 10", n)
	}
}

func TestLiveFitsTheTerminal(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {40, 10}, {20, 5}, {10, 3}, {1, 1}, {0, 0}} {
		var out bytes.Buffer
		c := newClock()
		var services []string
		for i := range 30 {
			services = append(services, fmt.Sprintf("fast-number-%02d-service", i))
		}
		l := newLive(&out, c, size[0], size[1], services...)
		for i, s := range services[:12] {
			l.Emit(event.ServiceStarted{Service: s, At: c.now()})
			l.Emit(event.StepStarted{Service: s, Key: "1", Stage: "builder", Step: "RUN something long enough to be cut", At: c.now()})
			l.Emit(event.Transfer{What: s, Current: 1})
			if i%3 == 0 {
				l.Emit(event.ServiceFinished{Service: s, At: c.now()})
			}
		}
		out.Reset()
		l.Close()
		drawing := out.String()[strings.Index(out.String(), "A")+1:]
		lines := strings.Split(strings.TrimSuffix(drawing, "\x1b[J"), "\x1b[K\n")
		rows, columns := size[1], size[0]
		if rows == 0 {
			rows, columns = 24, 80
		}
		if len(lines)-1 > max(2, rows-1) {
			t.Errorf("%v: %d lines", size, len(lines)-1)
		}
		for _, line := range lines {
			if len([]rune(line)) > max(0, columns-1) {
				t.Errorf("%v: line %q is too long", size, line)
			}
		}
		if size[1] == 10 {
			golden(t, "live-folded.txt", strings.Join(lines, "\n"))
		}
	}
}

func figures() Stats {
	return Stats{
		Services: []ServiceStats{
			{Service: "web", Image: "shop/web:v1", Digest: "sha256:bb", Platform: "linux/amd64", SizeBytes: 99_400_000, CompressedBytes: 33_000_000, Layers: 5,
				SharedBytes: 90_000_000, OwnBytes: 9_400_000},
			{Service: "fast-requesthandler-service", Image: "gpp-g3/fast-requesthandler-service:latest", Digest: "sha256:aa", Platform: "linux/arm64",
				SizeBytes: 104_000_000, CompressedBytes: 40_000_000, Layers: 6, SharedBytes: 0, OwnBytes: 104_000_000, Steps: 23, CachedSteps: 20, Duration: 72 * time.Second},
			{Service: "fast-requesthandler-service", Image: "gpp-g3/fast-requesthandler-service:latest", Digest: "sha256:aa", Platform: "linux/amd64",
				SizeBytes: 107_500_000, CompressedBytes: 41_234_567, Layers: 6, SharedBytes: 90_000_000, OwnBytes: 17_500_000, Steps: 23, CachedSteps: 23, Duration: 312 * time.Millisecond},
		},
		UniqueBytes: 221_000_000, UniqueCompressedBytes: 88_000_000, Duration: 74 * time.Second,
	}
}

func TestStats(t *testing.T) {
	var out bytes.Buffer
	if err := WriteStats(&out, figures()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "=== Build Statistics ===\nfast-requesthandler-service: Size=108MB, Layers=6\nweb: Size=99MB, Layers=5\n\n") {
		t.Errorf("the statistics block is not as scripts expect it:\n%s", out.String())
	}
	golden(t, "stats.txt", out.String())
}

func TestStatsSayWhyAServiceWasBuilt(t *testing.T) {
	var out bytes.Buffer
	stats := figures()
	stats.Services[0].Reasons = []string{"src/a.ts changed", "src/b.ts changed"}
	stats.Services[1].Unchanged = true
	if err := WriteStats(&out, stats); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  BECAUSE\n", "  src/a.ts changed (and 1 more)\n", "  unchanged\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestStatsJSONKeysAreFixed(t *testing.T) {
	var out bytes.Buffer
	stats := figures()
	stats.Services = stats.Services[2:]
	stats.Services[0].Reasons = []string{"src/a.ts changed"}
	stats.Services[0].Findings = diag.Findings{{Code: "SLP370", Severity: diag.Warning, Place: diag.Place{File: "src/a.ts", Line: 4}, Text: "no ffmpeg", Hint: "add it"}}
	if err := WriteStatsJSON(&out, stats); err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"services": []any{map[string]any{
			"service": "fast-requesthandler-service", "image": "gpp-g3/fast-requesthandler-service:latest", "digest": "sha256:aa",
			"platform": "linux/amd64", "size_bytes": 107.5e6, "compressed_bytes": 41234567.0, "layers": 6.0, "shared_bytes": 90e6,
			"own_bytes": 17.5e6, "steps": 23.0, "cached_steps": 23.0, "duration_ms": 312.0,
			"unchanged": false, "reasons": []any{"src/a.ts changed"},
			"findings": []any{map[string]any{"code": "SLP370", "severity": "warning", "place": map[string]any{"file": "src/a.ts", "line": 4.0}, "text": "no ffmpeg", "hint": "add it"}},
		}},
		"unique_bytes": 221e6, "unique_compressed_bytes": 88e6, "duration_ms": 74000.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out.Reset()
	if err := WriteStatsJSON(&out, Stats{}); err != nil || !strings.Contains(out.String(), `"services": []`) {
		t.Errorf("no services: %s%v", out.String(), err)
	}
}

func TestLogsAreShownWithoutEscapeCodes(t *testing.T) {
	for log, want := range map[string]string{
		"\x1b[1;31mred\x1b[0m\r\n\tnext": "red\n\tnext",
		"\x1b]0;title\x07text\x1b(":      "text(",
		"10%\r20%\rdone\x00":             "10%\n20%\ndone",
		"grün ✓":                         "grün ✓",
	} {
		if got := string(plainText([]byte(log))); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9_949: "9.9 kB", 9_950: "10 kB", 999_499: "999 kB", 999_500: "1.0 MB",
		107_500_000: "108 MB", 1_234_000_000: "1.2 GB", 5_000_000_000_000: "5.0 TB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "0.0s", 0: "0.0s", 312 * time.Millisecond: "0.3s", 59_940 * time.Millisecond: "59.9s", 59_960 * time.Millisecond: "1m00s",
		62 * time.Second: "1m02s", 3599 * time.Second: "59m59s", time.Hour - time.Millisecond: "1h00m", 125 * time.Minute: "2h05m",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%s) = %q, want %q", d, got, want)
		}
	}
}

// No log makes a terminal do anything but print.
func FuzzPlainText(f *testing.F) {
	f.Add([]byte("\x1b[1;31mred\x1b[0m\r\n"))
	f.Add([]byte("\x1b]0;title\x07"))
	f.Fuzz(func(t *testing.T, log []byte) {
		for _, r := range string(plainText(log)) {
			if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f {
				t.Errorf("%q leaves %q", log, r)
			}
		}
	})
}

// eventView is Plain or Live.
type eventView interface {
	event.Sink
	Tick()
	Close()
}

// TestTheViewsAreSafeForTerminals: in whatever event a text of others comes, a view
// writes no sequence but its own.
func TestTheViewsAreSafeForTerminals(t *testing.T) {
	const evil = "x\x1b]0;t\a\x1b[2J\x1b[1A\x9b2J\u009b2J\r\b\x7f\u202e\u2028y"
	story := func(sink event.Sink, c *clock) {
		sink.Emit(event.ServiceStarted{Service: evil, Reasons: []string{evil}, At: c.now()})
		sink.Emit(event.ServiceWaits{Service: evil, For: evil})
		sink.Emit(event.StepStarted{Service: evil, Key: "1", Stage: evil, Step: "RUN " + evil, Platform: evil, At: c.now()})
		sink.Emit(event.StepLog{Service: evil, Key: "1", Data: []byte(evil + "\n")})
		sink.Emit(event.StepProgress{Service: evil, Key: "1", What: evil, Current: 1, Total: 2})
		sink.Emit(event.Transfer{What: evil, Of: evil, Current: 1, Total: 2})
		sink.Emit(event.Note{Service: evil, Text: evil})
		c.pass(time.Minute)
		sink.Emit(event.StepStarted{Service: evil, Key: "2", Stage: evil, Step: evil, At: c.now()})
		sink.Emit(event.StepLog{Service: evil, Key: "2", Data: []byte(evil)})
		sink.Emit(event.StepFinished{Service: evil, Key: "1", Stage: evil, Step: evil, Duration: time.Minute, Err: evil})
		sink.Emit(event.Interrupted{})
		sink.Emit(event.ServiceFinished{Service: evil, Err: errors.New(evil), At: c.now()})
	}
	for name, view := range map[string]func(w *bytes.Buffer, c *clock) eventView{
		"plain": func(w *bytes.Buffer, c *clock) eventView {
			return NewPlain(terminal.NewWriter(w), c.now) // as the command line does
		},
		"live": func(w *bytes.Buffer, c *clock) eventView {
			return NewLive(w, LiveOptions{Services: []string{evil}, Now: c.now, Size: func() (int, int) { return 80, 24 }})
		},
	} {
		var out bytes.Buffer
		c := newClock()
		v := view(&out, c)
		story(v, c)
		c.pass(time.Minute)
		v.Tick()
		v.Close()
		text := regexp.MustCompile(`\r\x1b\[\d+A|\x1b\[[KJ]`).ReplaceAllString(out.String(), "")
		if safe := string(terminal.Escaped([]byte(text))); safe != text || len(text) < 200 {
			t.Errorf("%s: %q", name, text)
		}
	}
}
