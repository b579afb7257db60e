package cli

import (
	"testing"

	"github.com/slipway-build/slipway/internal/pipeline"
)

// TestRepositoriesOfAddresses: an address is one repository at all of its branches
// and with every password; standard input is where and as what it is built.
func TestRepositoriesOfAddresses(t *testing.T) {
	here, there := &app{World: World{Dir: "/one"}}, &app{World: World{Dir: "/two"}}
	web := here.idOf("https://git.example/acme/web.git", buildFlags{})
	for word, same := range map[string]bool{
		"https://git.example/acme/web.git#main:api":  true,
		"https://ci:CANARY@git.example/acme/web.git": true,
		"https://git.example/evil/web.git":           false,
		"https://git.example/acme/web.git.tar.gz":    false,
		"-": false,
	} {
		if got := there.idOf(word, buildFlags{}) == web; got != same {
			t.Errorf("%s is the same repository: %v, want %v", word, got, same)
		}
	}
	tagged := buildFlags{fleetFlags: fleetFlags{}}
	tagged.Tag = "web:dev"
	if here.idOf("-", tagged) == there.idOf("-", tagged) || here.idOf("-", tagged) == here.idOf("-", buildFlags{}) {
		t.Error("standard input is not told by where and as what it is built")
	}
}

// TestACacheStandsForTheRepository: machines that use one cache need the same names
// of cache mounts, wherever the repository lies there.
func TestACacheStandsForTheRepository(t *testing.T) {
	scope := func(dir, repository string, f builderFlags) string {
		t.Helper()
		jobs := make([]pipeline.Job, 1)
		jobs[0].Request.Name, jobs[0].Request.Repository = "web", repository
		if err := (&app{World: World{Dir: dir}}).addCaches(dir, jobs, f); err != nil {
			t.Fatal(err)
		}
		return jobs[0].Request.CacheScope
	}
	writes := builderFlags{cacheTo: []string{"type=registry,ref=r.example/c:{service},mode=max"}}
	reads := builderFlags{cacheFrom: []string{"type=registry,ref=r.example/c:{service}"}}
	other := builderFlags{cacheFrom: []string{"r.example/other:{service}"}}
	one, two := t.TempDir(), t.TempDir()
	want := scope(one, "a", writes)
	if want == "" || scope(two, "b", reads) != want || scope(two, "b", other) == want || scope(one, "a", builderFlags{}) != "" {
		t.Errorf("%q, %q, %q and %q", want, scope(two, "b", reads), scope(two, "b", other), scope(one, "a", builderFlags{}))
	}
	if got := scope(one, "", reads); got != "" {
		t.Errorf("where all share, a cache has the namespace %q", got)
	}
}
