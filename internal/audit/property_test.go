package audit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/slipway-build/slipway/internal/gate/attest"
)

// sample is a log of 60 records; its states after each of them are logs too.
type sample struct {
	lines [][]byte // with their ends
	keys  []attest.Verifier
}

// newSample makes it once for all tests: it takes 180 writes to the disk.
func newSample(t *testing.T) sample {
	t.Helper()
	made.Do(func() {
		f := files(t, filled(t, 60))
		theSample = sample{bytes.SplitAfter(f.log, []byte("\n"))[:60], f.keys}
	})
	return theSample
}

var (
	made      sync.Once
	theSample sample
)

// state is the log after n records.
func (s sample) state(n int) Files {
	f := Files{log: bytes.Join(s.lines[:n], nil), head: s.lines[n-1], keys: s.keys}
	for _, l := range s.lines[:n] {
		if r, err := decode(bytes.TrimSpace(l)); err == nil && r.Action == CheckpointMade {
			f.checkpoints = append(f.checkpoints, l...)
		}
	}
	return f
}

// change is what was done to a log, and what must be found.
type change struct {
	what string
	log  []byte
	// One of the kinds is found at one of the records.
	records []int
	kinds   []Kind
}

// draw changes a log of n records once.
func (s sample) draw(t *rapid.T, n int) change {
	ls := s.lines[:n]
	log := bytes.Join(ls, nil)
	join := func(parts ...[][]byte) []byte { return bytes.Join(slices.Concat(parts...), nil) }
	i := rapid.IntRange(0, n-1).Draw(t, "record")
	switch what := rapid.SampledFrom([]string{"flip", "delete", "swap", "truncate", "duplicate", "insert", "forge"}).Draw(t, "what"); what {
	case "flip":
		at := rapid.IntRange(0, len(ls[i])-1).Draw(t, "byte")
		changed := bytes.Clone(ls[i])
		changed[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		c := change{what, join(ls[:i], [][]byte{changed}, ls[i+1:]), []int{i + 1}, []Kind{Changed, Cut}}
		if at == len(changed)-1 || changed[at] == '\n' {
			c.records, c.kinds = []int{i + 1, i + 2}, append(c.kinds, Missing, Inserted) // two lines are one, or one is two
		}
		return c
	case "delete":
		return change{what, join(ls[:i], ls[i+1:]), []int{i + 1}, []Kind{Missing}}
	case "swap":
		j := rapid.IntRange(0, n-1).Draw(t, "other")
		if i == j {
			return s.draw(t, n)
		}
		swapped := slices.Clone(ls)
		swapped[i], swapped[j] = swapped[j], swapped[i]
		return change{what, join(swapped), []int{min(i, j) + 1}, []Kind{Reordered}}
	case "truncate":
		at := rapid.IntRange(0, len(log)-1).Draw(t, "size")
		return change{what, log[:at], []int{bytes.Count(log[:at], []byte("\n")) + 1}, []Kind{Cut, Missing}}
	case "duplicate":
		to := rapid.IntRange(0, n).Draw(t, "place")
		return change{what, join(ls[:to], [][]byte{ls[i]}, ls[to:]), []int{i + 1}, []Kind{Duplicated}}
	case "insert":
		text := rapid.SliceOfN(rapid.Byte(), 0, 80).Filter(func(b []byte) bool { return !bytes.Contains(b, []byte("\n")) }).Draw(t, "text")
		return change{what, join(ls[:i], [][]byte{append(text, '\n')}, ls[i:]), []int{i + 1}, []Kind{Inserted}}
	default:
		return s.forge(t, n, i)
	}
}

// forge inserts a record that fits the one before it.
func (s sample) forge(t *rapid.T, n, i int) change {
	i += rapid.IntRange(0, 1).Draw(t, "after")
	r, err := decode(bytes.TrimSpace(s.lines[min(i, n-1)]))
	if err != nil {
		t.Fatal(err)
	}
	r.Seq, r.Prev, r.Result = uint64(i+1), none, "forged"
	if i > 0 {
		r.Prev = hashOf(bytes.TrimSpace(s.lines[i-1]))
	}
	log := bytes.Join(slices.Concat(s.lines[:i], [][]byte{ended(encode(r))}, s.lines[i:n]), nil)
	return change{"forge", log, []int{i + 1}, []Kind{Inserted}}
}

// TestAnySingleChangeIsFoundAndPlaced: of logs of 1 to 60 records, with the line where a
// line is too many.
func TestAnySingleChangeIsFoundAndPlaced(t *testing.T) {
	s := newSample(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "records")
		f := s.state(n)
		if r := f.Verify(Trust{}); !r.OK() {
			t.Fatalf("before: %v", r.Problems)
		}
		c := s.draw(t, n)
		if bytes.Equal(c.log, f.log) {
			t.Fatalf("%s changes nothing", c.what)
		}
		f.log = c.log
		r := f.Verify(Trust{})
		if !slices.ContainsFunc(r.Problems, func(p Problem) bool {
			return slices.Contains(c.kinds, p.Kind) && slices.ContainsFunc(c.records, func(n int) bool { return uint64(n) >= p.Record && uint64(n) <= max(p.Record, p.Last) })
		}) {
			t.Fatalf("%s: want %v at %v, got %v\n%s", c.what, c.kinds, c.records, r.Problems, c.log)
		}
		if first := r.Problems[0].Record; c.what != "duplicate" && int(first) < c.records[0] {
			t.Fatalf("%s of record %d: record %d is blamed: %v", c.what, c.records[0], first, r.Problems)
		}
	})
}

// TestEveryTruncationIsFound: at each byte of a log.
func TestEveryTruncationIsFound(t *testing.T) {
	s := newSample(t)
	f := s.state(9)
	log := f.log
	for at := range log {
		f.log = log[:at]
		r := f.Verify(Trust{})
		want := uint64(bytes.Count(f.log, []byte("\n")) + 1)
		if len(r.Problems) == 0 || r.Problems[0].Record != want {
			t.Fatalf("cut at byte %d, in record %d: %v", at, want, r.Problems)
		}
	}
}

// TestCopiesOfALogAloneAreVerified: without the files beside it, all but its end is.
func TestCopiesOfALogAloneAreVerified(t *testing.T) {
	s := newSample(t)
	f := Files{log: s.state(30).log, keys: s.keys, alone: true}
	if r := f.Verify(Trust{}); !r.OK() || len(r.Notes) != 1 {
		t.Errorf("%v, notes %q", r.Problems, r.Notes)
	}
	f.keys = nil
	if r := f.Verify(Trust{}); !r.OK() || len(r.Notes) != 2 || r.Checkpoints != 1 || r.SignedThrough != 0 || !strings.HasPrefix(r.Notes[0], "no signature was checked") {
		t.Errorf("without keys: %v, notes %q", r.Problems, r.Notes)
	}
	f.keys = s.keys
	kept := Point{30, hashOf(bytes.TrimSpace(s.lines[29]))}
	for n := range 30 {
		f.log = s.state(30).log[:len(s.state(n+1).log)-len(s.lines[n])]
		if r := f.Verify(Trust{Kept: []Point{kept}}); len(r.Problems) != 1 || r.Problems[0].Record != uint64(n+1) || r.Problems[0].Kind != Missing {
			t.Errorf("%d of 30 records: %v", n, r.Problems)
		}
	}
	f.log = bytes.Replace(s.state(30).log, []byte(`"version":"v1.9"`), []byte(`"version":"v1.8"`), 1)
	if r := f.Verify(Trust{}); len(r.Problems) != 1 || r.Problems[0].Record != 10 || r.Problems[0].Kind != Changed {
		t.Errorf("a change of record 10: %v", r.Problems)
	}
}

// TestCopiesThatDoNotFit: the files beside the log are checked as the log is.
func TestCopiesThatDoNotFit(t *testing.T) {
	s := newSample(t)
	for name, c := range map[string]struct {
		change func(f *Files)
		want   string
	}{
		"no head":            {func(f *Files) { f.head = nil }, "record 60: changed: head.json, the copy of the last record, is gone"},
		"a broken head":      {func(f *Files) { f.head = []byte("{}\n") }, "record 60: changed: head.json, the copy of the last record, is damaged"},
		"an older head":      {func(f *Files) { f.head = s.lines[57] }, "records 59 to 60 (line 59): inserted: the last record is 58, by its copy in head.json"},
		"no checkpoints":     {func(f *Files) { f.checkpoints = nil }, "record 21 (line 21): checkpoint: checkpoints.jsonl does not have this checkpoint"},
		"a broken copy":      {func(f *Files) { f.checkpoints = f.checkpoints[5:] }, "record 1: checkpoint: checkpoints.jsonl, line 1: it is no checkpoint"},
		"another checkpoint": {func(f *Files) { f.checkpoints = bytes.Replace(f.checkpoints, []byte(":21,"), []byte(":22,"), 1) }, "record 21 (line 21): checkpoint: checkpoints.jsonl does not have this checkpoint"},
		"no keys":            {func(f *Files) { f.keys = nil }, "record 21 (line 21): signature: no trusted key signed the checkpoint; it names the key " + s.keys[0].Short()},
		"a shorter log and head": {func(f *Files) {
			f.log, f.head = s.state(30).log, s.lines[29]
		}, "records 31 to 41: missing: the log ends before it, and there was a record 41: checkpoints.jsonl, line 2: its checkpoint"},
	} {
		f := s.state(60)
		c.change(&f)
		r := f.Verify(Trust{})
		if len(r.Problems) == 0 || r.Problems[0].String() != c.want {
			t.Errorf("%s: %v\nwant %s", name, r.Problems, c.want)
		}
	}
}

// TestManyProblemsAreCutShort: a log of nothing but garbage is reported in a screen.
func TestManyProblemsAreCutShort(t *testing.T) {
	r := Files{log: bytes.Repeat([]byte("garbage\n"), 5000)}.Verify(Trust{})
	if lines := r.Lines(); len(r.Problems) < 5000 || len(lines) != 51 || lines[50] != fmt.Sprintf("and %d more", len(r.Problems)-50) {
		t.Errorf("%d problems, %d lines", len(r.Problems), len(lines))
	}
}

func ExampleProblem() {
	fmt.Println(Problem{Record: 3, Last: 5, Kind: Missing, Text: "record 6 follows on record 2"})
	// Output: records 3 to 5: missing: record 6 follows on record 2
}

// FuzzVerify: no log, however it looks, makes a verification fail or pass that should not.
func FuzzVerify(f *testing.F) {
	for _, text := range []string{"", "\n", "{}\n", `{"schema":1,"seq":1,"prev":"","at":"2026-01-01T00:00:00Z","actor":{"name":"a","uid":0},"action":"deployed"}` + "\n", `{"seq":18446744073709551615}`} {
		f.Add([]byte(text), []byte(text), []byte(text))
	}
	f.Fuzz(func(t *testing.T, log, head, checkpoints []byte) {
		r := Files{log: log, head: head, checkpoints: checkpoints}.Verify(Trust{})
		if r.OK() && len(log) > 0 && r.Records == 0 {
			t.Errorf("%q is whole", log)
		}
	})
}
