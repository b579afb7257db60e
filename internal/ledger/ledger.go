// Package ledger is the record on disk of what was built from what, when, how
// long and with which result. It answers whether an image of a fingerprint is
// known, and keeps the history of runs, bounded in size. Losing it costs time,
// never truth: it may be deleted at any time, and one that is damaged is moved
// aside. It decides nothing: whether an image is still stored is for others to
// see.
//
//	l := ledger.Open(dir, say)
//	err := l.View(func(v ledger.View) error {
//		known, ok = v.Image(key)
//		return nil
//	})
//	id, err := l.Record(run)
package ledger

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Limits of the record. Older entries make room.
const (
	maxRuns     = 500
	maxServices = 20_000
	maxImages   = 50_000
)

// patience is how long one command waits for another one that writes.
const patience = 10 * time.Second

// Run is one command that built something.
type Run struct {
	ID       uint64        `json:"id"` // counts from 1
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration_ns"`
	Version  string        `json:"version"` // of Slipway
	Fleet    string        `json:"fleet"`   // its root directory
	Services []Service     `json:"services"`
}

// Service is what a run did with one service.
type Service struct {
	Name     string          `json:"name"`
	Image    string          `json:"image,omitempty"` // its name
	Key      string          `json:"key,omitempty"`   // fingerprint; empty: cannot be known
	Print    json.RawMessage `json:"-"`               // the parts of the fingerprint; nil: the last build stays what it was
	Result   Image           `json:"result,omitzero"`
	Reasons  []string        `json:"reasons,omitempty"` // why it was built, the first being the cause
	Steps    []Step          `json:"steps,omitempty"`   // those that ran
	Cached   int             `json:"cached"`            // number of steps that did not have to
	Duration time.Duration   `json:"duration_ns"`
	// PeakMemory is how many bytes its steps held at once, at most; 0 when no step
	// ran, or nobody measured it.
	PeakMemory int64  `json:"peak_memory_bytes,omitempty"`
	Skipped    bool   `json:"skipped,omitempty"` // nothing had changed
	Err        string `json:"error,omitempty"`
}

// Image is the result of a build.
type Image struct {
	Digest    string `json:"digest,omitempty"`
	MediaType string `json:"media_type,omitempty"`
	SizeBytes int64  `json:"size_bytes,omitempty"` // of the manifest or index
	Steps     int    `json:"steps,omitempty"`
}

// Step is one instruction that ran.
type Step struct {
	Stage    string        `json:"stage,omitempty"`
	Text     string        `json:"text"`
	Duration time.Duration `json:"duration_ns"`
}

// Last is what a service was last, built anew or found unchanged. Its Print is
// asked for with View.Print: it is long, and seldom needed.
type Last struct {
	Run     uint64  `json:"run"`
	Service Service `json:"service"`
	Usual   Usual   `json:"usual,omitzero"`
}

// Usual is what builds of a service take. The zero value is unknown.
type Usual struct {
	Duration   time.Duration `json:"duration_ns,omitempty"`
	PeakMemory int64         `json:"peak_memory_bytes,omitempty"`
}

// after is what is usual after a further build. One that had most of its steps
// in the cache tells little of the next, so the most of before counts, and loses
// an eighth with each build that ran something.
func (u Usual) after(s Service) Usual {
	if s.Skipped || s.Cached > 0 && s.Cached == s.Result.Steps {
		return u
	}
	return Usual{max(s.Duration, u.Duration-u.Duration/8), max(s.PeakMemory, u.PeakMemory-u.PeakMemory/8)}
}

// Ledger is a record in a file that several processes may use at once. Its zero
// value knows nothing and keeps nothing.
type Ledger struct {
	path string
	say  func(format string, args ...any)
}

// Open returns the ledger of a state directory. Nothing is read yet; say tells
// the person of a damaged file.
func Open(dir string, say func(format string, args ...any)) *Ledger {
	return &Ledger{path: filepath.Join(dir, "ledger.db"), say: say}
}

// The buckets: runs by number, the last build and the parts of its fingerprint
// by service, images by fingerprint.
var (
	runs     = []byte("runs")
	services = []byte("services")
	prints   = []byte("prints")
	images   = []byte("images")
)

// serviceKey names a service of a fleet: two fleets may have one of a name.
func serviceKey(fleet, name string) []byte { return []byte(fleet + "\x00" + name) }

// View is the ledger at one moment.
type View struct{ tx *bbolt.Tx }

// View calls fn with the ledger as it stands; nothing that it returns is kept
// open afterwards.
func (l *Ledger) View(fn func(View) error) error {
	return l.open(true, func(db *bbolt.DB) error {
		if db == nil {
			return fn(View{})
		}
		return db.View(func(tx *bbolt.Tx) error { return fn(View{tx}) })
	})
}

func (v View) get(bucket, key []byte, into any) bool {
	if v.tx == nil {
		return false
	}
	b := v.tx.Bucket(bucket)
	if b == nil {
		return false
	}
	data := b.Get(key)
	return data != nil && json.Unmarshal(data, into) == nil
}

// Image returns the result of a fingerprint, if one is known.
func (v View) Image(key string) (Image, bool) {
	var image stored[Image]
	ok := key != "" && v.get(images, []byte(key), &image)
	return image.Value, ok
}

// Last returns the last build of a service of a fleet.
func (v View) Last(fleet, name string) (Last, bool) {
	var last stored[Last]
	ok := v.get(services, serviceKey(fleet, name), &last)
	return last.Value, ok
}

// LastKey returns the fingerprint of a service's last build, empty when it is not
// known, and what its builds take. It takes less than Last.
func (v View) LastKey(fleet, name string) (string, Usual) {
	var last stored[struct {
		Service struct{ Key string }
		Usual   Usual
	}]
	v.get(services, serviceKey(fleet, name), &last)
	return last.Value.Service.Key, last.Value.Usual
}

// Print returns the parts of the fingerprint of a service's last build, nil when
// they are not known.
func (v View) Print(fleet, name string) json.RawMessage {
	var print stored[json.RawMessage]
	v.get(prints, serviceKey(fleet, name), &print)
	return print.Value
}

// Runs returns the newest runs, the newest first, at most n.
func (v View) Runs(n int) []Run {
	var out []Run
	if v.tx == nil || v.tx.Bucket(runs) == nil {
		return nil
	}
	c := v.tx.Bucket(runs).Cursor()
	for k, data := c.Last(); k != nil && len(out) < n; k, data = c.Prev() {
		var r Run
		if json.Unmarshal(data, &r) == nil {
			out = append(out, r)
		}
	}
	return out
}

// Run returns the run of a number.
func (v View) Run(id uint64) (Run, bool) {
	var r Run
	ok := v.get(runs, binary.BigEndian.AppendUint64(nil, id), &r)
	return r, ok
}

// stored is an entry with the run that wrote it, by which the oldest are found.
type stored[T any] struct {
	Run   uint64 `json:"run"`
	Value T      `json:"value"`
}

// Record adds a run and what it built, and returns the run's number.
func (l *Ledger) Record(r Run) (uint64, error) {
	err := l.open(false, func(db *bbolt.DB) error {
		err := db.Update(func(tx *bbolt.Tx) error {
			var buckets [4]*bbolt.Bucket
			for i, name := range [][]byte{runs, services, images, prints} {
				var err error
				if buckets[i], err = tx.CreateBucketIfNotExists(name); err != nil {
					return err
				}
			}
			var err error
			if r.ID, err = buckets[0].NextSequence(); err != nil {
				return err
			}
			for _, s := range r.Services {
				if s.Print != nil {
					key := serviceKey(r.Fleet, s.Name)
					_, usual := View{tx}.LastKey(r.Fleet, s.Name)
					if err := errors.Join(put(buckets[1], key, stored[Last]{r.ID, Last{r.ID, s, usual.after(s)}}), put(buckets[3], key, stored[json.RawMessage]{r.ID, s.Print})); err != nil {
						return err
					}
				}
				if s.Skipped || s.Err != "" || s.Key == "" || s.Result.Digest == "" {
					continue
				}
				if err := put(buckets[2], []byte(s.Key), stored[Image]{r.ID, s.Result}); err != nil {
					return err
				}
			}
			if err := put(buckets[0], binary.BigEndian.AppendUint64(nil, r.ID), r); err != nil {
				return err
			}
			return errors.Join(pruneRuns(buckets[0], r.ID), pruneByRun(buckets[1], maxServices), pruneByRun(buckets[2], maxImages),
				pruneByRun(buckets[3], maxServices))
		})
		if err != nil {
			return err
		}
		return db.View(func(tx *bbolt.Tx) error {
			if _, ok := (View{tx}).Run(r.ID); !ok {
				return fmt.Errorf("%w: the written record is missing", errDamaged)
			}
			return nil
		})
	})
	return r.ID, err
}

func put(b *bbolt.Bucket, key []byte, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Put(key, data)
}

// pruneRuns drops all but the newest runs.
func pruneRuns(b *bbolt.Bucket, newest uint64) error {
	c := b.Cursor()
	for k, _ := c.First(); k != nil && binary.BigEndian.Uint64(k)+maxRuns <= newest; k, _ = c.First() {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// pruneByRun halves a bucket that is too large: what younger runs wrote stays.
func pruneByRun(b *bbolt.Bucket, limit int) error {
	if b.Stats().KeyN <= limit {
		return nil
	}
	var written []uint64
	age := func(data []byte) uint64 {
		var s struct{ Run uint64 }
		_ = json.Unmarshal(data, &s)
		return s.Run
	}
	if err := b.ForEach(func(_, data []byte) error { written = append(written, age(data)); return nil }); err != nil {
		return err
	}
	slices.Sort(written)
	oldest := written[len(written)/2]
	c := b.Cursor()
	for k, data := c.First(); k != nil; k, data = c.Next() {
		if age(data) < oldest {
			if err := c.Delete(); err != nil {
				return err
			}
		}
	}
	return nil
}

// open opens the file for one use. A reader finds nil where there is none; a
// damaged one is moved aside, and used as if there were none.
func (l *Ledger) open(readOnly bool, use func(*bbolt.DB) error) error {
	if l.path == "" {
		if readOnly {
			return use(nil)
		}
		return nil
	}
	err := l.try(readOnly, use)
	if !errors.Is(err, errDamaged) {
		return err
	}
	aside := fmt.Sprintf("%s.damaged-%d", l.path, time.Now().UnixNano())
	if moved := os.Rename(l.path, aside); moved != nil && !errors.Is(moved, fs.ErrNotExist) {
		return fmt.Errorf("moving the damaged ledger aside: %w", moved)
	}
	l.say("the record of builds was damaged, so Slipway starts a new one; the old one is %s", aside)
	return l.try(readOnly, use)
}

var errDamaged = errors.New("the ledger is damaged")

func (l *Ledger) try(readOnly bool, use func(*bbolt.DB) error) (err error) {
	if readOnly {
		if info, err := os.Stat(l.path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			return use(nil)
		}
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a file that was cut short is mapped beyond its end
	defer func() {
		if cause := recover(); cause != nil { // bbolt panics at pages that make no sense
			err = fmt.Errorf("%w: %v", errDamaged, cause)
		}
	}()
	db, err := bbolt.Open(l.path, 0o600, &bbolt.Options{ReadOnly: readOnly, Timeout: patience})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("another command has kept the record of builds %s locked for %s", l.path, patience)
	case errors.As(err, new(*fs.PathError)), errors.As(err, new(syscall.Errno)):
		return fmt.Errorf("opening the record of builds: %w", err)
	case err != nil:
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return use(db)
}
