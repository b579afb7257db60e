// Package baseimage assembles reproducible OCI base images from the packages
// of a Debian mirror and of an npm registry: no daemon, no image registry, no
// root, and nothing of the packages is run.
//
// A base is a set of packages (package spec). Resolve turns it into exact versions
// and digests (Lock) after package debian has checked the archive's signature;
// Ensure turns a Lock into images and needs no index. Equal locks give equal digests on every
// machine. Every download (package download) is checked against the Lock each time it is used; what
// bases keep of it lies unpacked beside it, with a checksum of its own.
//
// The package refuses to run maintainer scripts, to unpack what could not be
// unpacked safely (device nodes, paths that climb or pass through links), and to
// name a mirror: addresses come from the machine's own configuration.
//
// A runtime base holds glibc, the C++ library, tini, the CA bundle, os-release,
// the accounts root and nobody, /tmp, and node without its symbols: no shell, no
// package manager, no setuid bit. A toolchain base adds the shells, coreutils and
// text tools with all that they depend on, and npm; what maintainer scripts would
// do there (accounts, the CA bundle, the links sh, awk and which) is done in
// rules.go. Manuals, translations and iconv tables are left out of both, licence
// texts stay. Packages are listed for scanners under var/lib/dpkg/status.d.
//
//	a, err := baseimage.New(baseimage.Options{PackagesDir: p, StateDir: s, Store: images})
//	built, err := a.Ensure(ctx, []string{"slipway/node:20-trixie"}, []string{"linux/amd64"})
//	fmt.Println(built["slipway/node:20-trixie"].Index)
package baseimage
