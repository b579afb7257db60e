package detect_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/detect"
)

// TestPages: HTML is a service of its own only where no program owns it.
func TestPages(t *testing.T) {
	for name, c := range map[string]struct {
		programs, pages []string
		want            []string
	}{
		"a site":                      {nil, []string{".", "guide", "blog/2026"}, []string{"site at ."}},
		"in a directory of the root":  {nil, []string{"public", "public/guide"}, []string{"site at ."}},
		"several":                     {nil, []string{"eu", "us/web"}, []string{"eu at eu", "web at us/web"}},
		"beside services":             {[]string{"api"}, []string{"landing"}, []string{"api at api", "landing at landing"}},
		"beside those of a workspace": {[]string{".", "api"}, []string{"landing"}, []string{"api at api", "landing at landing"}},
		"of the program at the root":  {[]string{"."}, []string{"web", "templates"}, []string{"app at ."}},
		"of a program":                {[]string{"api"}, []string{"api/templates", "api/public"}, []string{"api at api"}},
		"documentation and templates": {[]string{"api"}, []string{"docs", "templates"}, []string{"api at api"}},
		"layouts of a generator":      {[]string{"api"}, []string{"blog/layouts", "blog/themes/a/layouts/_default", "blog/_includes"}, []string{"api at api"}},
		"a program below documents":   {[]string{"docs/playground"}, []string{"docs"}, []string{"playground at docs/playground"}},
	} {
		tree := repo(c.programs...)
		if len(c.programs) > 1 {
			tree = workspaceOf(c.programs...)
		}
		for _, dir := range c.pages {
			file := dir + "/index.html"
			if dir == "." {
				file = "index.html"
			}
			tree[file] = &fstest.MapFile{}
		}
		found, findings := detect.Detect(tree, nil)
		if findings.Errors() != nil {
			t.Errorf("%s: %v", name, findings)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.Service.Name+" at "+f.Service.Path)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
