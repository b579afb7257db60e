//go:build linux

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/solver"
	bolt "go.etcd.io/bbolt"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// newDatabases writes the databases of an engine and returns its directory.
func newDatabases(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "engine")
	for _, name := range databases() {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 3 { // with pages that are free again
			err = db.Update(func(tx *bolt.Tx) error {
				b, err := tx.CreateBucketIfNotExists([]byte("v1"))
				if err != nil {
					return err
				}
				inner, err := b.CreateBucketIfNotExists([]byte("snapshots"))
				for i := range 400 {
					err = errors.Join(err, inner.Put(fmt.Appendf(nil, "key-%d", i), []byte(strings.Repeat("v", 20*(round+1)))))
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// harm are the ways of corrupt.sh.
func harm() map[string]func(path string, r *rand.Rand) error {
	return map[string]func(path string, r *rand.Rand) error{
		"flip": func(path string, r *rand.Rand) error {
			data, err := os.ReadFile(path)
			for range max(20, len(data)/4096) {
				data[r.IntN(len(data))] ^= 0xff
			}
			return errors.Join(err, os.WriteFile(path, data, 0o600))
		},
		"one byte": func(path string, r *rand.Rand) error {
			data, err := os.ReadFile(path)
			data[r.IntN(len(data))] ^= 0x20
			return errors.Join(err, os.WriteFile(path, data, 0o600))
		},
		"trunc": func(path string, _ *rand.Rand) error {
			info, err := os.Stat(path)
			return errors.Join(err, os.Truncate(path, info.Size()/2))
		},
		"zero": func(path string, _ *rand.Rand) error {
			info, err := os.Stat(path)
			return errors.Join(err, os.WriteFile(path, make([]byte, info.Size()), 0o600))
		},
		"empty": func(path string, _ *rand.Rand) error { return os.Truncate(path, 0) },
		"rm":    func(path string, _ *rand.Rand) error { return os.Remove(path) },
		"dir":   func(path string, _ *rand.Rand) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	}
}

func TestWholeDatabasesAreAccepted(t *testing.T) {
	dir := newDatabases(t)
	if err := unseal(dir, time.Time{}); err != nil {
		t.Errorf("without a seal, as after a kill: %v", err)
	}
	if err := sealDatabases(dir); err != nil {
		t.Fatal(err)
	}
	if err := unseal(dir, time.Time{}); err != nil {
		t.Errorf("as they were left: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, sealFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the seal of a running engine: %v", err)
	}
	if err := sealDatabases(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range databases() { // copied by something that keeps no times
		if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unseal(dir, time.Time{}); err != nil {
		t.Errorf("copied: %v", err)
	}
	if err := sealDatabases(dir); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(dir, "cache.db"), 0o600, nil) // an older slipway, which leaves the seal
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("more")); return err })
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := unseal(dir, time.Now().Add(time.Minute)); err != nil {
		t.Errorf("used by an older slipway: %v", err)
	}
	if err := unseal(filepath.Join(t.TempDir(), "new"), time.Time{}); err != nil {
		t.Errorf("a new engine: %v", err)
	}
}

func TestDamagedDatabasesAreFound(t *testing.T) {
	for how, damageIt := range harm() {
		for i, name := range databases() {
			t.Run(how+" "+filepath.Base(name), func(t *testing.T) {
				dir := newDatabases(t)
				if err := sealDatabases(dir); err != nil {
					t.Fatal(err)
				}
				if err := damageIt(filepath.Join(dir, name), rand.New(rand.NewPCG(7, uint64(i)))); err != nil {
					t.Fatal(err)
				}
				if err := unseal(dir, time.Time{}); !damage(err) {
					t.Errorf("not found: %v", err)
				}
			})
		}
	}
}

// After a kill there is no seal. What would make BuildKit panic has to be found
// by reading, and reading must survive whatever is there.
func TestReadingADamagedDatabaseEnds(t *testing.T) {
	dir := newDatabases(t)
	whole, err := os.ReadFile(filepath.Join(dir, "cache.db"))
	if err != nil {
		t.Fatal(err)
	}
	for how, damageIt := range harm() {
		if how == "rm" || how == "empty" || how == "one byte" {
			continue // a new database; a byte of a value is no damage of its structure
		}
		path := filepath.Join(t.TempDir(), "cache.db")
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := damageIt(path, rand.New(rand.NewPCG(7, 7))); err != nil {
			t.Fatal(err)
		}
		if err := checkDatabase(path, seal{}, false); err == nil {
			t.Errorf("%s: not found", how)
		}
	}
	r, found := rand.New(rand.NewPCG(1, 2)), 0
	for range 300 { // page headers, where a wrong offset leaves the file
		path := filepath.Join(t.TempDir(), "cache.db")
		data := append([]byte(nil), whole...)
		for range 3 {
			data[r.IntN(len(data)/4096)*4096+r.IntN(64)] = byte(r.IntN(256))
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if readDatabase(path) != nil {
			found++
			continue
		}
		if err := caught(func() error { return use(path) }); errors.As(err, new(*panicked)) {
			t.Errorf("accepted, and using it: %v", err)
		}
	}
	if found < 100 {
		t.Errorf("found %d of 300", found)
	}
}

// use writes and reads a database as a build does.
func use(path string) error {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("v1"))
		if err != nil {
			return err
		}
		inner, err := b.CreateBucketIfNotExists([]byte("snapshots"))
		if err != nil {
			return err
		}
		for i := range 500 {
			err = errors.Join(err, inner.Put(fmt.Appendf(nil, "key-%d", i*3), []byte("new")))
		}
		return err
	})
}

// A kill leaves no seal, but snapshots without their databases are no new engine.
func TestSnapshotsNeedTheirDatabases(t *testing.T) {
	for i, name := range databases() {
		dir := newDatabases(t)
		if err := os.MkdirAll(filepath.Join(dir, "runc-overlayfs", "snapshots", "snapshots", "1"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := unseal(dir, time.Time{}); damage(err) != (i >= 2) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestADamagedEngineIsSetAside(t *testing.T) {
	dir := newDatabases(t)
	older := dir + ".damaged-20260101T000000Z"
	for _, path := range []string{filepath.Join(dir, "lock"), filepath.Join(dir, "runc-overlayfs", "snapshots", "snapshots", "1", "fs", "big"), filepath.Join(older, "cache.db"), dir + "-other/file"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("1 slipway\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sink := &recorder{}
	if err := setAside(dir, &damagedError{"cache.db", errors.New("page 5:\ninvalid")}, sink); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "lock" {
		t.Errorf("left: %v, %v", entries, err)
	}
	kept, _ := filepath.Glob(dir + ".damaged-*")
	if len(kept) != 1 || kept[0] == older {
		t.Fatalf("kept: %q", kept)
	}
	if files, err := os.ReadDir(kept[0]); err != nil || len(files) != len(databases()) {
		t.Errorf("kept: %v, %v", files, err)
	}
	if len(sink.events) != 1 {
		t.Fatalf("events %v", sink.events)
	}
	note := sink.events[0].(event.Note)
	if !note.Warning || strings.Contains(note.Text, "\n") || !strings.Contains(note.Text, "cache.db: page 5: invalid") || !strings.Contains(note.Text, kept[0]) {
		t.Errorf("note %q", note.Text)
	}
	if damage(fs.ErrPermission) || damage(nil) || damage(errors.New("no space left on device")) || !damage(caught(func() error { panic("page 5") })) {
		t.Error("what is damage")
	}
}

func TestAPanicOfABuildIsAnError(t *testing.T) {
	e := &Engine{opts: Options{StateDir: filepath.Join(t.TempDir(), "engine")}}
	err := e.guard(func() error { panic("page 5: invalid\ngoroutine 1") })
	if err == nil || strings.Contains(err.Error(), "goroutine") || !strings.Contains(diag.HintOf(err), filepath.Dir(e.opts.StateDir)) || !e.broken.Load() {
		t.Errorf("%v, hint %q", err, diag.HintOf(err))
	}
	if err := e.guard(func() error { return fs.ErrClosed }); err != fs.ErrClosed {
		t.Errorf("an ordinary error: %v", err)
	}
}

// A database that is damaged while a build runs is an error of that build, on
// whatever goroutine, and the engine does not seal it.
func TestADatabaseDamagedInUseIsAnError(t *testing.T) {
	dir := newDatabases(t)
	path := filepath.Join(dir, "cache.db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{}
	guarded := transactor{db, watchful{&e.broken}}
	read := func() (n int, err error) {
		err = guarded.View(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("v1")).Bucket([]byte("snapshots")).ForEach(func(_, _ []byte) error { n++; return nil })
		})
		return n, err
	}
	if n, err := read(); n != 400 || err != nil || e.broken.Load() {
		t.Fatalf("whole: %d, %v", n, err)
	}
	if err := guarded.Update(func(*bolt.Tx) error { panic("page 5 already freed") }); err == nil || !e.broken.Load() {
		t.Errorf("a panic in a transaction is no error: %v", err)
	}
	if _, err := read(); err != errBroken {
		t.Errorf("after a panic: %v", err)
	}
	e.broken.Store(false)
	if n, err := read(); n != 400 || err != nil {
		t.Errorf("the transaction that panicked was not undone: %d, %v", n, err)
	}
	if err := os.Truncate(path, 8192); err != nil { // what is mapped beyond is a fault
		t.Fatal(err)
	}
	if _, err := read(); err == nil || !e.broken.Load() || !strings.HasPrefix(err.Error(), "internal error: ") {
		t.Errorf("truncated: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- guarded.Update(func(*bolt.Tx) error { return nil }) }()
	select {
	case err := <-done:
		if err != errBroken {
			t.Errorf("after a fault: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the transaction that panicked")
	}
	e.broken.Store(false)
	if err := os.WriteFile(filepath.Join(dir, unreadableFile), nil, 0o600); err != nil || !damage(unseal(dir, time.Time{})) {
		t.Errorf("the next engine trusts it (%v)", err)
	}
	keys := cacheKeys{broken{}, watchful{&e.broken}}
	if _, err := keys.Load("a", "b"); err == nil || keys.Exists("a") || keys.HasLink("a", solver.CacheInfoLink{}, "b") || keys.Walk(nil) == nil {
		t.Error("a damaged cache is read")
	}
}

// broken is a cache that panics.
type broken struct{ solver.CacheKeyStorage }

func (broken) Exists(string) bool                                { panic("page 5") }
func (broken) Walk(func(string) error) error                     { panic("page 5") }
func (broken) Load(string, string) (solver.CacheResult, error)   { panic("page 5") }
func (broken) HasLink(string, solver.CacheInfoLink, string) bool { panic("page 5") }
