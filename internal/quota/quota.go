// Package quota bounds what archives and layers unpack to: a few kilobytes can hold
// terabytes of zeros. It counts what headers announce, before anything is written.
//
//	q := quota.New(20e9)
//	if err := q.Take(header.Size); err != nil {
//		return err
//	}
package quota

import "fmt"

const (
	usual = 20_000_000_000 // bytes; the largest images of machine learning take 15
	entry = 512            // bytes that an empty file counts as: it takes an inode
)

// Default is the limit on a disk with free bytes: 20 GB, or a tenth of what is free
// when that is more, and never so much that the disk fills up.
func Default(free int64) int64 { return min(max(usual, free/10), free/10*9) }

// Message matches the text of an Exceeded, where only texts get through.
const Message = `it unpacks to more than [0-9.]+ [MG]B`

// Quota counts what is unpacked. It is not safe for concurrent use.
type Quota struct{ left, limit int64 }

// New returns a quota of so many bytes; 0: without a limit.
func New(limit int64) *Quota { return &Quota{limit, limit} }

// Take counts an entry of an archive.
func (q *Quota) Take(size int64) error {
	if q.limit == 0 {
		return nil
	}
	if size < 0 || size > q.left-entry {
		return &Exceeded{q.limit}
	}
	q.left -= size + entry
	return nil
}

// Taken is what was counted.
func (q *Quota) Taken() int64 { return q.limit - q.left }

// Exceeded says that an archive unpacks to more than its limit.
type Exceeded struct{ Limit int64 }

func (e *Exceeded) Error() string {
	if e.Limit < 1e9 {
		return fmt.Sprintf("it unpacks to more than %.1f MB", float64(e.Limit)/1e6)
	}
	return fmt.Sprintf("it unpacks to more than %.1f GB", float64(e.Limit)/1e9)
}
