package spec

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/companion"
)

// TestCompanions: the bases that the catalogue of companions names can be assembled,
// and have a shell for the scripts that prepare data.
func TestCompanions(t *testing.T) {
	for _, k := range companion.Catalogue() {
		for _, v := range k.Versions {
			r, err := companion.RecipeOf(companion.Need{Name: "x", Kind: k.Name, Version: v.Name})
			if err != nil {
				t.Fatal(err)
			}
			for _, ref := range append(r.From, r.Base) {
				if ref == "" {
					continue
				}
				base, err := Of(ref)
				if err != nil {
					t.Errorf("%s %s: %v", k.Name, v.Name, err)
				}
				if r.Base != "" && (!slices.Contains(base.Debian, "dash") || !slices.Contains(base.Debian, "coreutils") || base.Suite != v.Suite) {
					t.Errorf("%s %s: %+v", k.Name, v.Name, base)
				}
			}
		}
	}
	for _, ref := range []string{"slipway/companion:nosuch", "slipway/companion:", "slipway/companion/x y:trixie"} {
		if _, err := Of(ref); err == nil || !strings.Contains(err.Error(), "base") {
			t.Errorf("%s: %v", ref, err)
		}
	}
}
