// Package netns makes network namespaces and works in them.
package netns
