// Package library has no program.
package library
