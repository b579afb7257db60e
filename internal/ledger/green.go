package ledger

import (
	"encoding/json"
	"errors"

	"go.etcd.io/bbolt"
)

// greens has what passed its gates last, by service.
var greens = []byte("greens")

// maxGreens is how many services are kept.
const maxGreens = 2000

// Green returns what KeepGreen kept of a service of a fleet, nil when there is nothing.
func (v View) Green(fleet, name string) json.RawMessage {
	var green stored[json.RawMessage]
	v.get(greens, serviceKey(fleet, name), &green)
	return green.Value
}

// KeepGreen keeps what passed its gates, instead of what was kept of the service before.
func (l *Ledger) KeepGreen(fleet, name string, value json.RawMessage) error {
	return l.open(false, func(db *bbolt.DB) error {
		return db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(greens)
			if err != nil {
				return err
			}
			age, err := b.NextSequence()
			if err != nil {
				return err
			}
			return errors.Join(put(b, serviceKey(fleet, name), stored[json.RawMessage]{age, value}), pruneByRun(b, maxGreens))
		})
	})
}
