//go:build linux

package embedded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/event"
)

// databases are the files of the engine whose damage BuildKit answers with a panic.
func databases() []string {
	const worker = "runc-" + snapshotter
	return []string{
		"cache.db", "history.db",
		filepath.Join(worker, "containerdmeta.db"), filepath.Join(worker, "metadata_v2.db"), filepath.Join(worker, "snapshots", "metadata.db"),
	}
}

// sealFile has what the databases were when the engine closed. It is absent while
// the engine runs, so a killed one leaves none.
const sealFile = "databases.json"

// sealTime is the longest time between sealing and giving the engine back.
const sealTime = 5 * time.Second

// unreadableFile tells the next engine that a database made this one panic.
const unreadableFile = "unreadable"

// seal is one database as the engine left it.
type seal struct {
	Size     int64  `json:"size_bytes"`
	Modified int64  `json:"modified_ns"`
	CRC32C   uint32 `json:"crc32c"` // against accidents; 26 MB take 3 ms, and SHA-256 takes 30

}

// sealDatabases syncs and records the databases of an engine that has closed them.
func sealDatabases(dir string) error {
	seals := map[string]seal{}
	for _, name := range databases() {
		path := filepath.Join(dir, name)
		s, err := measure(path, true)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = syncFile(path)
		}
		if err != nil {
			return fmt.Errorf("recording the databases of the engine: %w", err)
		}
		seals[name] = s
	}
	text, err := json.Marshal(seals)
	if err != nil {
		return err
	}
	return errors.Join(forgetBoot(dir), atomicfile.Write(filepath.Join(dir, sealFile), text, atomicfile.Options{Mode: 0o600}))
}

func measure(path string, digest bool) (seal, error) {
	f, err := os.Open(path)
	if err != nil {
		return seal{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return seal{}, err
	}
	if !info.Mode().IsRegular() {
		return seal{}, fmt.Errorf("%s is not a regular file", path)
	}
	s := seal{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	if digest {
		sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
		if _, err := io.Copy(sum, f); err != nil {
			return seal{}, err
		}
		s.CRC32C = sum.Sum32()
	}
	return s, nil
}

// unseal checks the databases and forgets what they were. Files that are as the
// last process left them cost a stat, others a digest; after a kill each is read
// as BuildKit will read it. The error says what is damaged.
// released is when that process gave the engine back. A Slipway of another version
// knows no seals: what it left is read, too.
func unseal(dir string, released time.Time) error {
	if _, err := os.Stat(filepath.Join(dir, unreadableFile)); err == nil {
		return &damagedError{"databases", errors.New("the last build could not read them")}
	}
	if err := checkBoot(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, sealFile)
	text, err := os.ReadFile(path)
	var seals map[string]seal
	if err == nil {
		info, gone := os.Stat(path)
		if json.Unmarshal(text, &seals) != nil || gone != nil || !released.IsZero() && released.Sub(info.ModTime()) > sealTime {
			seals = nil
		}
		if err := os.Remove(filepath.Join(dir, sealFile)); err != nil {
			return err
		}
	}
	if err := complete(dir); seals == nil && err != nil {
		return err
	}
	for _, name := range databases() {
		err := checkDatabase(filepath.Join(dir, name), seals[name], seals != nil)
		if errors.Is(err, fs.ErrPermission) {
			return err
		}
		if err != nil {
			return &damagedError{name, err}
		}
	}
	return nil
}

// complete says whether a database is missing that the snapshots of an engine need:
// BuildKit would begin a new one, which does not go with the others.
func complete(dir string) error {
	worker := filepath.Join(dir, "runc-"+snapshotter)
	if entries, err := os.ReadDir(filepath.Join(worker, "snapshots", "snapshots")); err != nil || len(entries) == 0 {
		return nil
	}
	for _, name := range databases()[2:] {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			return &damagedError{name, errors.New("it is missing or empty")}
		}
	}
	return nil
}

// damagedError says which database is damaged.
type damagedError struct {
	name string
	err  error
}

func (e *damagedError) Error() string {
	return filepath.Base(e.name) + ": " + strings.Join(strings.Fields(e.err.Error()), " ")
}
func (e *damagedError) Unwrap() error { return e.err }

func checkDatabase(path string, before seal, sealed bool) error {
	now, err := measure(path, false)
	switch {
	case errors.Is(err, fs.ErrNotExist) && before == seal{}:
		return nil
	case err != nil:
		return err // also a file that is missing
	case !sealed:
		return readDatabase(path)
	case before == seal{}:
		return errors.New("the engine did not write it")
	case now.Size != before.Size:
		return fmt.Errorf("it has %d bytes, not %d", now.Size, before.Size)
	case now.Modified == before.Modified:
		return nil
	}
	if now, err = measure(path, true); err == nil && now.CRC32C != before.CRC32C {
		err = errors.New("its content changed while no engine ran")
	}
	return err
}

// readDatabase reads a database as far as a build could: a page that points
// outside of the file is a fault of the processor, which only the goroutine that
// asks for it turns into a panic.
func readDatabase(path string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return nil // bolt makes a new one of it
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true, Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bolt.Tx) error {
		if tx.Size() > info.Size() {
			return fmt.Errorf("it has %d bytes of %d", info.Size(), tx.Size())
		}
		if err := tx.ForEach(func(_ []byte, b *bolt.Bucket) error { return readBucket(b, 0) }); err != nil {
			return err
		}
		return checkPages(tx)
	})
}

// checkPages compares the pages that the buckets reach with those that are not
// free, as Tx.Check does, which reads in a goroutine of its own, where a fault ends
// the process. One page for two purposes makes bolt panic when it writes.
func checkPages(tx *bolt.Tx) error {
	s := tx.Cursor().Bucket().Stats()
	reached, used, lists := s.BranchPageN+s.BranchOverflowN+s.LeafPageN+s.LeafOverflowN, 0, 0
	id, pages := 0, int(tx.Size()/int64(tx.DB().Info().PageSize))
	for {
		p, err := tx.Page(id)
		if err != nil {
			return err
		}
		if p == nil {
			break
		}
		id++
		if p.Type == "branch" || p.Type == "leaf" {
			used += 1 + p.OverflowCount
			id += p.OverflowCount
		}
		if p.Type == "freelist" {
			lists++
			id += p.OverflowCount
		}
	}
	if id != pages || lists != 1 {
		return fmt.Errorf("its %d pages have sizes for %d, and %d lists of free ones", pages, id, lists)
	}
	if s.LeafInuse > s.LeafAlloc || s.BranchInuse > s.BranchAlloc {
		return errors.New("a page has more content than room")
	}
	if reached != used {
		return fmt.Errorf("its buckets have %d pages, of which %d are there", reached, used)
	}
	return nil
}

func readBucket(b *bolt.Bucket, depth int) error {
	if depth > 50 {
		return errors.New("its buckets contain each other")
	}
	most := int(b.Tx().Size())
	var before []byte
	finder := b.Cursor()
	return b.ForEach(func(k, v []byte) error {
		if before != nil && bytes.Compare(before, k) >= 0 {
			return errors.New("its keys are not in order")
		}
		if found, _ := finder.Seek(k); !bytes.Equal(found, k) {
			return errors.New("a key is not found where it belongs")
		}
		before = k
		if len(k)+len(v) > most {
			return errors.New("a value is larger than the file")
		}
		_ = bytes.Count(v, []byte{1}) // reads it whole
		if v != nil {
			return nil
		}
		inner := b.Bucket(k)
		if inner == nil {
			return errors.New("a bucket is missing")
		}
		return readBucket(inner, depth+1)
	})
}

// damage tells whether an error of opening the engine, or a panic, comes from a
// damaged database rather than from the machine.
func damage(err error) bool {
	if errors.As(err, new(*damagedError)) || errors.As(err, new(*panicked)) {
		return true
	}
	if errors.As(err, new(*json.SyntaxError)) || errors.As(err, new(*json.UnmarshalTypeError)) {
		return true
	}
	for _, known := range []error{berrors.ErrInvalid, berrors.ErrVersionMismatch, berrors.ErrChecksum, berrors.ErrInvalidMapping, berrors.ErrIncompatibleValue} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// setAside keeps the databases of a damaged engine beside it, those of the last
// one only, and removes the rest of it: layers and cache are made again.
func setAside(dir string, why error, sink event.Sink) error {
	old, err := filepath.Glob(dir + ".damaged-*")
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing an older damaged engine: %w", err)
		}
	}
	aside := dir + ".damaged-" + time.Now().UTC().Format("20060102T150405Z")
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return fmt.Errorf("keeping the damaged engine: %w", err)
	}
	for _, name := range append(databases(), "engine.log") {
		err := os.Rename(filepath.Join(dir, name), filepath.Join(aside, filepath.Base(filepath.Dir(name))+"-"+filepath.Base(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keeping the damaged engine: %w", err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("clearing the damaged engine: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "lock" {
			continue // this process has it
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("clearing the damaged engine: %w", err)
		}
	}
	sink.Emit(event.Note{Warning: true, Text: fmt.Sprintf(
		"the build cache was damaged (%s): Slipway starts an empty one and keeps the damaged databases in %s", why, aside)})
	return nil
}
