package embedded

import (
	"sync/atomic"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/cache/contenthash"
	"github.com/moby/buildkit/cache/metadata"
)

// opened says that this process has had an engine before.
var opened atomic.Bool

// forgetDigests drops what BuildKit remembers of the files of records, in a variable of its
// package: of an engine that this process had before, whose database is closed.
func forgetDigests(records *metadata.Store) error {
	if !opened.Swap(true) {
		return nil
	}
	all, err := records.All()
	for _, r := range all {
		contenthash.ClearCacheContext(record{id: r.ID()})
	}
	return err
}

// record is one of which only the name matters.
type record struct {
	cache.RefMetadata
	id string
}

// ID implements cache.RefMetadata.
func (r record) ID() string { return r.id }
