// Package lib is replaced.
package lib

// Name is a name.
const Name = "lib"
