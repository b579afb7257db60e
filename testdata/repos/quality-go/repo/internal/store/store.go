// Package store keeps orders.
package store

// Store is where orders are.
type Store struct{ Address string }

// Open takes the address of a database.
func Open(address string) Store { return Store{address} }
