// Package queue holds what is to be done.
package queue

// Queue is a list of jobs.
type Queue struct{ jobs []string }

// New returns an empty queue.
func New() *Queue { return &Queue{} }

// Len returns how many jobs wait.
func (q *Queue) Len() int { return len(q.jobs) }
