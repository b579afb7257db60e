package assets

import (
	_ "embed"
	"strings"
)

// libraries has a shared library and its package of Debian trixie on each line, sorted:
// those of packages that at least eight others depend on. TestWriteLibraries in
// internal/proof writes it.
//
//go:embed libraries.txt
var libraries string

// Libraries returns the table of shared libraries and their Debian packages.
func Libraries() string { return libraries }

// PackageOfLibrary names the package of Debian trixie that has a library, such as
// libgomp1 for libgomp.so.1; "" for those that few packages use.
func PackageOfLibrary(name string) string {
	_, rest, ok := strings.Cut("\n"+libraries, "\n"+name+" ")
	if !ok {
		return ""
	}
	pkg, _, _ := strings.Cut(rest, "\n")
	return pkg
}
