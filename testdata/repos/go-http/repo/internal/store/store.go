// Package store keeps notes in memory.
package store

import "sync"

// Store is safe for concurrent use.
type Store struct {
	mu    sync.Mutex
	notes []string
}

// New returns a store with a first note.
func New() *Store { return &Store{notes: []string{"hello"}} }

// All returns the notes.
func (s *Store) All() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.notes...)
}
