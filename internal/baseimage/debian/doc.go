// Package debian reads archives of Debian: release files with their signature,
// package indexes, and .deb packages; and it chooses the packages of a base from an
// index. Nothing of a package is run.
//
// It refuses release files that the archive's keys have not signed or that are of
// another suite or vendor, and packages that are not complete. Files are not
// unpacked here; see package baseimage.
//
//	suite, err := archives.Open(ctx, debian.Suite{Archive: debian.Main, Name: "trixie", Mirrors: mirrors})
//	index := debian.NewIndex()
//	err = archives.Read(ctx, *suite, "amd64", index)
//	pins, err := debian.Choose(base, index)
package debian
