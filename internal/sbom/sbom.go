// Package sbom writes bills of materials: of an image in CycloneDX 1.6, SPDX 2.3 and 3.0.1,
// and what a slipway binary consists of, as an SPDX 2.3 document: its
// Go modules, the programs that it carries with theirs, and the C libraries in them.
// It reads what the linker wrote into the programs; it guesses no licences, which
// docs/THIRD_PARTY.md has.
//
//	doc, err := sbom.Document(sbom.Subject{Version: "v1.2.0", Build: build, Carried: carried, Made: made})
package sbom

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"

	"github.com/slipway-build/slipway/internal/assets"
)

const home = "https://github.com/slipway-build/slipway"

// Subject is the binary to describe.
type Subject struct {
	Version string
	SHA256  string // of the binary's file, in hexadecimal; "" when it is unknown
	Build   *debug.BuildInfo
	Carried []assets.Program
	Made    time.Time // of the document
}

// Document returns the document; the same subject gives the same bytes.
func Document(s Subject) (*spdx.Document, error) {
	d := &document{ids: map[string]common.ElementID{}}
	d.CreationInfo = &spdx.CreationInfo{
		Created:  s.Made.UTC().Format(time.RFC3339),
		Creators: []spdx.Creator{{CreatorType: "Tool", Creator: "slipway-" + s.Version}},
	}
	d.SPDXVersion, d.DataLicense, d.SPDXIdentifier = spdx.Version, spdx.DataLicense, "DOCUMENT"
	d.DocumentName = "slipway-" + s.Version
	d.DocumentNamespace = home + "/sbom/" + path.Join(url.PathEscape(s.Version), s.SHA256)

	main := d.add("slipway", s.Version, "APPLICATION", packageurl.TypeGolang, "github.com/slipway-build/slipway/cmd/slipway", s.SHA256)
	d.licence(main, "Apache-2.0")
	d.relate("DOCUMENT", common.TypeRelationshipDescribe, main)
	d.modules(main, s.Build)
	for _, program := range s.Carried {
		if err := d.carried(main, program); err != nil {
			return nil, err
		}
	}
	return &d.Document, nil
}

type document struct {
	spdx.Document
	ids map[string]common.ElementID // of packages by address
}

// carried adds a program that another contains.
func (d *document) carried(by common.ElementID, p assets.Program) error {
	build, err := buildinfo.Read(bytes.NewReader(p.Data))
	if err != nil {
		return fmt.Errorf("reading the modules of the embedded %s: %w", p.Name, err)
	}
	sum := sha256.Sum256(p.Data)
	id := d.add(p.Name, build.Main.Version, "APPLICATION", packageurl.TypeGolang, build.Path, hex.EncodeToString(sum[:]))
	d.relate(by, common.TypeRelationshipContains, id)
	d.modules(id, build)
	for _, library := range p.Libraries {
		name, version, _ := strings.Cut(library, " ")
		d.relate(id, common.TypeRelationshipStaticLink, d.add(name, version, "LIBRARY", packageurl.TypeGeneric, name, ""))
	}
	return nil
}

// modules adds what a program was compiled from: modules and Go itself.
func (d *document) modules(of common.ElementID, build *debug.BuildInfo) {
	if build == nil {
		return
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(build.GoVersion, "go"), " ")
	d.relate(of, common.TypeRelationshipDependsOn, d.add("stdlib", version, "LIBRARY", packageurl.TypeGolang, "stdlib", ""))
	for _, m := range build.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		d.relate(of, common.TypeRelationshipDependsOn, d.add(m.Path, m.Version, "LIBRARY", packageurl.TypeGolang, m.Path, ""))
	}
}

// add returns the package of an address, which it adds the first time.
func (d *document) add(name, version, purpose, kind, address, digest string) common.ElementID {
	version = strings.TrimSuffix(version, "(devel)") // a program of this repository
	space, base := path.Split(address)
	purl := packageurl.NewPackageURL(kind, strings.TrimSuffix(space, "/"), base, version, nil, "").ToString()
	key := name + " " + purl
	if id, ok := d.ids[key]; ok {
		return id
	}
	id := common.ElementID(fmt.Sprintf("Package-%d-%s", len(d.ids)+1, idCharacters(name)))
	d.ids[key] = id
	p := &spdx.Package{
		PackageName: name, PackageSPDXIdentifier: id, PackageVersion: version, PrimaryPackagePurpose: purpose,
		PackageDownloadLocation: "NOASSERTION", PackageLicenseConcluded: "NOASSERTION", PackageLicenseDeclared: "NOASSERTION", PackageCopyrightText: "NOASSERTION",
		PackageExternalReferences: []*spdx.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl}},
	}
	if digest != "" {
		p.PackageChecksums = []spdx.Checksum{{Algorithm: spdx.SHA256, Value: digest}}
	}
	d.Packages = append(d.Packages, p)
	return id
}

func (d *document) licence(of common.ElementID, id string) {
	for _, p := range d.Packages {
		if p.PackageSPDXIdentifier == of {
			p.PackageLicenseDeclared = id
		}
	}
}

func (d *document) relate(a common.ElementID, how string, b common.ElementID) {
	d.Relationships = append(d.Relationships, &spdx.Relationship{
		RefA: common.MakeDocElementID("", string(a)), RefB: common.MakeDocElementID("", string(b)), Relationship: how,
	})
}

// idCharacters keeps what an SPDX identifier may have (SPDX 2.3, section 7.2).
func idCharacters(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, name)
}
