//go:build !linux

package netns

import "errors"

// Exec does nothing here: steps run on Linux.
func Exec(string, string, []string, []string) error { return errors.ErrUnsupported }
