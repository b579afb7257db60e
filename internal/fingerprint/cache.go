package fingerprint

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// racy is how much older than the start of a walk the last change of a file has
// to be for its digest to be kept: a file system whose clock is coarse gives a
// later change the same time. FAT counts in two seconds.
const racy = 2 * time.Second

// Entries that nothing asked for in unusedDays are dropped; using one is noted
// once in noteDays, so that an unchanged cache need not be written.
const (
	unusedDays = 30
	noteDays   = 7
)

// Cache keeps the digests of files by what the file system says of them, as
// git's index does: device, inode, size, mode, modification and change time.
// Any difference, and a file whose change time is not reliable or not safely in
// the past, means that the file is read. It holds for every file at any path,
// and is safe for concurrent use. A nil Cache keeps nothing.
//
// What it cannot see is what git cannot see either: a write through a shared
// memory mapping to a page that was already dirty when the file was read, and a
// system clock that is set back to the very nanosecond.
//
// Beside them it keeps what Dockerfiles read, so that an unchanged one need not
// be parsed.
type Cache struct {
	now   int64 // nanoseconds, before the first look at a file
	known cacheRecords
	reads map[string]keptReads

	learned    atomic.Bool // fresh has something
	mu         sync.Mutex
	fresh      map[cacheKey]cacheValue
	freshReads map[string]keptReads
}

type cacheKey struct{ device, inode uint64 }

type cacheValue struct {
	size, mtime, ctime int64
	mode               uint32
	day                uint32 // of its last use, since 1970
	sum                [32]byte
}

// NewCache returns an empty cache. now is the time before the first walk that
// uses it.
func NewCache(now time.Time) *Cache {
	return &Cache{now: now.UnixNano(), fresh: map[cacheKey]cacheValue{}, freshReads: map[string]keptReads{}}
}

func (c *Cache) day() uint32 { return uint32(c.now / int64(24*time.Hour)) }

// sum returns the kept digest of an entry, as it is for a sight. A file with attributes that
// not all sights see has several; bits of its mode tell whose is kept.
func (c *Cache) sum(e Entry, s sight) (sum [32]byte, ok bool) {
	if !c.takes(e) {
		return sum, false
	}
	k, v := cached(e)
	old, ok := c.find(k)
	if of := old.mode & sights; of != 0 && of&s.bit() == 0 {
		return sum, false
	}
	v.mode |= old.mode & sights
	if v.day, v.sum = old.day, old.sum; !ok || v != old {
		return sum, false
	}
	c.used(k, v)
	return v.sum, true
}

// learn keeps the digest of an entry, unless the entry is so new that it could change
// without a sign of it. alike are the sights whose digest it is, none for all.
func (c *Cache) learn(e Entry, sum [32]byte, alike uint32) {
	if !c.takes(e) {
		return
	}
	k, v := cached(e)
	v.day, v.sum = c.day(), sum
	v.mode |= alike
	if limit := c.now - int64(racy); e.MTime < limit && e.CTime < limit {
		c.keep(k, v)
	}
}

// takes reports whether an entry can be told from each other one.
func (c *Cache) takes(e Entry) bool { return c != nil && e.CTime != 0 && e.Inode != 0 }

func cached(e Entry) (cacheKey, cacheValue) {
	return cacheKey{e.Device, e.Inode}, cacheValue{size: e.Size, mtime: e.MTime, ctime: e.CTime, mode: uint32(e.Mode)}
}

// used notes a use, now and then.
func (c *Cache) used(k cacheKey, v cacheValue) {
	if today := c.day(); v.day+noteDays <= today {
		v.day = today
		c.keep(k, v)
	}
}

// find prefers what was learned since the cache was read; nobody writes to the
// rest.
func (c *Cache) find(k cacheKey) (cacheValue, bool) {
	if c.learned.Load() {
		c.mu.Lock()
		v, ok := c.fresh[k]
		c.mu.Unlock()
		if ok {
			return v, ok
		}
	}
	return c.known.find(k)
}

func (c *Cache) keep(k cacheKey, v cacheValue) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh[k] = v
	c.learned.Store(true)
}

// Changed reports whether there is anything to write.
func (c *Cache) Changed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.fresh) > 0 || len(c.freshReads) > 0
}

// The file: magic, the number of records, records of a fixed size sorted by
// device and inode, what Dockerfiles read as JSON, and the SHA-256 of all before it.
const (
	cacheMagic  = "slipway digests 3\n"
	cacheRecord = 8 + 8 + 8 + 8 + 8 + 4 + 4 + 32
)

var errDamaged = errors.New("the cache of file digests is damaged")

// Encode writes the cache. Write it beside the old file and rename it.
func (c *Cache) Encode(w io.Writer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[cacheKey]cacheValue{}
	for i := range c.known.len() {
		k, v := c.known.at(i)
		all[k] = v
	}
	maps.Copy(all, c.fresh)
	keys := make([]cacheKey, 0, len(all))
	for k, v := range all {
		if v.day+unusedDays >= c.day() {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b cacheKey) int {
		return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.inode, b.inode))
	})
	reads, err := c.encodeReads()
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	out := make([]byte, 0, len(cacheMagic)+8+len(keys)*cacheRecord+len(reads)+sha256.Size)
	out = append(out, cacheMagic...)
	out = le.AppendUint64(out, uint64(len(keys)))
	for _, k := range keys {
		v := all[k]
		out = le.AppendUint64(out, k.device)
		out = le.AppendUint64(out, k.inode)
		out = le.AppendUint64(out, uint64(v.size))
		out = le.AppendUint64(out, uint64(v.mtime))
		out = le.AppendUint64(out, uint64(v.ctime))
		out = le.AppendUint32(out, v.mode)
		out = le.AppendUint32(out, v.day)
		out = append(out, v.sum[:]...)
	}
	out = append(out, reads...)
	sum := sha256.Sum256(out)
	if _, err := w.Write(append(out, sum[:]...)); err != nil {
		return fmt.Errorf("writing the cache of file digests: %w", err)
	}
	return nil
}

// DecodeCache reads what Encode wrote, and keeps the data. The cache is usable,
// and empty, when the error says that the data is damaged.
func DecodeCache(data []byte, now time.Time) (*Cache, error) {
	c := NewCache(now)
	body, ok := bytes.CutPrefix(data, []byte(cacheMagic))
	if !ok || len(body) < 8+sha256.Size {
		return c, errDamaged
	}
	end := len(data) - sha256.Size
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return c, errDamaged
	}
	n, body := binary.LittleEndian.Uint64(body), body[8:len(body)-sha256.Size]
	if n > uint64(len(body)/cacheRecord) {
		return c, errDamaged
	}
	records, reads := body[:n*cacheRecord], body[n*cacheRecord:]
	if err := c.decodeReads(reads); err != nil {
		return c, errDamaged
	}
	c.known = records
	return c, nil
}

// cacheRecords are the records of a file, as they are there: most of them are
// asked for once or never, so that building a map of them would take longer.
type cacheRecords []byte

func (r cacheRecords) len() int { return len(r) / cacheRecord }

func (r cacheRecords) at(i int) (cacheKey, cacheValue) {
	b, le := r[i*cacheRecord:], binary.LittleEndian
	v := cacheValue{
		size: int64(le.Uint64(b[16:])), mtime: int64(le.Uint64(b[24:])), ctime: int64(le.Uint64(b[32:])),
		mode: le.Uint32(b[40:]), day: le.Uint32(b[44:]),
	}
	copy(v.sum[:], b[48:])
	return cacheKey{le.Uint64(b), le.Uint64(b[8:])}, v
}

func (r cacheRecords) find(k cacheKey) (cacheValue, bool) {
	le := binary.LittleEndian
	i, found := sort.Find(r.len(), func(i int) int {
		b := r[i*cacheRecord:]
		return cmp.Or(cmp.Compare(k.device, le.Uint64(b)), cmp.Compare(k.inode, le.Uint64(b[8:])))
	})
	if !found {
		return cacheValue{}, false
	}
	_, v := r.at(i)
	return v, true
}
