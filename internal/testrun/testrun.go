// Package testrun keeps what runs of quality stages left: one directory for each run
// in the state directory, with the reports as the stage wrote them and a record of how
// it ended. A directory gets its name when it is whole. By the record a stage whose
// inputs did not change need not run again. It runs nothing, and what it cannot read
// never counts as passed.
//
//	shelf := testrun.Shelf{Dir: filepath.Join(state, "tests")}
//	dir, err := shelf.Fresh()
//	kept, err := shelf.Keep(testrun.Run{Of: of, Key: key, Passed: true}, []string{dir})
package testrun

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of what is kept. Older runs make room.
const (
	maxRuns  = 10      // of one stage of a service
	maxBytes = 1 << 30 // of all
)

// recordName is the file of a directory of reports that says how the run ended.
const recordName = ".slipway-run.json"

// StatusName is the file in which a stage leaves the exit code of its runner.
const StatusName = "status"

// Of names a stage of a service of a fleet.
type Of struct {
	Fleet   string `json:"fleet"` // its root directory
	Service string `json:"service"`
	Stage   string `json:"stage"`
}

// Run is how one run of a stage ended.
type Run struct {
	Of
	Key        string          `json:"key,omitempty"` // fingerprint of its inputs; empty: cannot be known
	Version    string          `json:"version"`       // of Slipway
	Started    time.Time       `json:"started"`
	Duration   time.Duration   `json:"duration_ns"`
	PeakMemory int64           `json:"peak_memory_bytes,omitempty"`
	Passed     bool            `json:"passed"`
	Attempts   int             `json:"attempts"`           // all but the last failed
	LeftOut    []string        `json:"left_out,omitempty"` // reports that did not come
	Print      json.RawMessage `json:"print,omitempty"`    // the parts of the fingerprint
}

// Kept is a run on the shelf.
type Kept struct {
	Run
	Dir string // of its reports; earlier attempts are in EarlierDirs
}

// EarlierDirs are the reports of the attempts that failed before the last.
func (k Kept) EarlierDirs() []string {
	var out []string
	for n := 1; n < k.Attempts; n++ {
		out = append(out, filepath.Join(filepath.Dir(k.Dir), "attempt-"+strconv.Itoa(n)))
	}
	return out
}

// Shelf is the directory of all kept runs. Its methods are safe for concurrent use, also
// by several processes.
type Shelf struct{ Dir string }

// temporary begins the names of directories that are not whole.
const temporary = "tmp-"

// Fresh makes an empty directory for the reports of one run, which Keep takes.
func (s Shelf) Fresh() (string, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return "", fmt.Errorf("preparing the directory of test reports: %w", err)
	}
	dir, err := os.MkdirTemp(s.Dir, temporary)
	if err != nil {
		return "", fmt.Errorf("preparing the directory of test reports: %w", err)
	}
	return dir, nil
}

// home is the directory of the runs of a stage.
func (s Shelf) home(of Of) string {
	sum := sha256.Sum256([]byte(of.Fleet + "\x00" + of.Service))
	return filepath.Join(s.Dir, hex.EncodeToString(sum[:8])+"-"+short(of.Service), short(of.Stage))
}

// short makes a name that is one element of a path, for people to read.
func short(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
	return clean[:min(len(clean), 60)]
}

// suffix ends the name of a run's directory.
func (r Run) suffix() string {
	switch {
	case !r.Passed:
		return "-failed"
	case r.Key == "":
		return "-passed"
	}
	sum := sha256.Sum256([]byte(r.Key))
	return "-passed-" + hex.EncodeToString(sum[:8])
}

// Keep takes the directories of a run's attempts, the last one last, and records how it
// ended. Older runs make room.
func (s Shelf) Keep(r Run, attempts []string) (Kept, error) {
	whole, err := s.Fresh()
	if err != nil {
		return Kept{}, err
	}
	r.Attempts = len(attempts)
	data, err := json.Marshal(r)
	for n, dir := range attempts {
		name := "reports"
		if n < len(attempts)-1 {
			name = "attempt-" + strconv.Itoa(n+1)
		}
		err = errors.Join(err, os.Rename(dir, filepath.Join(whole, name)))
	}
	home := s.home(r.Of)
	final := filepath.Join(home, r.Started.UTC().Format("20060102T150405.000000000")+r.suffix())
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(whole, recordName), data, 0o600), os.MkdirAll(home, 0o700))
	}
	if err == nil {
		err = os.Rename(whole, final)
	}
	if err != nil {
		return Kept{}, errors.Join(fmt.Errorf("keeping the test reports of %s: %w", r.Stage, err), os.RemoveAll(whole))
	}
	return Kept{r, filepath.Join(final, "reports")}, s.prune(home)
}

// Passed returns the newest run of a stage that passed with the same inputs.
func (s Shelf) Passed(of Of, key string) (Kept, bool) {
	if key == "" {
		return Kept{}, false
	}
	suffix := Run{Key: key, Passed: true}.suffix()
	return s.newest(of, func(name string) bool { return strings.HasSuffix(name, suffix) }, func(r Run) bool { return r.Passed && r.Key == key })
}

// Last returns the newest run of a stage.
func (s Shelf) Last(of Of) (Kept, bool) {
	return s.newest(of, func(string) bool { return true }, func(Run) bool { return true })
}

func (s Shelf) newest(of Of, named func(string) bool, is func(Run) bool) (Kept, bool) {
	home := s.home(of)
	entries, _ := os.ReadDir(home) // none: nothing is known
	for _, e := range slices.Backward(entries) {
		if !named(e.Name()) {
			continue
		}
		k, err := read(filepath.Join(home, e.Name()))
		if err == nil && k.Of == of && is(k.Run) {
			return k, true
		}
	}
	return Kept{}, false
}

// read reads the record of a run.
func read(dir string) (Kept, error) {
	data, err := os.ReadFile(filepath.Join(dir, recordName))
	if err != nil {
		return Kept{}, err
	}
	k := Kept{Dir: filepath.Join(dir, "reports")}
	if err := json.Unmarshal(data, &k.Run); err != nil {
		return Kept{}, err
	}
	_, err = os.Stat(k.Dir)
	return k, err
}

// prune removes the oldest runs of a stage, and those of all stages while they take too
// much.
func (s Shelf) prune(home string) error {
	entries, err := os.ReadDir(home)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries[:max(0, len(entries)-maxRuns)] {
		errs = append(errs, os.RemoveAll(filepath.Join(home, e.Name())))
	}
	return errors.Join(errs...)
}

// Collect removes what killed commands left, and the oldest runs of all stages while they
// take too much.
func (s Shelf) Collect(now time.Time) error {
	type run struct {
		dir   string
		bytes int64
	}
	var runs []run
	var total int64
	var errs []error
	entries, _ := os.ReadDir(s.Dir) // none: nothing was kept
	for _, e := range entries {
		dir := filepath.Join(s.Dir, e.Name())
		if strings.HasPrefix(e.Name(), temporary) {
			if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > 24*time.Hour {
				errs = append(errs, os.RemoveAll(dir))
			}
			continue
		}
		found, _ := filepath.Glob(filepath.Join(dir, "*", "2*")) // the pattern is right
		for _, dir := range found {
			r := run{dir, size(dir)}
			runs, total = append(runs, r), total+r.bytes
		}
	}
	slices.SortFunc(runs, func(a, b run) int { return strings.Compare(filepath.Base(a.dir), filepath.Base(b.dir)) })
	for _, r := range runs {
		if total <= maxBytes {
			break
		}
		total -= r.bytes
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}

// size is how many bytes the files of a directory have.
func size(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil // what cannot be read does not count
	})
	return sum
}

// Status reads the exit code that a stage left beside its reports; without one it is 0.
// One that is no number is an error.
func Status(dir string) (int, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	info, err := root.Lstat(StatusName)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() || info.Size() > 32 {
		return 0, fmt.Errorf("the file %s of its reports has no exit code", StatusName)
	}
	data, err := root.ReadFile(StatusName)
	if err != nil {
		return 0, err
	}
	code, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("the file %s of its reports has no exit code", StatusName)
	}
	return code, nil
}
