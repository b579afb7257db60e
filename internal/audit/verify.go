package audit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

// Kind is what was done to a log.
type Kind string

// What Verify finds.
const (
	Changed    Kind = "changed"
	Missing    Kind = "missing"
	Cut        Kind = "cut" // the log ends within a record
	Reordered  Kind = "reordered"
	Duplicated Kind = "duplicated"
	Inserted   Kind = "inserted"
	BadSign    Kind = "signature"  // a checkpoint that none of the keys signed
	BadCopy    Kind = "checkpoint" // the copies of the checkpoints do not fit
	Rewritten  Kind = "rewritten"  // a head that somebody kept is not in the log
)

// Problem is a place where a log is not as Slipway wrote it.
type Problem struct {
	Record uint64 `json:"record"`         // by the number that it should have
	Last   uint64 `json:"last,omitempty"` // of several records, the last
	Line   int    `json:"line,omitempty"` // of the file, from 1; 0 where no line is wrong
	Kind   Kind   `json:"kind"`
	Text   string `json:"text"`
}

func (p Problem) String() string {
	where := fmt.Sprintf("record %d", p.Record)
	if p.Last > p.Record {
		where = fmt.Sprintf("records %d to %d", p.Record, p.Last)
	}
	if p.Line > 0 {
		where += fmt.Sprintf(" (line %d)", p.Line)
	}
	return fmt.Sprintf("%s: %s: %s", where, p.Kind, p.Text)
}

// Report is what came of a verification; its keys are an interface to scripts.
type Report struct {
	Records       int       `json:"records"`
	From          time.Time `json:"from,omitzero"`
	To            time.Time `json:"to,omitzero"`
	Head          Point     `json:"head"`
	Checkpoints   int       `json:"checkpoints"`
	SignedThrough uint64    `json:"signed_through"` // last record that a good signature covers; 0: none
	Keys          []string  `json:"key_sha256"`     // that signed
	Problems      []Problem `json:"problems"`       // by record
	Notes         []string  `json:"notes"`          // what a person should know, and is no problem
}

// OK reports a log without problems.
func (r Report) OK() bool { return len(r.Problems) == 0 }

// Trust is what a verification starts from.
type Trust struct {
	Keys []attest.Verifier // that may sign; nil: those beside the log
	Kept []Point           // heads that somebody kept elsewhere
}

// Files are the files of a log. Those besides the log may be absent.
type Files struct {
	log         []byte
	head        []byte
	checkpoints []byte
	keys        []attest.Verifier
	alone       bool // there is nothing but the log
}

// Read reads the log of a directory, while nobody writes. A directory that does not exist
// has an empty one.
func Read(dir string) (f Files, err error) {
	l := &Log{dir: dir}
	if _, err := os.Stat(l.path(lockFile)); err != nil || !writable(l.path(lockFile)) {
		return read(dir) // a copy, or none
	}
	err = l.locked(func() error {
		f, err = read(dir)
		return err
	})
	return f, err
}

func writable(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		_ = f.Close() // nothing was written
	}
	return err == nil
}

// ReadCopy reads a copy of a log: a file, with the others beside it where they are.
func ReadCopy(path string) (Files, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, logFile)
	}
	f, err := read(filepath.Dir(path))
	if err == nil {
		f.log, err = os.ReadFile(path)
	}
	if err != nil {
		return f, diag.Fail(diag.ExitUsage, "cannot read the audit log %s", path).Because(err)
	}
	return f, nil
}

func read(dir string) (f Files, err error) {
	for name, into := range map[string]*[]byte{logFile: &f.log, headFile: &f.head, checkpointsFile: &f.checkpoints} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return f, fmt.Errorf("reading the audit log: %w", err)
		}
		*into = data
	}
	f.alone = f.head == nil && f.checkpoints == nil
	f.keys, err = publicKeys(dir)
	return f, err
}

// Records returns the records that can be read, in the order of the file.
func (f Files) Records() (out []Record) {
	for line := range bytes.Lines(f.log) {
		if r, err := decode(bytes.TrimSuffix(line, []byte("\n"))); err == nil {
			out = append(out, r)
		}
	}
	return out
}

// Verify finds every change, and its place.
func (f Files) Verify(trust Trust) Report {
	v := &verification{trust: trust, alone: f.alone, claims: map[string]bool{}, blamed: map[uint64]bool{}}
	if trust.Keys == nil {
		v.trust.Keys = f.keys
	}
	v.parse(f)
	v.dropCopies()
	v.order()
	v.settleNumbers()
	v.follow()
	v.compareHead(f)
	v.compareCheckpoints()
	v.checkSignatures()
	v.compareKept()
	return v.report(f)
}

// line is one line of a log.
type line struct {
	at   int // from 1
	hash string
	rec  Record
	err  error  // it is no record
	seq  uint64 // the number that it should have by its place in the chain
}

// verification is the work of Verify, which each step continues.
type verification struct {
	trust  Trust
	lines  []line // in the order of the file, then of the numbers
	torn   []byte // what is behind the last end of a line
	copies []line // of checkpoints, beside the log
	head   *line
	alone  bool
	claims map[string]bool // hashes that a record, a copy or a person names
	blamed map[uint64]bool // records with a problem
	found  Report
}

// add notes a problem of records. A line too many is none of the record with its number.
func (v *verification) add(p Problem) {
	v.found.Problems = append(v.found.Problems, p)
	for n := p.Record; n <= max(p.Record, min(p.Last, p.Record+1000)); n++ {
		v.blamed[n] = true
	}
}

// claim notes which hashes a record says that others have.
func (v *verification) claim(l line) {
	if l.err == nil {
		v.claims[l.rec.Prev] = true
	}
}

func lineOf(at int, text []byte) line {
	l := line{at: at, hash: hashOf(text)}
	l.rec, l.err = decode(text)
	l.seq = l.rec.Seq
	return l
}

func (v *verification) parse(f Files) {
	v.lines, v.torn = lines(f.log)
	var rest []byte
	if v.copies, rest = lines(f.checkpoints); len(rest) > 0 {
		v.copies = append(v.copies, lineOf(len(v.copies)+1, rest))
	}
	if f.head != nil {
		head := lineOf(1, bytes.TrimSuffix(f.head, []byte("\n")))
		v.head = &head
		v.claims[head.hash] = true
		v.claim(head)
	}
	for _, l := range v.lines {
		v.claim(l)
	}
	for _, c := range v.copies {
		v.claims[c.hash] = true
		v.claim(c)
	}
	for _, p := range v.trust.Kept {
		v.claims[p.Hash] = true
	}
}

func lines(data []byte) (out []line, rest []byte) {
	for text := range bytes.Lines(data) {
		whole, ended := bytes.CutSuffix(text, []byte("\n"))
		if !ended {
			return out, text
		}
		out = append(out, lineOf(len(out)+1, whole))
	}
	return out, nil
}

// dropCopies finds records that are there twice, and leaves the one that follows on the
// record before it.
func (v *verification) dropCopies() {
	keep, placed := map[string]int{}, map[string]bool{}
	before := none
	for _, l := range v.lines {
		if follows := l.err == nil && l.rec.Prev == before; keep[l.hash] == 0 || follows && !placed[l.hash] {
			keep[l.hash], placed[l.hash] = l.at, follows
		}
		before = l.hash
	}
	v.lines = slices.DeleteFunc(v.lines, func(l line) bool {
		at := keep[l.hash]
		if l.err != nil {
			return false // what is no record is no copy of one
		}
		if at != l.at {
			v.found.Problems = append(v.found.Problems, Problem{Record: l.rec.Seq, Line: l.at, Kind: Duplicated, Text: fmt.Sprintf("it is on line %d too, in its place", at)})
		}
		return at != l.at
	})
}

// order gives each record its number by its place in the chain, and finds those that are
// not in the place of their number.
func (v *verification) order() {
	var good, bad []line
	prev := line{hash: none}
	for _, l := range v.lines {
		if l.err == nil && prev.err == nil && l.rec.Prev == prev.hash {
			l.seq = prev.seq + 1
		}
		if l.err == nil {
			good = append(good, l)
		} else {
			l.seq = prev.seq + 1 // for now
			bad = append(bad, l)
		}
		prev = l
	}
	sorted := slices.Clone(good)
	slices.SortStableFunc(sorted, func(a, b line) int { return cmp.Compare(a.seq, b.seq) })
	for i, l := range sorted {
		if good[i].at != l.at {
			v.add(Problem{Record: l.seq, Line: l.at, Kind: Reordered, Text: fmt.Sprintf("its place is line %d", good[i].at)})
		}
	}
	v.lines = append(sorted, bad...)
}

// settleNumbers leaves one line for each number: of several, the one that others name.
func (v *verification) settleNumbers() {
	slices.SortStableFunc(v.lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(v.doubt(a), v.doubt(b)))
	})
	last := uint64(0)
	v.lines = slices.DeleteFunc(v.lines, func(l line) bool {
		if l.seq == last {
			text := "another record has this number"
			if l.err != nil {
				text = l.err.Error()
			}
			v.found.Problems = append(v.found.Problems, Problem{Record: l.seq, Line: l.at, Kind: Inserted, Text: text})
			return true
		}
		last = l.seq
		return false
	})
	for _, l := range v.lines {
		switch {
		case l.err != nil:
			v.add(Problem{Record: l.seq, Line: l.at, Kind: Changed, Text: l.err.Error()})
		case l.seq != l.rec.Seq:
			v.add(Problem{Record: l.seq, Line: l.at, Kind: Changed, Text: fmt.Sprintf("it says that it is record %d", l.rec.Seq)})
		}
	}
}

// doubt is how little speaks for a line.
func (v *verification) doubt(l line) int {
	switch {
	case l.err != nil:
		return 3
	case l.seq != l.rec.Seq:
		return 2
	case !v.claims[l.hash]:
		return 1
	}
	return 0
}

// follow walks along the chain.
func (v *verification) follow() {
	prev := line{hash: none}
	for i, l := range v.lines {
		if l.seq > prev.seq+1 {
			v.add(Problem{Record: prev.seq + 1, Last: l.seq - 1, Kind: Missing, Text: fmt.Sprintf("record %d follows on record %d", l.seq, prev.seq)})
		} else if l.err == nil && prev.err == nil && l.rec.Prev != prev.hash {
			v.blame(prev, l, i == len(v.lines)-1)
		}
		prev = l
	}
}

// blame says which of two neighbours was changed: the one that nobody else names.
func (v *verification) blame(before, l line, last bool) {
	p := Problem{Record: before.seq, Line: before.at, Kind: Changed, Text: fmt.Sprintf("record %d has the hash of another one", l.seq)}
	switch {
	case v.claims[l.hash] && before.seq > 0:
	case last && v.head == nil && before.seq > 0:
		p.Last, p.Text = l.seq, "one of the two was changed: the second does not have the hash of the first"
	default:
		p = Problem{Record: l.seq, Line: l.at, Kind: Changed, Text: "it does not have the hash of the record before it"}
	}
	if !v.blamed[p.Record] {
		v.add(p)
	}
}

// lastSeq is the number of the last record.
func (v *verification) lastSeq() uint64 {
	if len(v.lines) == 0 {
		return 0
	}
	return v.lines[len(v.lines)-1].seq
}

// numbered finds a record.
func (v *verification) numbered(seq uint64) (line, bool) {
	i, ok := slices.BinarySearchFunc(v.lines, seq, func(l line, seq uint64) int { return cmp.Compare(l.seq, seq) })
	if !ok {
		return line{}, false
	}
	return v.lines[i], true
}
