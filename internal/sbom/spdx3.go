package sbom

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/inventory"
)

// The elements of SPDX 3.0.1 (spdx.github.io/spdx-spec/v3.0.1) that a document has.
type (
	spdx3Creation struct {
		Type      string   `json:"type"`
		ID        string   `json:"@id"`
		Version   string   `json:"specVersion"`
		Created   string   `json:"created"`
		CreatedBy []string `json:"createdBy"`
	}
	spdx3Element struct {
		Type     string `json:"type"`
		ID       string `json:"spdxId"`
		Creation string `json:"creationInfo"`
		Name     string `json:"name,omitempty"`

		Profiles []string `json:"profileConformance,omitempty"`
		Roots    []string `json:"rootElement,omitempty"`
		Elements []string `json:"element,omitempty"`
		Kinds    []string `json:"software_sbomType,omitempty"`

		Hashes  []spdx3Hash `json:"verifiedUsing,omitempty"`
		Purpose string      `json:"software_primaryPurpose,omitempty"`
		Version string      `json:"software_packageVersion,omitempty"`
		URL     string      `json:"software_packageUrl,omitempty"`
		Source  string      `json:"software_sourceInfo,omitempty"`

		From     string   `json:"from,omitempty"`
		Relation string   `json:"relationshipType,omitempty"`
		To       []string `json:"to,omitempty"`

		Expression string       `json:"simplelicensing_licenseExpression,omitempty"`
		Custom     []spdx3Entry `json:"simplelicensing_customIdToUri,omitempty"`
		Text       string       `json:"simplelicensing_licenseText,omitempty"`
	}
	spdx3Hash struct {
		Type      string `json:"type"`
		Algorithm string `json:"algorithm"`
		Value     string `json:"hashValue"`
	}
	spdx3Entry struct {
		Type  string `json:"type"`
		Key   string `json:"key"`
		Value string `json:"value"`
	}
)

// graph is an SPDX 3 document under way.
type graph struct {
	base     string
	elements []spdx3Element
	licences map[string]string // element of an expression
	refs     map[string]string // text of a licence that SPDX does not know
}

// SPDX3 writes the packages and files of an image as SPDX 3.0.1 in JSON-LD. The same
// content gives the same bytes.
func SPDX3(i Image, list inventory.Inventory) ([]byte, error) {
	g := &graph{
		base:     home + "/image/" + strings.TrimPrefix(i.Digest, "sha256:") + "/" + strings.TrimPrefix(i.serial(), "urn:uuid:") + "#",
		licences: map[string]string{}, refs: map[string]string{},
	}
	agent := g.add(spdx3Element{Type: "SoftwareAgent", Name: "slipway-" + i.Version}, "agent")
	image := g.add(spdx3Element{
		Type: "software_Package", Name: i.Name, Purpose: "container", Version: i.Digest, URL: i.address(), Hashes: sha256Of(strings.TrimPrefix(i.Digest, "sha256:")),
	}, "image")
	var packages []string
	for n, p := range list.Packages {
		packages = append(packages, g.pack(n, p))
	}
	g.relate(image, "contains", packages)
	g.relate(image, "contains", g.files("file", list.Unowned))
	g.texts()
	sbom := g.add(spdx3Element{Type: "software_Sbom", Kinds: []string{"analyzed"}, Roots: []string{image}, Elements: g.ids()}, "sbom")
	g.add(spdx3Element{Type: "SpdxDocument", Name: i.Name, Profiles: []string{"core", "software", "simpleLicensing"}, Roots: []string{sbom}, Elements: g.ids()}, "document")
	all := []any{spdx3Creation{"CreationInfo", creation, "3.0.1", i.Created.UTC().Format(time.RFC3339), []string{agent}}}
	for _, e := range g.elements {
		all = append(all, e)
	}
	out, err := json.MarshalIndent(map[string]any{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": all}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing SPDX 3: %w", err)
	}
	return append(out, '\n'), nil
}

// creation is the name of what all elements have in common.
const creation = "_:creation"

// add adds an element under a name within the document.
func (g *graph) add(e spdx3Element, name string) string {
	e.ID, e.Creation = g.base+name, creation
	g.elements = append(g.elements, e)
	return e.ID
}

func (g *graph) ids() []string {
	out := make([]string, len(g.elements))
	for i, e := range g.elements {
		out[i] = e.ID
	}
	return out
}

func (g *graph) relate(from, how string, to []string) {
	if len(to) > 0 {
		g.add(spdx3Element{Type: "Relationship", From: from, Relation: how, To: to}, fmt.Sprintf("relationship-%d", len(g.elements)))
	}
}

// pack adds a package with its files and licence.
func (g *graph) pack(n int, p inventory.Package) string {
	name := fmt.Sprintf("package-%d-%s", n+1, idCharacters(p.Name))
	e := spdx3Element{Type: "software_Package", Name: p.Name, Version: p.Version, URL: p.URL, Source: source(p)}
	if p.SHA256 != "" {
		e.Hashes = sha256Of(p.SHA256)
	}
	id := g.add(e, name)
	g.relate(id, "contains", g.files(name, p.Files))
	if expression := declared(p.Licences, g.refs); expression != "NOASSERTION" {
		g.relate(id, "hasDeclaredLicense", []string{g.licence(expression)})
	}
	return id
}

// licence is the element of an expression, of which there is one.
func (g *graph) licence(expression string) string {
	if g.licences[expression] == "" {
		e := spdx3Element{Type: "simplelicensing_LicenseExpression", Expression: expression}
		for word := range strings.FieldsSeq(strings.NewReplacer("(", " ", ")", " ").Replace(expression)) {
			if strings.HasPrefix(word, "LicenseRef-") {
				e.Custom = append(e.Custom, spdx3Entry{"DictionaryEntry", word, g.base + word})
			}
		}
		g.licences[expression] = g.add(e, fmt.Sprintf("licence-%d", len(g.licences)+1))
	}
	return g.licences[expression]
}

// texts adds the licences that SPDX does not know.
func (g *graph) texts() {
	ids := make([]string, 0, len(g.refs))
	for id := range g.refs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		g.add(spdx3Element{Type: "simplelicensing_SimpleLicensingText", Name: g.refs[id], Text: g.refs[id]}, id)
	}
}

// files adds those of a package, or of none.
func (g *graph) files(of string, list []inventory.File) []string {
	out := make([]string, 0, len(list))
	for n, f := range list {
		e := spdx3Element{Type: "software_File", Name: "/" + f.Path}
		if f.SHA256 != "" {
			e.Hashes = sha256Of(f.SHA256)
		}
		out = append(out, g.add(e, fmt.Sprintf("%s-file-%d", of, n+1)))
	}
	return out
}

func sha256Of(value string) []spdx3Hash { return []spdx3Hash{{"Hash", "sha256", value}} }
