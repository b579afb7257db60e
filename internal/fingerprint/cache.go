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
	"sync"
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
type Cache struct {
	now   int64 // nanoseconds, before the first look at a file
	known map[cacheKey]cacheValue

	mu    sync.Mutex
	fresh map[cacheKey]cacheValue
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
	return &Cache{now: now.UnixNano(), known: map[cacheKey]cacheValue{}, fresh: map[cacheKey]cacheValue{}}
}

func (c *Cache) day() uint32 { return uint32(c.now / int64(24*time.Hour)) }

// sum returns the kept digest of an entry, else computes and keeps it.
func (c *Cache) sum(e Entry, compute func() ([32]byte, error)) ([32]byte, error) {
	if c == nil || e.CTime == 0 || e.Inode == 0 {
		return compute()
	}
	k := cacheKey{e.Device, e.Inode}
	v := cacheValue{size: e.Size, mtime: e.MTime, ctime: e.CTime, mode: uint32(e.Mode)}
	if old, ok := c.find(k); ok {
		v.day, v.sum = old.day, old.sum
		if v == old {
			c.used(k, v)
			return v.sum, nil
		}
	}
	var err error
	if v.sum, err = compute(); err != nil {
		return v.sum, err
	}
	v.day = c.day()
	if limit := c.now - int64(racy); e.MTime < limit && e.CTime < limit {
		c.keep(k, v)
	}
	return v.sum, nil
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
	c.mu.Lock()
	v, ok := c.fresh[k]
	c.mu.Unlock()
	if !ok {
		v, ok = c.known[k]
	}
	return v, ok
}

func (c *Cache) keep(k cacheKey, v cacheValue) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh[k] = v
}

// Changed reports whether there is anything to write.
func (c *Cache) Changed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.fresh) > 0
}

// The file: magic, records of a fixed size sorted by device and inode, and the
// SHA-256 of all before it.
const (
	cacheMagic  = "slipway digests 1\n"
	cacheRecord = 8 + 8 + 8 + 8 + 8 + 4 + 4 + 32
)

var errDamaged = errors.New("the cache of file digests is damaged")

// Encode writes the cache. Write it beside the old file and rename it.
func (c *Cache) Encode(w io.Writer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := maps.Clone(c.known)
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
	out := make([]byte, 0, len(cacheMagic)+len(keys)*cacheRecord+sha256.Size)
	out = append(out, cacheMagic...)
	le := binary.LittleEndian
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
	sum := sha256.Sum256(out)
	if _, err := w.Write(append(out, sum[:]...)); err != nil {
		return fmt.Errorf("writing the cache of file digests: %w", err)
	}
	return nil
}

// DecodeCache reads what Encode wrote. The cache is usable, and empty, when the
// error says that the data is damaged.
func DecodeCache(data []byte, now time.Time) (*Cache, error) {
	c := NewCache(now)
	body, ok := bytes.CutPrefix(data, []byte(cacheMagic))
	if !ok || len(body) < sha256.Size || (len(body)-sha256.Size)%cacheRecord != 0 {
		return c, errDamaged
	}
	end := len(data) - sha256.Size
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return c, errDamaged
	}
	body = body[:len(body)-sha256.Size]
	c.known = make(map[cacheKey]cacheValue, len(body)/cacheRecord)
	le := binary.LittleEndian
	for ; len(body) > 0; body = body[cacheRecord:] {
		v := cacheValue{
			size: int64(le.Uint64(body[16:])), mtime: int64(le.Uint64(body[24:])), ctime: int64(le.Uint64(body[32:])),
			mode: le.Uint32(body[40:]), day: le.Uint32(body[44:]),
		}
		copy(v.sum[:], body[48:])
		c.known[cacheKey{le.Uint64(body), le.Uint64(body[8:])}] = v
	}
	return c, nil
}
