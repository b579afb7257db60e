// Package osv keeps a database of vulnerabilities on the disk: records in the OSV
// format, by ecosystem and package, in dated directories of which one is current. An
// update builds a new directory beside the old one and then names it, so that a
// search never sees half of one. It matches nothing.
//
//	db, err := osv.Open(dir)
//	records, err := db.Records("npm", "lodash")
package osv

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/diag"
)

// The files of a database.
const (
	currentFile = "current"                  // names the directory that counts
	aboutFile   = "about.json"               // of it
	format      = "slipway advisories 1\n\n" // and a table of slots
	slotBytes   = 20                         // hash of the name, offset, length
)

// ErrNone says that there is no database.
var ErrNone = errors.New("no database of vulnerabilities")

// About is what a database says of itself.
type About struct {
	Format     int                  `json:"format"`
	Source     string               `json:"source"`
	Ecosystems map[string]Ecosystem `json:"ecosystems"`
}

// Ecosystem is a part of it.
type Ecosystem struct {
	Records int       `json:"records"`
	Updated time.Time `json:"updated"`
}

// formatNumber changes with the format.
const formatNumber = 1

// Database is one that is open for searching. It is not safe for concurrent use.
type Database struct {
	About
	dir    string
	tables map[string]*table
}

// table is the file of an ecosystem.
type table struct {
	file  *os.File
	slots []byte
}

// Open opens the current database below a directory; ErrNone when there is none.
func Open(dir string) (*Database, error) {
	name, err := os.ReadFile(filepath.Join(dir, currentFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	db := &Database{dir: filepath.Join(dir, filepath.Base(strings.TrimSpace(string(name)))), tables: map[string]*table{}}
	data, err := os.ReadFile(filepath.Join(db.dir, aboutFile))
	if err == nil {
		err = json.Unmarshal(data, &db.About)
	}
	if err != nil {
		return nil, damaged(db.dir, err)
	}
	if db.Format != formatNumber {
		return nil, diag.Fail(diag.ExitUsage, "the database of vulnerabilities in %s has format %d, and this slipway reads format %d", db.dir, db.Format, formatNumber).
			WithHint("slipway scan --update")
	}
	return db, nil
}

func damaged(path string, err error) error {
	return diag.Fail(diag.ExitUsage, "the database of vulnerabilities in %s is damaged", path).Because(err).WithHint("slipway scan --update")
}

// Close closes its files.
func (db *Database) Close() error {
	var err error
	for _, t := range db.tables {
		err = errors.Join(err, t.file.Close())
	}
	db.tables = map[string]*table{}
	return err
}

// State is what the database says for an image with packages of some ecosystems.
func (db *Database) State(wanted []string) advisory.Database {
	var out advisory.Database
	for _, name := range wanted {
		e, ok := db.Ecosystems[name]
		if !ok {
			out.Missing = append(out.Missing, name)
			continue
		}
		out.Ecosystems = append(out.Ecosystems, name)
		if out.Updated.IsZero() || e.Updated.Before(out.Updated) {
			out.Updated = e.Updated
		}
	}
	slices.Sort(out.Ecosystems)
	slices.Sort(out.Missing)
	return out
}

// Records implements advisory.Source.
func (db *Database) Records(ecosystem, name string) ([]advisory.Record, error) {
	if _, ok := db.Ecosystems[ecosystem]; !ok {
		return nil, nil
	}
	t := db.tables[ecosystem]
	if t == nil {
		var err error
		if t, err = openTable(filepath.Join(db.dir, ecosystem)); err != nil {
			return nil, damaged(filepath.Join(db.dir, ecosystem), err)
		}
		db.tables[ecosystem] = t
	}
	records, err := t.find(name)
	if err != nil {
		return nil, damaged(filepath.Join(db.dir, ecosystem), err)
	}
	return records, nil
}

func hashOf(name string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name) // never fails
	return h.Sum64()
}

var errFormat = errors.New("not a table of advisories")

// openTable reads the slots of a file.
func openTable(path string) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &table{file: f}
	head := make([]byte, len(format)+8)
	if _, err = io.ReadFull(f, head); err == nil && string(head[:len(format)]) != format {
		err = errFormat
	}
	var info os.FileInfo
	if err == nil {
		info, err = f.Stat()
	}
	if err == nil {
		count := binary.LittleEndian.Uint64(head[len(format):])
		if count > uint64(info.Size())/slotBytes {
			err = errFormat
		} else {
			t.slots = make([]byte, count*slotBytes)
			_, err = io.ReadFull(f, t.slots)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// entry is what a table has of a package.
type entry struct {
	Name    string            `json:"name"`
	Records []advisory.Record `json:"records"`
}

// maxEntry is the largest entry that is read; that of the Linux kernel has 20 MB.
const maxEntry = 128 << 20

// find returns the records of a package.
func (t *table) find(name string) ([]advisory.Record, error) {
	want := hashOf(name)
	slot := func(i int) []byte { return t.slots[i*slotBytes:] }
	count := len(t.slots) / slotBytes
	low, high := 0, count
	for low < high {
		if mid := (low + high) / 2; binary.LittleEndian.Uint64(slot(mid)) < want {
			low = mid + 1
		} else {
			high = mid
		}
	}
	for ; low < count && binary.LittleEndian.Uint64(slot(low)) == want; low++ {
		size := binary.LittleEndian.Uint32(slot(low)[16:])
		if size > maxEntry {
			return nil, errFormat
		}
		data := make([]byte, size)
		if _, err := t.file.ReadAt(data, int64(binary.LittleEndian.Uint64(slot(low)[8:]))); err != nil {
			return nil, err
		}
		var e entry
		if err := json.Unmarshal(data, &e); err != nil {
			return nil, err
		}
		if e.Name == name {
			return e.Records, nil
		}
	}
	return nil, nil
}

// writeTable writes the records of an ecosystem by package.
func writeTable(path string, packages map[string][][]byte) (err error) {
	names := make([]string, 0, len(packages))
	for name := range packages {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(hashOf(a), hashOf(b)), strings.Compare(a, b)) })
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var head, body bytes.Buffer
	head.WriteString(format)
	head.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(names))))
	at := int64(head.Len() + len(names)*slotBytes)
	for _, name := range names {
		quoted, err := json.Marshal(name)
		if err != nil {
			return err
		}
		slices.SortFunc(packages[name], bytes.Compare)
		data := slices.Concat([]byte(`{"name":`), quoted, []byte(`,"records":[`), bytes.Join(packages[name], []byte(",")), []byte("]}"))
		head.Write(binary.LittleEndian.AppendUint64(nil, hashOf(name)))
		head.Write(binary.LittleEndian.AppendUint64(nil, uint64(at)))
		head.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(data))))
		body.Write(data)
		at += int64(len(data))
	}
	if _, err := f.Write(head.Bytes()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if _, err := body.WriteTo(f); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return f.Sync()
}
