package sbom

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"

	"github.com/slipway-build/slipway/internal/inventory"
)

// SPDX writes the packages of an image as SPDX 2.3 in JSON. The format wants SHA-1
// sums of files, which the inventory has not: files are in the CycloneDX document. The
// same content gives the same bytes.
func SPDX(i Image, list inventory.Inventory) ([]byte, error) {
	d := &document{ids: map[string]common.ElementID{}}
	d.CreationInfo = &spdx.CreationInfo{
		Created:  i.Created.UTC().Format(time.RFC3339),
		Creators: []spdx.Creator{{CreatorType: "Tool", Creator: "slipway-" + i.Version}},
	}
	d.SPDXVersion, d.DataLicense, d.SPDXIdentifier = spdx.Version, spdx.DataLicense, "DOCUMENT"
	d.DocumentName = i.Name
	d.DocumentNamespace = home + "/image/" + strings.TrimPrefix(i.Digest, "sha256:") + "/" + strings.TrimPrefix(i.serial(), "urn:uuid:")
	image := d.element(i.Name, i.Digest, i.address())
	image.PrimaryPackagePurpose = "CONTAINER"
	image.PackageChecksums = []spdx.Checksum{{Algorithm: spdx.SHA256, Value: strings.TrimPrefix(i.Digest, "sha256:")}}
	d.relate("DOCUMENT", common.TypeRelationshipDescribe, image.PackageSPDXIdentifier)
	refs := map[string]string{}
	for _, p := range list.Packages {
		e := d.element(p.Name, p.Version, p.URL)
		if p.SHA256 != "" {
			e.PackageChecksums = []spdx.Checksum{{Algorithm: spdx.SHA256, Value: p.SHA256}}
		}
		e.PackageLicenseDeclared = declared(p.Licences, refs)
		e.PackageSourceInfo = source(p)
		d.relate(image.PackageSPDXIdentifier, common.TypeRelationshipContains, e.PackageSPDXIdentifier)
	}
	d.others(refs)
	out, err := json.MarshalIndent(&d.Document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing SPDX: %w", err)
	}
	return append(out, '\n'), nil
}

// element adds a package.
func (d *document) element(name, version, url string) *spdx.Package {
	p := &spdx.Package{
		PackageName: name, PackageVersion: version, PackageSPDXIdentifier: common.ElementID(fmt.Sprintf("Package-%d-%s", len(d.Packages)+1, idCharacters(name))),
		PackageDownloadLocation: "NOASSERTION", PackageLicenseConcluded: "NOASSERTION", PackageLicenseDeclared: "NOASSERTION", PackageCopyrightText: "NOASSERTION",
		PackageExternalReferences: []*spdx.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: url}},
	}
	d.Packages = append(d.Packages, p)
	return p
}

// source says where a package lies and how sure that is.
func source(p inventory.Package) string {
	text := "found by " + string(p.Sure)
	if p.Path != "" {
		text += " at /" + p.Path
	}
	if p.Layer != "" {
		text += " in layer " + p.Layer
	}
	return text
}

// declared is the licence expression of a package; licences that SPDX does not know
// become references.
func declared(words []string, refs map[string]string) string {
	if len(words) == 0 {
		return "NOASSERTION"
	}
	var parts []string
	for _, w := range words {
		switch {
		case isSPDX(w):
		case isExpression(w):
			w = "(" + w + ")"
		default:
			id := "LicenseRef-" + idCharacters(w)
			for n := 2; refs[id] != "" && refs[id] != w; n++ { // "A+" and "A-"
				id = fmt.Sprintf("LicenseRef-%s-%d", idCharacters(w), n)
			}
			refs[id] = w
			w = id
		}
		parts = append(parts, w)
	}
	if len(words) == 1 && isExpression(words[0]) {
		return words[0]
	}
	return strings.Join(parts, " AND ")
}

// others defines the licences that are referred to.
func (d *document) others(refs map[string]string) {
	ids := make([]string, 0, len(refs))
	for id := range refs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		d.OtherLicenses = append(d.OtherLicenses, &spdx.OtherLicense{LicenseIdentifier: id, LicenseName: refs[id], ExtractedText: refs[id]})
	}
}
