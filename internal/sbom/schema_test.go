package sbom

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/slipway-build/slipway/internal/inventory"
)

// schema reads a published schema; it may refer to the others.
func schema(t *testing.T, name string, others ...string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	for _, other := range others {
		doc := published(t, other)
		id, _ := doc.(map[string]any)["$id"].(string)
		if err := c.AddResource(id, doc); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.AddResource("https://example.com/schema.json", published(t, name)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://example.com/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func published(t *testing.T, name string) any {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	// Go's expressions do not look ahead; what is meant is an address and no blank node.
	text = bytes.ReplaceAll(text, []byte(`^(?!_:).+:.+`), []byte(`^([^_]|_[^:]).*:.+`))
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestDocumentsFitTheirSchemas: what CycloneDX and SPDX publish accepts each format, and
// refuses one that is damaged.
func TestDocumentsFitTheirSchemas(t *testing.T) {
	for _, c := range []struct {
		schema        string
		write         func(Image, inventory.Inventory) ([]byte, error)
		part, damaged string
		others        []string
	}{
		{"cyclonedx-1.6.schema.json.gz", CycloneDX, `"purl"`, `"purls"`, []string{"cyclonedx-spdx.schema.json.gz", "cyclonedx-jsf-0.82.schema.json.gz"}},
		{"spdx-2.3.schema.json.gz", SPDX, `"SPDXID"`, `"ID"`, nil},
		{"spdx-3.0.1.schema.json.gz", SPDX3, `"software_packageUrl"`, `"packageUrl"`, nil},
	} {
		s := schema(t, c.schema, c.others...)
		data, err := c.write(content())
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.write(content())
		if err != nil || !bytes.Equal(data, again) {
			t.Errorf("%s: the same content gives other bytes: %v", c.schema, err)
		}
		for text, valid := range map[string]bool{string(data): true, strings.ReplaceAll(string(data), c.part, c.damaged): false} {
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(doc); (err == nil) != valid {
				t.Errorf("%s: valid %v, want %v: %v", c.schema, err == nil, valid, err)
			}
		}
	}
}

// TestSPDX3 finds packages, files and licences again, and nothing that is named and is
// not there.
func TestSPDX3(t *testing.T) {
	data, err := SPDX3(content())
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Graph []spdx3Element `json:"@graph"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	known, types := map[string]spdx3Element{}, map[string]int{}
	for _, e := range doc.Graph {
		if _, twice := known[e.ID]; twice && e.ID != "" {
			t.Errorf("two elements are called %s", e.ID)
		}
		known[e.ID] = e
		types[e.Type]++
	}
	contains, licences := map[string]int{}, map[string]string{}
	for _, e := range doc.Graph {
		for _, id := range append(append(append([]string{}, e.To...), e.Roots...), e.Elements...) {
			if known[id].Type == "" {
				t.Errorf("%s names %s, which is not there", e.ID, id)
			}
		}
		switch e.Relation {
		case "contains":
			contains[known[e.From].Name] += len(e.To)
		case "hasDeclaredLicense":
			licences[known[e.From].Name] = known[e.To[0]].Expression
		}
		for _, custom := range e.Custom {
			if known[custom.Value].Text == "" {
				t.Errorf("%s has no text", custom.Key)
			}
		}
	}
	if types["software_Package"] != 5 || types["software_File"] != 2 || contains["localhost:5000/shop/Web:v1"] != 5 || contains["@s/a"] != 1 {
		t.Errorf("%v, contained %v", types, contains)
	}
	if licences["zlib1g"] != "Zlib AND LicenseRef-GPL-2- AND LicenseRef-GPL-2--2" || licences["@s/a"] != "(MIT OR Apache-2.0)" {
		t.Errorf("%v", licences)
	}
}
