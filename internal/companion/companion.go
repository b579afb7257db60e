// Package companion is the catalogue of servers that a test or a run needs beside
// it: databases, caches, queues, stores of objects, mail. It says how each is made,
// how a fresh one is prepared, when it is ready, and which variables its clients
// expect. It starts nothing and reads no file; package companions does.
//
//	need := companion.Need{Name: "db", Kind: "postgres", Database: "orders"}
//	recipe, err := companion.RecipeOf(need)
//	vars := companion.Variables([]companion.Need{need}) // DATABASE_URL, PGHOST …
package companion

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// Need is one server that a service or a stage needs. Exactly one of Kind, Image
// and Service is set.
type Need struct {
	Name     string            // host name
	Kind     string            `json:",omitempty"` // of the catalogue: "postgres"
	Version  string            `json:",omitempty"` // "17"; empty: the newest of the catalogue
	Image    string            `json:",omitempty"` // any image
	Service  string            `json:",omitempty"` // of the fleet
	Port     int               `json:",omitempty"` // of an image
	Database string            `json:",omitempty"` // made before the first client connects
	Seed     []string          `json:",omitempty"` // files, relative to the fleet's root, in order
	Env      map[string]string `json:",omitempty"` // of the server
	Line     int               // in slipway.yaml
}

// Kind is an entry of the catalogue.
type Kind struct {
	Name      string
	Aliases   []string // other names that people write
	Title     string   // of the server that stands in: "PostgreSQL"
	Versions  []Version
	Port      int
	Protocol  string   // that tells when it is ready; see package probe
	Check     string   // path that answers 2xx when it is ready, of HTTP servers
	Databases bool     // takes database:
	Seeds     []string // endings of files that it takes as seed:; none: no seed
	variables func(Endpoint) []Variable
	recipe    func(Version) Recipe
}

// Version is a release of a kind's server.
type Version struct {
	Name  string // as slipway.yaml writes it
	Suite string // Debian release that has it; empty: not from Debian
}

// Endpoint is where and as whom clients reach a server.
type Endpoint struct {
	Host               string
	Port               int
	User, Password, DB string
}

// Variable is an environment variable of clients.
type Variable struct{ Name, Value string }

// The account and database of every companion that has accounts. They are for tests
// on this machine and are no secret.
const (
	User            = "app"
	Password        = "app"
	DefaultDatabase = "app"
)

// DataDir is where a companion finds its prepared data.
const DataDir = "/data"

// HostWord stands for the name of the companion in a recipe's command.
const HostWord = "COMPANION_HOST"

// SeedDir is where the preparation finds the seed files, as 0.sql, 1.sql …
const SeedDir = "/seed"

// Find returns the kind of that name or alias.
func Find(name string) (Kind, bool) {
	all := Catalogue()
	i := slices.IndexFunc(all, func(k Kind) bool { return k.Name == name || slices.Contains(k.Aliases, name) })
	if i < 0 {
		return Kind{}, false
	}
	return all[i], true
}

// Names are the kinds of the catalogue and their other names, sorted.
func Names() []string {
	var out []string
	for _, k := range Catalogue() {
		out = append(append(out, k.Name), k.Aliases...)
	}
	slices.Sort(out)
	return out
}

// Version returns a version of the kind; an empty name is the first, which is the
// default. "17.2" finds 17.
func (k Kind) Version(name string) (Version, bool) {
	if name == "" {
		return k.Versions[0], true
	}
	i := slices.IndexFunc(k.Versions, func(v Version) bool { return v.Name == name || strings.HasPrefix(name, v.Name+".") })
	if i < 0 {
		return Version{}, false
	}
	return k.Versions[i], true
}

// VersionNames lists the versions, the default first.
func (k Kind) VersionNames() []string {
	var out []string
	for _, v := range k.Versions {
		out = append(out, v.Name)
	}
	return out
}

// Describe names a need in a few words: "PostgreSQL 17", "image x", "service api".
func (n Need) Describe() string {
	switch {
	case n.Service != "":
		return "service " + n.Service
	case n.Image != "":
		return "image " + n.Image
	}
	k, ok := Find(n.Kind)
	if !ok {
		return n.Kind
	}
	v, _ := k.Version(n.Version)
	return strings.TrimSpace(k.Title + " " + v.Name)
}

// Recipe says how a companion is made and started.
type Recipe struct {
	Base       string // an image that Slipway assembles from Debian packages; or
	Dockerfile string // one that it builds, under the name Image
	Image      string
	From       []string          // bases that the Dockerfile names
	User       string            // in the image; empty: the image's
	Prepare    string            // shell script that writes DataDir; empty: it needs none
	Command    []string          // starts the server
	Env        map[string]string // of the server
	Port       int
	Protocol   string // that tells when it is ready; empty: HTTP of the check, else the port
	Check      string
	SlowStart  bool // it needs more than a few seconds
}

// RecipeOf returns the recipe of a need of the catalogue, with the preparation for
// its database and seeds.
func RecipeOf(n Need) (Recipe, error) {
	k, ok := Find(n.Kind)
	if !ok {
		f := diag.Fail(diag.ExitUsage, "unknown kind of companion %q", n.Kind)
		if near := diag.Nearest(n.Kind, Names()); near != "" {
			return Recipe{}, f.WithHint("did you mean %q?", near)
		}
		return Recipe{}, f.WithHint("the kinds are %s", strings.Join(Names(), ", "))
	}
	v, ok := k.Version(n.Version)
	if !ok {
		return Recipe{}, diag.Fail(diag.ExitUsage, "%s has no version %q here", k.Title, n.Version).
			WithHint("the versions are %s; for another one, name an image: image: REGISTRY/NAME:TAG", strings.Join(k.VersionNames(), ", "))
	}
	r := k.recipe(v)
	r.Port, r.Protocol, r.Check = k.Port, k.Protocol, k.Check
	for i, word := range r.Command {
		r.Command[i] = strings.ReplaceAll(word, HostWord, n.Name)
	}
	return r, nil
}

// Union joins what several services need: a name that two of them give to the same
// server is one companion. Needs of services are left out: those are in the fleet.
func Union(of map[string][]Need) ([]Need, error) {
	var out []Need
	owner := map[string]string{}
	for _, service := range slices.Sorted(maps.Keys(of)) {
		for _, n := range of[service] {
			if n.Service != "" {
				continue
			}
			i := slices.IndexFunc(out, func(o Need) bool { return o.Name == n.Name })
			switch {
			case i < 0:
				out, owner[n.Name] = append(out, n), service
			case !out[i].same(n):
				return nil, diag.Fail(diag.ExitUsage, "%s and %s each need %s, but not the same: %s and %s", cmp.Or(owner[n.Name], "the stage"), service, n.Name, out[i].Describe(), n.Describe()).
					WithHint("give one of them another name in slipway.yaml, line %d: %s-%s", n.Line, n.Name, service)
			}
		}
	}
	return out, nil
}

// Over returns the variables of what a service needs under its own, which win.
func Over(own map[string]string, needs []Need) map[string]string {
	env := map[string]string{}
	for _, v := range Variables(needs) {
		env[v.Name] = v.Value
	}
	maps.Copy(env, own)
	return env
}

// same reports needs that one server meets.
func (n Need) same(o Need) bool {
	return n.Kind == o.Kind && n.Version == o.Version && n.Image == o.Image && n.Port == o.Port && n.Database == o.Database &&
		slices.Equal(n.Seed, o.Seed) && maps.Equal(n.Env, o.Env)
}

// DatabaseOf is the database that clients of a need are sent to.
func (n Need) DatabaseOf() string {
	if n.Database != "" {
		return n.Database
	}
	return DefaultDatabase
}

// endpoint is where clients reach a need.
func (n Need) endpoint() Endpoint {
	port := n.Port
	if k, ok := Find(n.Kind); ok {
		port = k.Port
	}
	return Endpoint{Host: n.Name, Port: port, User: User, Password: Password, DB: n.DatabaseOf()}
}

// Variables are those that clients of the needs expect, each once: where two needs
// want the same name, the first that is written has it. Each need also has
// variables of its name: DB_HOST, DB_PORT and, of a kind with an address, DB_URL.
func Variables(needs []Need) []Variable {
	var out []Variable
	seen := map[string]bool{}
	add := func(v Variable) {
		if !seen[v.Name] {
			seen[v.Name] = true
			out = append(out, v)
		}
	}
	for _, n := range needs {
		if k, ok := Find(n.Kind); ok {
			for _, v := range k.variables(n.endpoint()) {
				add(v)
			}
		}
	}
	for _, n := range needs {
		prefix, at := variablePrefix(n.Name), n.endpoint()
		add(Variable{prefix + "_HOST", n.Name})
		if at.Port > 0 {
			add(Variable{prefix + "_PORT", fmt.Sprint(at.Port)})
		}
		if url := n.url(); url != "" {
			add(Variable{prefix + "_URL", url})
		}
	}
	return out
}

// url is the address of a need as one value: that of its first variable with one.
func (n Need) url() string {
	k, ok := Find(n.Kind)
	if !ok {
		if at := n.endpoint(); at.Port > 0 && n.Service != "" {
			return fmt.Sprintf("http://%s:%d", at.Host, at.Port)
		}
		return ""
	}
	for _, v := range k.variables(n.endpoint()) {
		if strings.Contains(v.Value, "://") {
			return v.Value
		}
	}
	return ""
}

// variablePrefix is a host name as part of the name of a variable.
func variablePrefix(name string) string {
	up := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
	if up != "" && up[0] >= '0' && up[0] <= '9' {
		up = "_" + up
	}
	return strings.ToUpper(up)
}
