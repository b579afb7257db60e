package dockerfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// BakeFile is the name under which `docker buildx bake` looks for a definition.
const BakeFile = "docker-bake.json"

// Bake is a fleet as `docker buildx bake` builds it.
type Bake struct {
	Fleet     string
	Registry  string // of the images and, unless overridden, of the bases; may be empty
	Tag       string
	Platforms []string // none: that of the builder
	Bases     []string // names after FROM that a builder without Slipway cannot resolve
	Targets   []BakeTarget
}

// BakeTarget is one service. Paths are slash-separated.
type BakeTarget struct {
	Name       string
	Context    string // relative to the definition
	Dockerfile string // relative to the context
}

// RenderBake writes the definition. Equal fleets give equal bytes. What a person
// may want to change without editing it are bake's variables, which the
// environment overrides: REGISTRY, TAG, REVISION, and BASES for the place of the
// bases. A single base is overridden as any named context:
//
//	docker buildx bake --set '*.contexts.slipway/node:22-trixie=oci-layout://bases@sha256:…'
func RenderBake(b Bake) []byte {
	targets := object{{"bases", b.shared()}}
	var names []string
	for _, t := range b.Targets {
		name := bakeName(t.Name)
		names = append(names, name)
		targets = append(targets, member{name, object{
			{"inherits", []string{"bases"}},
			{"context", t.Context},
			{"dockerfile", t.Dockerfile},
			{"tags", []string{"${REGISTRY}" + b.Fleet + "/" + t.Name + ":${TAG}"}},
		}})
	}
	registry := b.Registry
	if registry != "" {
		registry += "/"
	}
	bases := b.Registry
	if bases == "" {
		bases = "localhost:5000"
	}
	variable := func(value string) object { return object{{"default", value}} }
	text, err := json.Marshal(object{
		{"//", b.Fleet + bakeMark},
		{"variable", object{
			{"REGISTRY", variable(registry)},
			{"TAG", variable(b.Tag)},
			{"REVISION", variable("")},
			{"BASES", variable("docker-image://" + bases)},
		}},
		{"group", object{{"default", object{{"targets", names}}}}},
		{"target", targets},
	})
	if err != nil {
		panic(err) // strings always encode
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		panic(err)
	}
	return append(out.Bytes(), '\n')
}

// shared is the target that every other inherits: the bases as named contexts,
// and what makes the images those of slipway build. BuildKit looks a named
// context up without the tag "latest".
func (b Bake) shared() object {
	contexts := object{}
	for _, ref := range slices.Sorted(slices.Values(b.Bases)) {
		contexts = append(contexts, member{strings.TrimSuffix(ref, ":latest"), "${BASES}/" + ref})
	}
	target := object{
		{"contexts", contexts},
		{"args", object{
			{"VERSION", `${equal(TAG, "latest") ? null : TAG}`},
			{"REVISION", "${REVISION}"},
			{"SOURCE_DATE_EPOCH", "0"},
		}},
	}
	if len(b.Platforms) > 0 {
		target = append(target, member{"platforms", b.Platforms})
	}
	return target
}

// bakeMark follows the fleet's name in the comment of a generated definition.
const bakeMark = Mark + bakeUse

const bakeUse = " Build it with `docker buildx bake`; the bases come from BASES."

// GeneratedBake reports whether a definition is one that RenderBake wrote, with or
// without the digest that goes into a written file.
func GeneratedBake(text []byte) bool {
	var d struct {
		Comment string `json:"//"`
	}
	return json.Unmarshal(text, &d) == nil && strings.Contains(d.Comment, Mark) && strings.HasSuffix(d.Comment, bakeUse)
}

// bakeName makes a name that bake takes for a target (buildx: letters, digits,
// "_" and "-"; "bases" is taken).
func bakeName(service string) string {
	name := strings.ReplaceAll(service, ".", "_")
	if name == "bases" || name == "default" {
		name += "-service"
	}
	return name
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	for i, m := range o {
		value := &bytes.Buffer{}
		e := json.NewEncoder(value)
		e.SetEscapeHTML(false)
		if err := e.Encode(m.value); err != nil {
			return nil, fmt.Errorf("encoding %s: %w", m.key, err)
		}
		separator := ","
		if i == 0 {
			separator = ""
		}
		fmt.Fprintf(&out, "%s%q:%s", separator, m.key, bytes.TrimSpace(value.Bytes()))
	}
	return []byte("{" + out.String() + "}"), nil
}
