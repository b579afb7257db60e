package sbom

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/slipway-build/slipway/internal/inventory"
)

func content() (Image, inventory.Inventory) {
	return Image{Name: "localhost:5000/shop/Web:v1", Digest: "sha256:" + strings.Repeat("ab", 32), Platform: "linux/amd64", Created: time.Unix(0, 0), Version: "v1.2.3"},
		inventory.Inventory{
			Packages: []inventory.Package{
				{Type: inventory.Debian, Name: "zlib1g", Version: "1:1.3", Source: "zlib", URL: "pkg:deb/debian/zlib1g@1:1.3", Licences: []string{"Zlib", "GPL-2+", "GPL-2-"}, Path: "var/lib/dpkg/status", Layer: "sha256:a", Sure: inventory.ByDatabase},
				{Type: inventory.NPM, Name: "@s/a", Version: "1.0.0", URL: "pkg:npm/%40s/a@1.0.0", Licences: []string{"(MIT OR Apache-2.0)"}, Path: "app/node_modules/@s/a", Sure: inventory.ByManifest, Files: []inventory.File{{Path: "app/node_modules/@s/a/index.js", SHA256: strings.Repeat("cd", 32), Bytes: 3}}},
				{Type: inventory.NPM, Name: "@s/a", Version: "1.0.0", URL: "pkg:npm/%40s/a@1.0.0", Path: "app/node_modules/b/node_modules/@s/a", Sure: inventory.ByManifest},
				{Type: inventory.Maven, Name: "org.yaml:snakeyaml", Version: "2.2", URL: "pkg:maven/org.yaml/snakeyaml@2.2", SHA256: strings.Repeat("ef", 32), Sure: inventory.ByPlan},
			},
			Unowned: []inventory.File{{Path: "app/server.js", SHA256: strings.Repeat("01", 32), Bytes: 9}},
		}
}

func TestCycloneDX(t *testing.T) {
	data, err := CycloneDX(content())
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := CycloneDX(content()); !bytes.Equal(data, again) {
		t.Error("the same content gives other bytes")
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	var found []string
	refs := map[string]bool{}
	for _, c := range *bom.Components {
		if refs[c.BOMRef] {
			t.Errorf("two components are called %s", c.BOMRef)
		}
		refs[c.BOMRef] = true
		text := string(c.Type) + " " + c.Group + " " + c.Name + " " + c.Version
		if c.Components != nil {
			text += " with " + (*c.Components)[0].Name
		}
		found = append(found, text)
	}
	if want := []string{"library  zlib1g 1:1.3", "library @s a 1.0.0 with /app/node_modules/@s/a/index.js", "library @s a 1.0.0", "library org.yaml snakeyaml 2.2", "file  /app/server.js "}; !slices.Equal(found, want) {
		t.Errorf("%q", found)
	}
	if bom.SpecVersion != cdx.SpecVersion1_6 || !strings.HasPrefix(bom.SerialNumber, "urn:uuid:") || bom.Metadata.Component.PackageURL == "" {
		t.Errorf("%+v", bom.Metadata)
	}
	for _, want := range []string{`"id": "Zlib"`, `"name": "GPL-2+"`, `"expression": "(MIT OR Apache-2.0)"`, `"slipway:sure"`} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("%s is missing in\n%s", want, data)
		}
	}
}

func TestSPDX(t *testing.T) {
	data, err := SPDX(content())
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := SPDX(content()); !bytes.Equal(data, again) {
		t.Error("the same content gives other bytes")
	}
	doc, err := spdxjson.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	var found []string
	for _, p := range doc.Packages {
		found = append(found, p.PackageName+" "+p.PackageLicenseDeclared)
	}
	if want := []string{"localhost:5000/shop/Web:v1 NOASSERTION", "zlib1g Zlib AND LicenseRef-GPL-2- AND LicenseRef-GPL-2--2", "@s/a (MIT OR Apache-2.0)", "@s/a NOASSERTION", "org.yaml:snakeyaml NOASSERTION"}; !slices.Equal(found, want) {
		t.Errorf("%q", found)
	}
	if len(doc.OtherLicenses) != 2 || doc.OtherLicenses[0].ExtractedText != "GPL-2+" {
		t.Errorf("%+v", doc.OtherLicenses)
	}
}
