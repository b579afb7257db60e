package companion

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVariables(t *testing.T) {
	got := map[string]string{}
	for _, v := range Variables([]Need{
		{Name: "db", Kind: "postgres", Database: "orders"}, {Name: "old-db", Kind: "mysql"}, {Name: "cache", Kind: "redis"},
		{Name: "api", Service: "api", Port: 3000}, {Name: "search", Image: "search:2", Port: 9200},
	}) {
		if _, twice := got[v.Name]; twice {
			t.Errorf("%s twice", v.Name)
		}
		got[v.Name] = v.Value
	}
	for name, want := range map[string]string{
		"DATABASE_URL": "postgres://app:app@db:5432/orders", "PGHOST": "db", "PGPORT": "5432", "PGUSER": "app", "PGPASSWORD": "app", "PGDATABASE": "orders",
		"MYSQL_HOST": "old-db", "OLD_DB_URL": "mysql://app:app@old-db:3306/app", "OLD_DB_HOST": "old-db", "REDIS_URL": "redis://cache:6379",
		"DB_HOST": "db", "DB_PORT": "5432", "DB_URL": "postgres://app:app@db:5432/orders",
		"API_HOST": "api", "API_PORT": "3000", "API_URL": "http://api:3000", "SEARCH_HOST": "search", "SEARCH_PORT": "9200", "SEARCH_URL": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestUnion(t *testing.T) {
	db := Need{Name: "db", Kind: "postgres", Line: 4}
	other := db
	other.Line = 9
	got, err := Union(map[string][]Need{"a": {db, {Name: "api", Service: "api"}}, "b": {other, {Name: "cache", Kind: "redis"}}})
	if diff := cmp.Diff([]Need{db, {Name: "cache", Kind: "redis"}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	other.Database = "orders"
	if _, err := Union(map[string][]Need{"a": {db}, "b": {other}}); err == nil || !strings.Contains(err.Error(), "a and b each need db, but not the same") {
		t.Errorf("%v", err)
	}
}

// TestEachRecipeIsWhole: every version of every kind has an image, a command and a
// port.
func TestEachRecipeIsWhole(t *testing.T) {
	names := map[string]bool{}
	for _, k := range Catalogue() {
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			if names[name] {
				t.Errorf("%s twice", name)
			}
			names[name] = true
		}
		for _, v := range k.Versions {
			n := Need{Name: "x", Kind: k.Name, Version: v.Name}
			r, err := RecipeOf(n)
			if err != nil {
				t.Fatal(err)
			}
			if (r.Base == "") == (r.Dockerfile == "") || (r.Image == "") != (r.Dockerfile == "") || len(r.Command) == 0 || r.Port == 0 {
				t.Errorf("%s: %+v", n.Describe(), r)
			}
			if strings.Contains(r.Prepare, DataDir) != strings.Contains(strings.Join(r.Command, " "), DataDir) {
				t.Errorf("%s prepares data that it does not use, or the other way round", n.Describe())
			}
			if len(k.Seeds) > 0 && !strings.Contains(r.Prepare, SeedDir) {
				t.Errorf("%s takes seeds and does not run them", n.Describe())
			}
		}
		for _, ending := range k.Seeds {
			if path.Ext("x"+ending) != ending {
				t.Errorf("%s: %q is no ending", k.Name, ending)
			}
		}
		if len(k.variables(Endpoint{Host: "h", Port: 1})) == 0 {
			t.Errorf("%s has no variables", k.Name)
		}
	}
}

func TestRecipeOfNothing(t *testing.T) {
	for _, n := range []Need{{Kind: "postgress"}, {Kind: "postgres", Version: "9"}} {
		if _, err := RecipeOf(n); err == nil {
			t.Errorf("%+v has a recipe", n)
		}
	}
	if v, ok := mustFind(t, "postgresql").Version("17.4"); !ok || v.Name != "17" {
		t.Errorf("17.4 is %+v", v)
	}
	if _, ok := mustFind(t, "postgres").Version("1"); ok {
		t.Error("1 is a version of PostgreSQL")
	}
}

func mustFind(t *testing.T, name string) Kind {
	t.Helper()
	k, ok := Find(name)
	if !ok {
		t.Fatalf("no kind %s", name)
	}
	return k
}
