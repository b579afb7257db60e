// Package spec maps the names of bases to their contents: which Debian packages each is made of, and
// which major of Node.js, npm or Go. It reads nothing and needs no network; exact
// versions are found by package baseimage.
//
// It refuses names that no base has, with the nearest that one has, and platforms
// that bases cannot be assembled for.
//
//	base, err := spec.Of("slipway/node:20-trixie")
//	fmt.Println(base.Debian) // base-files, ca-certificates, …
package spec
