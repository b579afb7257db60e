package osv

import (
	"encoding/json"
	"slices"

	"github.com/slipway-build/slipway/internal/advisory"
)

// ratings are the severities that records state, for those that state none: PyPI's and
// Go's own records have no severity, and the record of GitHub about the same flaw has.
type ratings struct {
	of      map[string]advisory.Rating // by identifier and by other names
	missing []place
}

// place is where a record without severity is kept.
type place struct {
	ecosystem, name string
	index           int
}

// note remembers the severity of a record, if it has one, under all its names.
func (r *ratings) note(record advisory.Record) {
	rating, ok := record.Rating()
	if !ok {
		return
	}
	if r.of == nil {
		r.of = map[string]advisory.Rating{}
	}
	names := append([]string{record.ID}, record.Aliases...)
	if len(record.Upstream) == 1 { // a notice about several flaws rates none of them
		names = append(names, record.Upstream...)
	}
	for _, name := range names {
		if before, ok := r.of[name]; !ok || worse(rating, before) {
			r.of[name] = rating
		}
	}
}

// worse orders ratings, so that the order of records does not matter.
func worse(a, b advisory.Rating) bool {
	if a.Severity != b.Severity {
		return a.Severity.Rank() < b.Severity.Rank()
	}
	if a.Score != b.Score {
		return a.Score > b.Score
	}
	return a.From < b.From
}

// lent is the worst rating of the names of a record. A notice about several flaws is
// as bad as the worst of them.
func (r *ratings) lent(record advisory.Record) *advisory.Rating {
	var out *advisory.Rating
	for _, name := range slices.Concat([]string{record.ID}, record.Aliases, record.Upstream) {
		if rating, ok := r.of[name]; ok && (out == nil || worse(rating, *out)) {
			out = &rating
		}
	}
	return out
}

// lend completes the records without severity. It runs when all records are known.
func (b *builder) lend() error {
	for _, at := range b.ratings.missing {
		list := b.packages[at.ecosystem][at.name]
		var record advisory.Record
		if err := json.Unmarshal(list[at.index], &record); err != nil {
			return err
		}
		if record.Lent = b.ratings.lent(record); record.Lent == nil {
			continue
		}
		data, err := json.Marshal(record)
		if err != nil {
			return err
		}
		list[at.index] = data
	}
	return nil
}
