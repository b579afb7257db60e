package config

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/invopop/jsonschema"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// The codes of findings about needs:.
const (
	codeNeedKind    = "SLP575" // neither of the catalogue, nor an image, nor a service
	codeNeedVersion = "SLP576"
	codeNeedSeed    = "SLP577" // of a kind that takes no such file
	codeNeedName    = "SLP578" // cannot be a host, or is taken
)

var databaseForm = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// Needs are what a service or a stage needs beside it, in the written order.
type needs []need

// need is one of them as written: a word, or a map with one key that says what it is.
type need struct {
	name string
	what string // the word: kind, kind:version, image or service:NAME
	form needForm
	line int
}

// needForm is the long form.
type needForm struct {
	Image    string            `yaml:"image,omitempty" jsonschema_description:"Any image, from Slipway's store or a registry."`
	Service  string            `yaml:"service,omitempty" jsonschema_description:"A service of this fleet."`
	Port     *int              `yaml:"port,omitempty" jsonschema:"minimum=1,maximum=65535" jsonschema_description:"Port of the image; it is ready when the port accepts connections."`
	Database string            `yaml:"database,omitempty" jsonschema_description:"Database to create; app when left out."`
	Seed     oneOrMore         `yaml:"seed,omitempty" jsonschema_description:"Files to run in the fresh database, in order, relative to slipway.yaml."`
	Env      map[string]scalar `yaml:"env,omitempty" jsonschema_description:"Environment of the server."`
}

func (n *needs) decodeNode(d *decoder, node ast.Node, at string) {
	switch node := node.(type) {
	case *ast.SequenceNode:
		for i, item := range node.Values {
			child := d.child(at, i, item)
			one := need{line: d.at[child].Line}
			if d.decodeNeed(item, child, &one) {
				*n = append(*n, one)
			}
		}
	case *ast.MappingNode, *ast.MappingValueNode:
		d.each(node, at, func(key string, value ast.Node, child string) {
			one := need{name: key, line: d.at[child].Line}
			if d.decodeNeed(value, child, &one) {
				*n = append(*n, one)
			}
		})
	default:
		d.report(codeWrongType, at, "such as [postgres, redis], or {db: postgres}", "%s must be a list or a map of names, not %s", last(at), describe(node))
	}
}

// decodeNeed reads the short or the long form. In the long form a key of the
// catalogue has the version as its value: {postgres: "17"}.
func (d *decoder) decodeNeed(n ast.Node, at string, out *need) bool {
	if !d.plain(n) {
		return false
	}
	d.at[at] = placeOf(first(n))
	if word, ok := text(n); ok {
		out.what = word
		return true
	}
	if _, ok := n.(ast.ScalarNode); ok {
		d.report(codeWrongType, at, "such as postgres", "a need must be a word or a map, not %s", describe(n))
		return false
	}
	before := len(d.findings)
	form := reflect.ValueOf(&out.form).Elem()
	fields := d.fieldsOf(form.Type())
	d.each(n, at, func(key string, value ast.Node, child string) {
		if f, ok := fields[key]; ok {
			d.decode(value, form.FieldByIndex(f), child)
			return
		}
		if _, ok := companion.Find(key); ok {
			d.decodeKind(key, value, child, out)
			return
		}
		known := append(sortedKeys(fields), companion.Names()...)
		hint := "the keys are " + strings.Join(sortedKeys(fields), ", ") + ", or a kind: " + strings.Join(companion.Names(), ", ")
		if near := diag.Nearest(key, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.report(codeUnknownKey, "key:"+child, hint, "unknown key %q %s", key, in(at))
	})
	return len(d.findings) == before
}

// decodeKind takes {postgres: "17"} and {postgres: }.
func (d *decoder) decodeKind(key string, value ast.Node, at string, out *need) {
	if out.what != "" {
		d.report(codeNeedKind, "key:"+at, "write two needs", "a need is one kind, not both %s and %s", out.what, key)
		return
	}
	out.what = key
	if _, null := value.(*ast.NullNode); null {
		return
	}
	var version scalar
	d.decode(value, reflect.ValueOf(&version).Elem(), at)
	if version != "" {
		out.what += ":" + string(version)
	}
}

// resolve turns the written form into the plain one; problems are reported by check.
func (n need) resolve() companion.Need {
	out := companion.Need{Name: n.name, Image: n.form.Image, Service: n.form.Service, Database: n.form.Database, Line: n.line}
	kind, version, _ := strings.Cut(n.what, ":")
	service, isService := strings.CutPrefix(n.what, "service:")
	k, known := companion.Find(kind)
	switch {
	case n.what == "":
	case isService:
		out.Service = service
	case known:
		out.Kind, out.Version = k.Name, version
	default:
		out.Image = n.what
	}
	if out.Name == "" {
		out.Name = n.defaultName(out, kind)
	}
	for _, file := range n.form.Seed {
		out.Seed = append(out.Seed, path.Clean(file))
	}
	if n.form.Port != nil {
		out.Port = *n.form.Port
	}
	for name, value := range n.form.Env {
		if out.Env == nil {
			out.Env = map[string]string{}
		}
		out.Env[name] = string(value)
	}
	return out
}

// defaultName is the host name of a need in a list: its kind as written, its
// service, or the last part of its image.
func (need) defaultName(out companion.Need, kind string) string {
	switch {
	case out.Service != "":
		return out.Service
	case out.Image != "":
		name, _, _ := strings.Cut(path.Base(out.Image), "@")
		name, _, _ = strings.Cut(name, ":")
		return name
	}
	return kind
}

func (n needs) resolve() []companion.Need {
	var out []companion.Need
	for _, one := range n {
		out = append(out, one.resolve())
	}
	return out
}

// checkNeeds reports needs that cannot be met. at is the path of needs:, owner the
// service that has them.
func (d *decoder) checkNeeds(at, owner string, list needs, doc *document) {
	taken := map[string]int{}
	for i, written := range list {
		n, at := written.resolve(), d.needPath(at, i, written)
		name := "key:" + at
		if written.name == "" {
			name = at
		}
		if !ValidName(n.Name) {
			d.report(codeNeedName, name, "use lower-case letters and digits, joined by dashes: {NAME: "+or(written.what, "postgres")+"}", "%q cannot be a host name", clip(n.Name))
		}
		if line, again := taken[n.Name]; again {
			d.report(codeNeedName, name, "give each a name: {"+n.Name+"-2: "+or(written.what, "postgres")+"}", "two needs are named %s, the first in line %d", n.Name, line)
		}
		taken[n.Name] = n.Line
		if _, clash := doc.Services[n.Name]; clash && n.Service != n.Name {
			d.report(codeNeedName, name, "give it another name", "%s is already a service of this fleet", n.Name)
		}
		d.checkNeed(at, owner, n, doc)
	}
}

// checkStageNeeds reports those of quality stages.
func (d *decoder) checkStageNeeds(at, owner string, stages quality, doc *document) {
	for _, name := range slices.Sorted(maps.Keys(stages)) {
		d.checkNeeds(at+"/quality/"+string(name)+"/needs", owner, stages[name].Needs, doc)
	}
}

// needPath is the path of a need in the document: by name in a map, else by number.
func (d *decoder) needPath(at string, i int, n need) string {
	if n.name != "" {
		return at + "/" + n.name
	}
	return fmt.Sprintf("%s/%d", at, i)
}

func (d *decoder) checkNeed(at, owner string, n companion.Need, doc *document) {
	var ways int
	for _, way := range []string{n.Kind, n.Image, n.Service} {
		if way != "" {
			ways++
		}
	}
	switch {
	case ways == 0:
		d.report(codeNeedKind, at, "one of "+strings.Join(companion.Names(), ", ")+", image: or service:", "the need does not say what it is")
		return
	case ways > 1:
		d.report(codeNeedKind, at, "write two needs", "a need is one of a kind, an image and a service")
		return
	}
	d.checkNeedEnv(at, n)
	switch {
	case n.Service != "":
		d.checkNeedService(at, owner, n.Service, doc)
	case n.Image != "":
		d.checkNeedImage(at, n)
	default:
		d.checkNeedKind(at, n)
	}
	if n.Port != 0 && (n.Image == "" || n.Port < 1 || n.Port > 65535) {
		d.report(codePort, at+"/port", "port: is for an image, between 1 and 65535", "%s takes no such port", n.Describe())
	}
	if n.Kind == "" && (n.Database != "" || len(n.Seed) > 0) {
		d.report(codeNeedSeed, at, "delete database: and seed:", "%s takes no database: or seed:; only kinds of the catalogue do", n.Describe())
	}
}

func (d *decoder) checkNeedEnv(at string, n companion.Need) {
	for _, key := range sortedKeys(n.Env) {
		if !envForm().MatchString(key) {
			d.report(codeEnv, "key:"+at+"/env/"+key, "use letters, digits and underscores", "%q cannot be the name of a variable", clip(key))
		}
	}
}

func (d *decoder) checkNeedService(at, owner, name string, doc *document) {
	_, known := doc.Services[name]
	switch {
	case name == owner && owner != "":
		d.report(codeNeedKind, at, "delete the need", "the service %s cannot need itself", clip(name))
	case !known:
		d.unknownService(at, name, "needs", doc)
	}
}

// checkNeedImage takes a word without a registry, tag or digest for a misspelt kind.
func (d *decoder) checkNeedImage(at string, n companion.Need) {
	switch {
	case !imageForm().MatchString(n.Image):
		d.report(codeReference, at, "such as registry.example/search:2", "%q is not an image reference", clip(n.Image))
	case !strings.ContainsAny(n.Image, "/:@"):
		hint := "one of " + strings.Join(companion.Names(), ", ") + "; an image has a tag: " + n.Image + ":latest"
		if near := diag.Nearest(n.Image, companion.Names()); near != "" {
			hint = fmt.Sprintf("did you mean %q? (%s)", near, hint)
		}
		d.report(codeNeedKind, at, hint, "unknown kind of companion %q", clip(n.Image))
	}
}

func (d *decoder) checkNeedKind(at string, n companion.Need) {
	k, _ := companion.Find(n.Kind)
	if _, ok := k.Version(n.Version); !ok {
		d.report(codeNeedVersion, at, "the versions are "+strings.Join(k.VersionNames(), ", ")+"; for another one, write image: REGISTRY/NAME:TAG", "%s has no version %q here", k.Title, clip(n.Version))
	}
	if n.Database != "" && !k.Databases {
		d.report(codeNeedSeed, at+"/database", "delete database:", "%s has no databases by name", k.Title)
	} else if n.Database != "" && !databaseForm().MatchString(n.Database) {
		d.report(codeNeedName, at+"/database", "use letters, digits and underscores, at most 63", "%q cannot be the name of a database", clip(n.Database))
	}
	for _, file := range n.Seed {
		d.checkPath(at+"/seed", file, "write it relative to slipway.yaml", "move the file into the repository")
		if len(k.Seeds) == 0 {
			d.report(codeNeedSeed, at+"/seed", "delete seed:", "%s takes no seed", k.Title)
		} else if !slices.Contains(k.Seeds, path.Ext(file)) {
			d.report(codeNeedSeed, at+"/seed", "use a file that ends with "+strings.Join(k.Seeds, " or "), "%s cannot run the seed %s", k.Title, clip(file))
		}
	}
}

// JSONSchema makes the schema of needs: a list or a map of needs.
func (needs) JSONSchema() *jsonschema.Schema {
	one := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "string", MinLength: new(uint64(1)), Description: "A kind (" + strings.Join(companion.Names(), ", ") + "), a kind with its version (postgres:17), an image, or service:NAME."},
		needFormSchema(),
	}}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "array", Items: one},
		{Type: "object", PropertyNames: &jsonschema.Schema{Type: "string", Pattern: namePattern}, AdditionalProperties: one},
	}}
}

// needFormSchema is the long form with the kinds as keys of versions.
func needFormSchema() *jsonschema.Schema {
	s := inlineSchema(needForm{})
	for _, name := range companion.Names() {
		k, _ := companion.Find(name)
		version := scalar("").JSONSchema()
		version.AnyOf = append(version.AnyOf, &jsonschema.Schema{Type: "null"})
		version.Description = k.Title + ", by its version: " + strings.Join(k.VersionNames(), ", ") + "."
		s.Properties.Set(name, version)
	}
	return s
}
