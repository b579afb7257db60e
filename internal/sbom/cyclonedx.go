package sbom

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/package-url/packageurl-go"

	"github.com/slipway-build/slipway/internal/inventory"
)

// Image is an image of which a document lists the content.
type Image struct {
	Name     string // "shop/web:v1"
	Digest   string // "sha256:…"
	Platform string
	Created  time.Time // as the image says
	Version  string    // of slipway
}

// address is the image's package URL.
func (i Image) address() string {
	name, _, _ := strings.Cut(i.Name, "@")
	repository, tag := name, ""
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
		repository, tag = name[:at], name[at+1:]
	}
	more := packageurl.Qualifiers{{Key: "repository_url", Value: repository}}
	if tag != "" {
		more = append(more, packageurl.Qualifier{Key: "tag", Value: tag})
	}
	return packageurl.NewPackageURL("oci", "", strings.ToLower(repository[strings.LastIndexByte(repository, '/')+1:]), i.Digest, more, "").ToString()
}

// serial is a name of the document that depends on the image alone (RFC 9562, version
// 8).
func (i Image) serial() string {
	sum := sha256.Sum256([]byte(i.Digest + i.Name))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// CycloneDX writes the content of an image as CycloneDX 1.6 in JSON. The same content
// gives the same bytes.
func CycloneDX(i Image, list inventory.Inventory) ([]byte, error) {
	bom := cdx.NewBOM()
	bom.SerialNumber = i.serial()
	image := cdx.Component{BOMRef: i.Digest, Type: cdx.ComponentTypeContainer, Name: i.Name, Version: i.Digest, PackageURL: i.address()}
	bom.Metadata = &cdx.Metadata{
		Component: &image,
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "slipway", Version: i.Version}}},
	}
	var components []cdx.Component
	var refs []string
	for _, p := range list.Packages {
		c := component(p)
		refs = append(refs, c.BOMRef)
		components = append(components, c)
	}
	components = append(components, files("", list.Unowned)...)
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: i.Digest, Dependencies: &refs}}
	var out bytes.Buffer
	encoder := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("writing CycloneDX: %w", err)
	}
	return out.Bytes(), nil
}

// reference names a package within a document.
func reference(p inventory.Package) string {
	if p.Path == "" {
		return p.URL
	}
	return p.URL + "#" + p.Path
}

// component is a package.
func component(p inventory.Package) cdx.Component {
	c := cdx.Component{BOMRef: reference(p), Type: cdx.ComponentTypeLibrary, Name: p.Name, Version: p.Version, PackageURL: p.URL}
	switch {
	case p.Type == inventory.Generic:
		c.Type = cdx.ComponentTypeApplication
	case p.Type == inventory.NPM && strings.HasPrefix(p.Name, "@"):
		c.Group, c.Name, _ = strings.Cut(p.Name, "/")
	case p.Type == inventory.Maven && strings.Contains(p.Name, ":"):
		c.Group, c.Name, _ = strings.Cut(p.Name, ":")
	}
	if p.SHA256 != "" {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: p.SHA256}}
	}
	if len(p.Licences) > 0 {
		c.Licenses = licences(p.Licences)
	}
	properties := []cdx.Property{{Name: "slipway:sure", Value: string(p.Sure)}}
	for name, value := range map[string]string{"slipway:layer": p.Layer, "slipway:path": p.Path, "slipway:source": p.Source} {
		if value != "" {
			properties = append(properties, cdx.Property{Name: name, Value: value})
		}
	}
	slices.SortFunc(properties, func(a, b cdx.Property) int { return cmp.Compare(a.Name, b.Name) })
	c.Properties = &properties
	if len(p.Files) > 0 {
		below := files(c.BOMRef, p.Files)
		c.Components = &below
	}
	return c
}

// licences are those that a package states: identifiers where SPDX has them.
func licences(words []string) *cdx.Licenses {
	var out cdx.Licenses
	if len(words) == 1 && isExpression(words[0]) {
		return &cdx.Licenses{{Expression: words[0]}}
	}
	for _, w := range words {
		l := cdx.License{Name: w}
		if isSPDX(w) {
			l = cdx.License{ID: w}
		}
		out = append(out, cdx.LicenseChoice{License: &l})
	}
	return &out
}

// files are those of a package, or of none.
func files(of string, list []inventory.File) []cdx.Component {
	out := make([]cdx.Component, 0, len(list))
	for _, f := range list {
		c := cdx.Component{BOMRef: of + "!" + f.Path, Type: cdx.ComponentTypeFile, Name: "/" + f.Path}
		if f.SHA256 != "" {
			c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: f.SHA256}}
		}
		out = append(out, c)
	}
	return out
}
