package host

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestYarnAndBunFollowNpmsRegistry(t *testing.T) {
	for name, c := range map[string]struct{ set, want map[string]string }{
		"npm's": {map[string]string{"NPM_CONFIG_REGISTRY": "https://npm.example"},
			map[string]string{"NPM_CONFIG_REGISTRY": "https://npm.example", "YARN_NPM_REGISTRY_SERVER": "https://npm.example", "BUN_CONFIG_REGISTRY": "https://npm.example"}},
		"their own": {map[string]string{"npm_config_registry": "https://npm.example", "YARN_NPM_REGISTRY_SERVER": "https://yarn.example"},
			map[string]string{"npm_config_registry": "https://npm.example", "YARN_NPM_REGISTRY_SERVER": "https://yarn.example", "BUN_CONFIG_REGISTRY": "https://npm.example"}},
		"none": {nil, map[string]string{}},
	} {
		env := StepEnv(func(n string) string { return c.set[n] })
		got := map[string]string{}
		for _, n := range []string{"NPM_CONFIG_REGISTRY", "npm_config_registry", "YARN_NPM_REGISTRY_SERVER", "BUN_CONFIG_REGISTRY"} {
			for _, pair := range env {
				if v, ok := strings.CutPrefix(pair, n+"="); ok {
					got[n] = v
				}
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}
