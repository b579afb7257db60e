// Package disk gives fingerprint the directories of this machine: what a file
// system says of its files in as few calls as it takes, hard links and extended
// attributes included. It writes nothing and follows no link out of a
// directory but that to the directory itself.
//
// Outside of Linux every file is read each time, and extended attributes are
// not seen.
//
//	tree, err := disk.Open("services/web")
//	print, err := fingerprint.Of(ctx, fingerprint.Input{Context: tree, Dockerfile: text})
package disk

import "github.com/slipway-build/slipway/internal/fingerprint"

var _ fingerprint.Tree = (*Tree)(nil)
