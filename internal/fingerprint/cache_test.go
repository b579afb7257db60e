package fingerprint

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

// counted asks a cache and tells whether the file was read.
func counted(t *testing.T, c *Cache, e Entry) bool {
	t.Helper()
	sum, known := c.sum(e, image)
	if known && sum != ([32]byte{1}) {
		t.Errorf("%v", sum)
	}
	if !known {
		c.learn(e, [32]byte{1}, 0)
	}
	return !known
}

func kept(t *testing.T, c *Cache, now time.Time) *Cache {
	t.Helper()
	var file bytes.Buffer
	if err := c.Encode(&file); err != nil {
		t.Fatal(err)
	}
	c, err := DecodeCache(file.Bytes(), now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAFileIsReadAgainWhenAnythingSaysThatItMayHaveChanged(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	old := now.Add(-time.Hour).UnixNano()
	e := Entry{Mode: 0o644, Size: 3, MTime: old, CTime: old, Inode: 5, Device: 1}
	for name, change := range map[string]func(e *Entry){
		"size": func(e *Entry) { e.Size++ }, "mtime": func(e *Entry) { e.MTime++ }, "ctime": func(e *Entry) { e.CTime++ },
		"mode": func(e *Entry) { e.Mode = 0o755 }, "inode": func(e *Entry) { e.Inode++ }, "device": func(e *Entry) { e.Device++ },
		"a file system that cannot be trusted": func(e *Entry) { e.CTime = 0 },
	} {
		c := NewCache(now)
		if !counted(t, c, e) || counted(t, c, e) {
			t.Fatal("a file is read once")
		}
		c = kept(t, c, now.Add(time.Minute))
		if counted(t, c, e) {
			t.Fatal("a file is read once by two commands")
		}
		if c.Changed() {
			t.Error("an unchanged cache is written")
		}
		other := e
		change(&other)
		if !counted(t, c, other) {
			t.Errorf("a change of the %s goes unseen", name)
		}
	}
}

func TestAFileThatHasJustChangedIsNotTrusted(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	old, young := now.Add(-time.Hour).UnixNano(), now.Add(-time.Second).UnixNano()
	for name, e := range map[string]Entry{
		"mtime": {MTime: young, CTime: old, Inode: 1}, "ctime": {MTime: old, CTime: young, Inode: 1},
		"future": {MTime: now.Add(time.Hour).UnixNano(), CTime: old, Inode: 1},
	} {
		c := NewCache(now)
		counted(t, c, e)
		if !counted(t, c, e) {
			t.Errorf("%s: the digest of a file that may change unseen is kept", name)
		}
	}
}

func TestDigestsThatNobodyAsksForGo(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	day := 24 * time.Hour
	used := Entry{MTime: 1, CTime: 1, Inode: 1}
	unused := Entry{MTime: 1, CTime: 1, Inode: 2}
	c := NewCache(now)
	counted(t, c, used)
	counted(t, c, unused)
	for range 10 {
		now = now.Add(8 * day)
		c = kept(t, c, now)
		if counted(t, c, used) {
			t.Fatal("a digest that is in use is lost")
		}
	}
	if _, ok := c.find(cacheKey{0, 2}); ok {
		t.Error("a digest that is not in use stays")
	}
}

func TestADamagedCacheIsEmpty(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c := NewCache(now)
	e := Entry{MTime: 1, CTime: 1, Inode: 1}
	counted(t, c, e)
	var file bytes.Buffer
	if err := c.Encode(&file); err != nil {
		t.Fatal(err)
	}
	for i := range file.Len() {
		data := bytes.Clone(file.Bytes())
		data[i] ^= 1
		c, err := DecodeCache(data, now)
		if !errors.Is(err, errDamaged) || !counted(t, c, e) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	if _, err := DecodeCache(file.Bytes()[:file.Len()-1], now); !errors.Is(err, errDamaged) {
		t.Error(err)
	}
}

// TestADigestWithAttributesIsThatOfASight: those who see other attributes read the file.
func TestADigestWithAttributesIsThatOfASight(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	old := now.Add(-time.Hour).UnixNano()
	e := Entry{Mode: 0o644, Size: 3, MTime: old, CTime: old, Inode: 5, Device: 1}
	for attribute, want := range map[string][][]sight{ // who sees the same
		"user.x":              {{elsewhere, step}, {image}},
		"security.capability": {{elsewhere}, {step, image}},
		"security.selinux":    {{elsewhere, step, image}},
		"user.overlay.opaque": {{elsewhere, step, image}},
	} {
		for _, group := range want {
			for _, s := range group {
				c := NewCache(now)
				c.learn(e, [32]byte{1}, s.alike(AppendAttribute(nil, attribute, "1")))
				c = kept(t, c, now)
				for _, other := range []sight{elsewhere, step, image} {
					if _, ok := c.sum(e, other); ok != slices.Contains(group, other) {
						t.Errorf("%s: kept for %d, there for %d: %v", attribute, s, other, ok)
					}
				}
			}
		}
	}
}

func FuzzDecodeCache(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	c := NewCache(now)
	c.learn(Entry{MTime: 1, CTime: 1, Inode: 1}, [32]byte{1}, 0)
	var file bytes.Buffer
	if err := c.Encode(&file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte(cacheMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeCache(data, now)
		if err != nil {
			if len(c.known) > 0 {
				t.Error("a damaged cache has entries")
			}
			return
		}
		var again bytes.Buffer
		if err := c.Encode(&again); err != nil {
			t.Error(err)
		}
		if _, err := DecodeCache(again.Bytes(), now); err != nil {
			t.Error(err)
		}
	})
}
