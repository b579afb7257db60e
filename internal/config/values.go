package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/invopop/jsonschema"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// scalar is text that may be written as a number or truth value: version: 22.
type scalar string

func (s *scalar) decodeNode(d *decoder, n ast.Node, path string) {
	if t, ok := text(n); ok {
		*s = scalar(t)
		return
	}
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		*s = scalar(n.GetToken().Value)
	default:
		d.report(codeWrongType, path, "", "%s must be text or a number, not %s", last(path), describe(n))
	}
}

// JSONSchema makes the schema of a scalar.
func (scalar) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
}

// memory is a size in bytes, written with a unit.
type memory int64

const (
	memoryPattern = `^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|K|KB|M|MB|G|GB|T|TB)$`
	minMemory     = 4 << 20 // below, no container starts
	maxMemory     = 64 << 40
)

var memoryForm = pattern.Lazy(`^([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)$`)

// memoryUnits are the units: those of Kubernetes, and MB as people write them.
func memoryUnits() map[string]float64 {
	return map[string]float64{
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
		"K": 1e3, "KB": 1e3, "M": 1e6, "MB": 1e6, "G": 1e9, "GB": 1e9, "T": 1e12, "TB": 1e12,
	}
}

func (m *memory) decodeNode(d *decoder, n ast.Node, path string) {
	const hint = "write a number and a unit: 512Mi (binary) or 512MB (decimal)"
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		number := n.GetToken().Value
		d.report(codeMemory, path, fmt.Sprintf("did you mean %sMi?", number), "%s has no unit", number)
		return
	}
	s, ok := text(n)
	if !ok {
		d.report(codeWrongType, path, hint, "%s must be a size, not %s", last(path), describe(n))
		return
	}
	parts := memoryForm().FindStringSubmatch(s)
	if parts == nil {
		d.report(codeMemory, path, hint, "%q is not a size", s)
		return
	}
	units := memoryUnits()
	factor, ok := units[parts[2]]
	if !ok {
		h := hint
		if near := unitLike(parts[2]); near != "" {
			h = fmt.Sprintf("did you mean %s%s?", parts[1], near)
		}
		d.report(codeMemory, path, h, "%q is not a unit of memory", parts[2])
		return
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if size := number * factor; err != nil || size < minMemory || size > maxMemory {
		d.report(codeMemory, path, "use a size between 4Mi and 64Ti", "a memory limit of %s is out of range", s)
		return
	}
	*m = memory(math.Round(number * factor))
}

// unitLike returns the unit that a wrong one most likely stands for.
func unitLike(unit string) string {
	for _, u := range []string{"Ki", "Mi", "Gi", "Ti"} {
		if strings.EqualFold(unit, u) || strings.EqualFold(unit, u+"B") {
			return u
		}
	}
	for _, u := range []string{"KB", "MB", "GB", "TB"} {
		if strings.EqualFold(unit, u) || strings.EqualFold(unit, u[:1]) {
			return u
		}
	}
	return ""
}

// JSONSchema makes the schema of a size.
func (memory) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: memoryPattern}
}

// duration is a time span such as 1m30s.
type duration time.Duration

func (t *duration) decodeNode(d *decoder, n ast.Node, path string) {
	const hint = "write a number and a unit: 500ms, 10s, 2m"
	s, ok := text(n)
	if !ok {
		s = n.GetToken().Value
	}
	v, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.report(codeDuration, path, hint, "%q is not a time span", clip(s))
	case v < time.Millisecond || v > 24*time.Hour: // Docker refuses health timings under 1 ms
		d.report(codeDuration, path, "use a time span between 1ms and 24h", "%s cannot be %s", last(path), s)
	default:
		*t = duration(v)
	}
}

// JSONSchema makes the schema of a time span.
func (duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`}
}

// command is argv, written as a list or as one line that needs no shell.
type command []string

func (c *command) decodeNode(d *decoder, n ast.Node, path string) {
	if s, ok := text(n); ok {
		words, err := Words(s)
		if err != nil {
			d.report(codeCommand, path, `write the words as a list; for a shell, ["sh", "-c", "…"] with shell: true`, "the command %q cannot run without a shell: %s", clip(s), err)
			return
		}
		*c = words
		return
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.report(codeWrongType, path, `such as ["node", "dist/server.js"]`, "%s must be a list of words or a line, not %s", last(path), describe(n))
		return
	}
	for i, item := range seq.Values {
		var word scalar
		word.decodeNode(d, item, d.child(path, i, item))
		*c = append(*c, string(word))
	}
	if len(*c) == 0 || (*c)[0] == "" {
		d.report(codeCommand, path, `such as ["node", "dist/server.js"]`, "the command is empty")
	}
}

// oneOrMore is a text, or a list of them.
type oneOrMore []string

func (o *oneOrMore) decodeNode(d *decoder, n ast.Node, path string) {
	if s, ok := text(n); ok {
		*o = oneOrMore{s}
		return
	}
	d.decodeSlice(n, reflect.ValueOf((*[]string)(o)).Elem(), path)
}

// JSONSchema makes the schema of a text or a list.
func (oneOrMore) JSONSchema() *jsonschema.Schema {
	one := uint64(1)
	word := &jsonschema.Schema{Type: "string", MinLength: &one}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{word, {Type: "array", Items: word}}}
}

// child notes the place of a list's item and returns its path.
func (d *decoder) child(path string, i int, n ast.Node) string {
	p := path + "/" + strconv.Itoa(i)
	d.at[p] = placeOf(first(n))
	return p
}

// JSONSchema makes the schema of a command.
func (command) JSONSchema() *jsonschema.Schema {
	one := uint64(1)
	word := scalar("").JSONSchema()
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "string", MinLength: &one},
		{Type: "array", Items: word, MinItems: &one},
	}}
}

// platform is "os/arch" of those that Slipway builds for.
type platform string

func platforms() []string { return []string{"linux/amd64", "linux/arm64"} }

func (p *platform) decodeNode(d *decoder, n ast.Node, path string) {
	s, ok := text(n)
	if !ok {
		d.report(codeWrongType, path, "such as linux/amd64", "a platform must be text, not %s", describe(n))
		return
	}
	hint, err := PlatformHint(s)
	if err != nil {
		d.report(codePlatform, path, hint, "%s", err)
		return
	}
	*p = platform(s)
}

// PlatformHint returns an error when Slipway does not build for a platform, and
// what to write instead.
func PlatformHint(s string) (hint string, err error) {
	known := platforms()
	for _, p := range known {
		if p == s {
			return "", nil
		}
	}
	hint = "one of " + strings.Join(known, ", ")
	other := map[string]string{"amd64": "linux/amd64", "x86_64": "linux/amd64", "linux/x86_64": "linux/amd64", "x64": "linux/amd64", "arm64": "linux/arm64", "aarch64": "linux/arm64", "linux/aarch64": "linux/arm64", "linux/arm64/v8": "linux/arm64"}
	near, ok := other[strings.ToLower(s)]
	if !ok {
		near = diag.Nearest(s, known)
	}
	if near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return hint, fmt.Errorf("no bases exist for the platform %q", clip(s))
}

// JSONSchema makes the schema of a platform.
func (platform) JSONSchema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, p := range platforms() {
		s.Enum = append(s.Enum, p)
	}
	return s
}

// bases is the name of a family, or a map of role to image.
type bases struct {
	family baseFamily
	images map[string]string
}

func (b *bases) decodeNode(d *decoder, n ast.Node, path string) {
	if s, ok := text(n); ok {
		if d.choose(baseFamily(""), s, path) {
			b.family = baseFamily(s)
		}
		return
	}
	if _, ok := n.(ast.ScalarNode); ok {
		d.report(codeWrongType, path, "", "bases must be a family or a map, not %s", describe(n))
		return
	}
	b.family, b.images = "map", map[string]string{}
	roles := baseRoles()
	d.each(n, path, func(key string, value ast.Node, child string) {
		var image string
		if diag.Nearest(key, roles) != key {
			hint := "the roles are " + strings.Join(roles, ", ")
			if near := diag.Nearest(key, roles); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			d.report(codeUnknownKey, "key:"+child, hint, "unknown base role %q", key)
			return
		}
		if s, ok := text(value); ok {
			image = s
		}
		if !imageForm().MatchString(image) {
			d.report(codeReference, child, "such as registry.example/node:22-slim", "the image of %q is not an image reference", key)
			return
		}
		b.images[key] = image
	})
	d.checkBasePairs(path)
}

// checkBasePairs reports an ecosystem that has an image for one role only, and a
// map that names no ecosystem at all.
func (d *decoder) checkBasePairs(path string) {
	written := func(role string) bool { _, ok := d.at[path+"/"+role]; return ok }
	pairs := 0
	for _, e := range ecosystem("").choices() {
		toolchain, runtime := e+"-toolchain", e+"-runtime"
		switch {
		case written(toolchain) && written(runtime):
			pairs++
		case written(toolchain):
			d.report(codeImpossible, path, "add "+runtime+": <image>", "the map of bases has no image for %q", runtime)
			pairs++
		case written(runtime):
			d.report(codeImpossible, path, "add "+toolchain+": <image>", "the map of bases has no image for %q", toolchain)
			pairs++
		}
	}
	if pairs == 0 {
		d.report(codeImpossible, path, "add node-toolchain: <image> and node-runtime: <image>, or those of another ecosystem", "the map of bases has no image for any ecosystem")
	}
}

// JSONSchema makes the schema of bases.
func (bases) JSONSchema() *jsonschema.Schema {
	images := jsonschema.NewProperties()
	for _, role := range baseRoles() {
		images.Set(role, &jsonschema.Schema{Type: "string"})
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		enum(baseFamily("")),
		{Type: "object", Properties: images, AdditionalProperties: jsonschema.FalseSchema, MinProperties: new(uint64(2))},
	}}
}

// ParseMemory reads a size as slipway.yaml writes it: "512Mi" or "512MB".
func ParseMemory(s string) (int64, error) {
	parts := memoryForm().FindStringSubmatch(s)
	if parts == nil {
		return 0, fmt.Errorf("%q is not a size such as 512Mi or 512MB", s)
	}
	factor, ok := memoryUnits()[parts[2]]
	if !ok {
		return 0, fmt.Errorf("%q has no unit of memory, such as Mi or MB", s)
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if size := number * factor; err != nil || size < minMemory || size > maxMemory {
		return 0, fmt.Errorf("a memory limit of %s is out of range: use a size between 4Mi and 64Ti", s)
	}
	return int64(math.Round(number * factor)), nil
}

func (f *file) decodeNode(d *decoder, n ast.Node, path string) {
	if s, ok := text(n); ok {
		f.Path = s
		return
	}
	type written file // decoded field by field
	d.decode(n, reflect.ValueOf((*written)(f)).Elem(), path)
}

// JSONSchema makes the schema of a file: a path, or a map.
func (file) JSONSchema() *jsonschema.Schema {
	one := uint64(1)
	type written file
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string", MinLength: &one}, inlineSchema(written{})}}
}

func (p *planned) decodeNode(d *decoder, n ast.Node, path string) {
	if b, ok := n.(*ast.BoolNode); ok && !b.Value {
		return
	}
	d.report(codeWrongType, path, "write dockerfile: false, or delete the key: a Dockerfile in the service's directory is found", "dockerfile takes only false, not %s", describe(n))
}

// JSONSchema makes the schema of the one value.
func (planned) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Const: false}
}
