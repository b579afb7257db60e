package download

import (
	"sync"
)

// Keyed is one lock for each key. The zero value is ready.
type Keyed struct{ locks sync.Map }

// Lock waits for the key's lock and returns what frees it.
func (k *Keyed) Lock(key string) (unlock func()) {
	m, _ := k.locks.LoadOrStore(key, &sync.Mutex{})
	m.(*sync.Mutex).Lock()
	return m.(*sync.Mutex).Unlock
}
