package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBasesNameTheirPackages(t *testing.T) {
	ref := WithPackages("slipway/node:22-trixie", []string{"libstdc++-14-dev", "g++", "libcairo2", "g++"})
	if want := "slipway/node/g_p_p/libcairo2/libstdc_p_p-14-dev:22-trixie"; ref != want {
		t.Errorf("the base is called %s, not %s", ref, want)
	}
	base, names := PackagesOf(ref)
	if diff := cmp.Diff([]string{"g++", "libcairo2", "libstdc++-14-dev"}, names); diff != "" || base != "slipway/node:22-trixie" {
		t.Errorf("%s came back as %s (-want +got)\n%s", ref, base, diff)
	}
	for _, plain := range []string{"slipway/node:22-trixie", "node:22", "registry.example:5000/a/b/c:1"} {
		if base, names := PackagesOf(plain); base != plain || names != nil {
			t.Errorf("%s came back as %s with %v", plain, base, names)
		}
	}
	for name, is := range map[string]bool{"libpq5": true, "g++": true, "a..b": false, "A": false, "x/y": false, "-x1": false, "": false, "lib_x": false} {
		if IsPackage(name) != is {
			t.Errorf("IsPackage(%q) is %v", name, !is)
		}
	}
}
