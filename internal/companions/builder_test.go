package companions

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/localrun"
)

// asked is an engine that notes what it is asked for.
type asked struct{ reqs []engine.Request }

func (a *asked) Build(_ context.Context, req engine.Request, _ event.Sink) (engine.Result, error) {
	a.reqs = append(a.reqs, req)
	return engine.Result{}, nil
}

// A build without needs starts nothing, and asks for no container runtime.
func TestABuildWithoutNeedsGoesToTheEngine(t *testing.T) {
	eng := &asked{}
	b := Builder{Builder: eng, Needs: map[string][]companion.Need{"web/integration-tests": {{Name: "db", Kind: "postgres"}}}, Options: func() (Options, error) {
		return Options{}, diag.Fail(diag.ExitRun, "no containers here")
	}}
	if _, err := b.Build(t.Context(), engine.Request{Name: "web/lint"}, event.Discard{}); err != nil || len(eng.reqs) != 1 || eng.reqs[0].Steps.Companions.Some() {
		t.Errorf("%v, asked for %+v", err, eng.reqs)
	}
	if _, err := b.Build(t.Context(), engine.Request{Name: "web/integration-tests"}, event.Discard{}); err == nil || len(eng.reqs) != 1 {
		t.Errorf("with needs: %v, asked for %+v", err, eng.reqs)
	}
}

func TestARecipeChangesWithWhatCompanionsBeginWith(t *testing.T) {
	root := t.TempDir()
	seed := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, "s.sql"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	store, err := image.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Root: root, Store: store}
	recipe := func(n companion.Need) string {
		t.Helper()
		text, err := Recipe(t.Context(), o, func(s string) string { return "shop/" + s + ":latest" }, []companion.Need{n})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	seed("one")
	base := companion.Need{Name: "db", Kind: "postgres", Seed: []string{"s.sql"}}
	first := recipe(base)
	if recipe(base) != first {
		t.Error("the same needs have two recipes")
	}
	other, db, env := base, base, base
	other.Version, db.Database, env.Env = "15", "orders", map[string]string{"A": "b"}
	for name, n := range map[string]companion.Need{"version": other, "database": db, "variable": env, "name": {Name: "x", Kind: "postgres", Seed: base.Seed}} {
		if recipe(n) == first {
			t.Errorf("another %s has the same recipe %s", name, first)
		}
	}
	seed("two")
	if recipe(base) == first {
		t.Error("another seed has the same recipe")
	}
	for _, n := range []companion.Need{{Name: "db", Kind: "postgres", Seed: []string{"missing.sql"}}, {Name: "api", Service: "api"}} {
		if text, err := Recipe(t.Context(), o, func(s string) string { return "shop/" + s + ":latest" }, []companion.Need{n}); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
			t.Errorf("%+v: %q, %v", n, text, err)
		}
	}
}

// A service that is needed brings what it needs itself, once, and its own settings win
// over the variables of that.
func TestServicesBringWhatTheyNeed(t *testing.T) {
	o := Options{Service: func(_ context.Context, name string) (localrun.Spec, []companion.Need, error) {
		return localrun.Spec{Name: name, Env: map[string]string{"PGUSER": "mine"}}, map[string][]companion.Need{
			"api":  {{Name: "db", Kind: "postgres"}, {Name: "auth", Service: "auth"}},
			"auth": {{Name: "api", Service: "api"}, {Name: "cache", Kind: "redis"}},
		}[name], nil
	}}
	servers, specs, err := o.services(t.Context(), []companion.Need{{Name: "backend", Service: "api"}, {Name: "db", Kind: "postgres"}})
	if err != nil || len(servers) != 2 || servers[0].Name != "db" || servers[1].Name != "cache" || len(specs) != 2 {
		t.Fatalf("%v: %+v, %+v", err, servers, specs)
	}
	if env := specs[0].Env; specs[0].Name != "api" || env["PGUSER"] != "mine" || env["PGHOST"] != "db" || specs[1].Env["REDIS_HOST"] != "cache" {
		t.Errorf("%+v", specs)
	}
	if _, _, err := o.services(t.Context(), []companion.Need{{Name: "api", Service: "api"}, {Name: "db", Kind: "mysql"}}); err == nil {
		t.Error("two servers have one name")
	}
	if _, _, err := (Options{}).services(t.Context(), []companion.Need{{Name: "api", Service: "api"}}); err == nil {
		t.Error("a service starts that nobody knows")
	}
}
