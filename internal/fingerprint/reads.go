package fingerprint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/slipway-build/slipway/internal/dockerfile"
)

// keptReads is what a Dockerfile reads, by all that decides it.
type keptReads struct {
	dockerfile.Reads
	Day uint32 // of its last use, since 1970
}

// reads finds what the build reads, and parses the Dockerfile only if that is
// not known. given are the names that a named context or a base replaces.
func (in *Input) reads(given map[string]bool) (dockerfile.Reads, error) {
	return in.Cache.readsOf(in.readsKey(given), func() (dockerfile.Reads, error) {
		if in.File == nil || !in.File.Of(in.Dockerfile) {
			file, err := dockerfile.Read("Dockerfile", in.Dockerfile)
			if err != nil {
				return dockerfile.Reads{}, err
			}
			in.File = &file
		}
		return in.File.Reads(in.Target, in.Args, func(name string) bool { return given[name] }), nil
	})
}

// readsKey names the question. The recipe is part of it, as another Slipway may
// give another answer.
func (in *Input) readsKey(given map[string]bool) string {
	d := newDigester()
	for _, part := range []string{version, in.Recipe, string(in.Dockerfile), in.Target} {
		d.text(part)
	}
	d.number(uint64(len(in.Args)))
	for _, name := range slices.Sorted(maps.Keys(in.Args)) {
		d.text(name)
		d.text(in.Args[name])
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		d.text(name)
	}
	return d.hex()
}

// readsOf returns the kept answer, else finds and keeps it.
func (c *Cache) readsOf(key string, find func() (dockerfile.Reads, error)) (dockerfile.Reads, error) {
	if c == nil {
		return find()
	}
	c.mu.Lock()
	kept, ok := c.freshReads[key]
	c.mu.Unlock()
	if !ok {
		kept, ok = c.reads[key]
	}
	today := c.day()
	if ok && kept.Day+noteDays > today {
		return kept.Reads, nil
	}
	if !ok {
		var err error
		if kept.Reads, err = find(); err != nil {
			return kept.Reads, err
		}
	}
	kept.Day = today
	c.mu.Lock()
	defer c.mu.Unlock()
	c.freshReads[key] = kept
	return kept.Reads, nil
}

// encodeReads writes the answers that were used lately; the lock is held.
func (c *Cache) encodeReads() ([]byte, error) {
	all := maps.Clone(c.reads)
	if all == nil {
		all = map[string]keptReads{}
	}
	maps.Copy(all, c.freshReads)
	maps.DeleteFunc(all, func(_ string, r keptReads) bool { return r.Day+unusedDays < c.day() })
	data, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("writing what Dockerfiles read: %w", err)
	}
	return data, nil
}

func (c *Cache) decodeReads(data []byte) error { return json.Unmarshal(data, &c.reads) }
