package assets

import _ "embed"

// libraries has a shared library and its package of Debian trixie on each line, sorted:
// those of packages that at least eight others depend on. TestWriteLibraries in
// internal/proof writes it.
//
//go:embed libraries.txt
var libraries string

// Libraries returns the table of shared libraries and their Debian packages.
func Libraries() string { return libraries }
