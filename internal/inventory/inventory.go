// Package inventory lists the packages of an image, down to their files: what an SBOM
// says. It knows formats of package databases and manifests; it opens nothing.
//
//	list := inventory.Of([]inventory.Layer{{Digest: "sha256:…", Index: index}}, nil)
package inventory

import "slices"

// Inventory is the content of one image.
type Inventory struct {
	Packages []Package `json:"packages"` // sorted by type, name, version, path
	// System is the system whose own packages are not listed, or not under a release that
	// advisories are about: "Ubuntu 24.04", "Debian of unknown release". Empty: there is none.
	System string `json:"system,omitempty"`
	// Unpinned are manifests of a source tree that name dependencies that no lock file pins, or
	// none that Slipway reads; paths, sorted.
	Unpinned []string `json:"unpinned,omitempty"`
	// Unowned are regular files that no package has, by path, sorted: the service's own.
	Unowned []File `json:"unowned,omitempty"`
}

// Unlisted is the System of which not even the packages are listed, "" for none.
func (i Inventory) Unlisted() string {
	if slices.ContainsFunc(i.Packages, func(p Package) bool { return p.Type == Debian || p.Type == Alpine }) {
		return ""
	}
	return i.System
}

// Type is the kind of a package, as package URLs have it.
type Type string

// The types.
const (
	Debian Type = "deb" // also of Ubuntu and others
	Alpine Type = "apk" // also of Wolfi and others
	NPM    Type = "npm"
	PyPI   Type = "pypi"
	Go     Type = "golang"
	Cargo  Type = "cargo"
	Maven  Type = "maven"
	// Generic is a runtime that no package manager records, such as Node.js.
	Generic Type = "generic"
)

// Package is one package of an image.
type Package struct {
	Type     Type     `json:"type"`
	Name     string   `json:"name"`             // "@scope/name", "org.yaml:snakeyaml", "golang.org/x/net"
	Version  string   `json:"version"`          // as its ecosystem writes it; Go: "v1.2.3", the standard library "1.26.8"
	Source   string   `json:"source,omitempty"` // Debian, Alpine: name of the source package, when another
	SourceV  string   `json:"source_version,omitempty"`
	Distro   string   `json:"distribution,omitempty"` // of a system package, when not that of its type: "ubuntu"
	Release  string   `json:"release,omitempty"`      // Debian: "13"; Alpine: "3.22"
	Arch     string   `json:"architecture,omitempty"`
	URL      string   `json:"purl"`               // package URL
	Licences []string `json:"licences,omitempty"` // SPDX identifiers, or the text of the manifest
	SHA256   string   `json:"sha256,omitempty"`   // of the archive that it came in, where known; hex
	Path     string   `json:"path,omitempty"`     // where it lies in the image: its directory, archive or program
	Layer    string   `json:"layer,omitempty"`    // digest of the layer that brings it
	Sure     Sure     `json:"sure"`
	Files    []File   `json:"files,omitempty"`
}

// Sure tells by what a package was found.
type Sure string

// From the surest on.
const (
	ByPlan     Sure = "plan"     // Slipway put it there
	ByDatabase Sure = "database" // the package manager's own record in the image
	ByManifest Sure = "manifest" // package.json, METADATA, MANIFEST.MF, build information of a program
	ByName     Sure = "name"     // only the name of a file
)

// File is a file of an image.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"` // hex
	Bytes  int64  `json:"size_bytes"`
}
