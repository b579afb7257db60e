package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/slipway-build/slipway/internal/diag"
)

// The codes of findings in slipway.yaml. A code has one meaning for ever.
const (
	codeSyntax      = "SLP101" // not YAML, or more than Slipway reads
	codeUnknownKey  = "SLP102"
	codeDuplicate   = "SLP103" // the same key twice
	codeWrongType   = "SLP104" // a list where a number belongs …
	codeNoChoice    = "SLP105" // not one of the words that the key takes
	codePort        = "SLP106" // outside 1–65535
	codeSamePort    = "SLP107" // two services of one run group
	codeMemory      = "SLP108"
	codePlatform    = "SLP109"
	codeTwoHealths  = "SLP110"
	codeImpossible  = "SLP111" // keys that cannot hold together
	codePath        = "SLP112" // leaves the repository
	codeSamePath    = "SLP113"
	codeVersion     = "SLP114" // of the format
	codeNoServices  = "SLP115"
	codeName        = "SLP116" // not a component of an image name
	codeUser        = "SLP117"
	codeDuration    = "SLP118"
	codeAnchor      = "SLP119" // anchors, aliases, merge keys, tags
	codeReference   = "SLP120" // registry, tag, image
	codeEnv         = "SLP121"
	codeCommand     = "SLP122"
	codeHealthValue = "SLP123" // path, service name, retries
	codeSecret      = "SLP124" // a warning: an env value that looks like a secret
	codePackage     = "SLP125" // not the name of a Debian package
	codeSignatures  = "SLP650" // a policy that nobody can meet
	codeGate        = "SLP628" // not a limit of a gate
	codeWaiver      = "SLP440" // a waiver without a reason, or of what nobody can waive
)

// decoder fills the document's types from a YAML tree, collects findings, and
// remembers where each value stands.
type decoder struct {
	source
	at       map[string]diag.Place
	findings diag.Findings
	hidden   map[int]bool // lines that show a secret, of which there is no excerpt
	fields   map[reflect.Type]map[string][]int
}

// hide keeps the line of a finding out of all excerpts.
func (d *decoder) hide(f diag.Finding) {
	if d.hidden == nil {
		d.hidden = map[int]bool{}
	}
	d.hidden[f.Place.Line] = true
}

// reported are the findings, sorted; an excerpt has a line and the one before it.
func (d *decoder) reported() diag.Findings {
	for i, f := range d.findings {
		if d.hidden[f.Place.Line] || d.hidden[f.Place.Line-1] {
			d.findings[i].Excerpt = ""
		}
	}
	return d.findings.Sorted()
}

// nodeDecoder is a type that decodes itself.
type nodeDecoder interface {
	decodeNode(d *decoder, n ast.Node, path string)
}

// report adds an error at the place of a path, or of its nearest parent.
func (d *decoder) report(code, path, hint, format string, args ...any) {
	p, ok := d.at[path]
	for !ok && path != "" {
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
		p, ok = d.at[path]
	}
	d.findings = append(d.findings, d.finding(code, p.Line, p.Column, fmt.Sprintf(format, args...), hint))
}

func (d *decoder) reportToken(code string, t *token.Token, hint, format string, args ...any) {
	p := placeOf(t)
	d.findings = append(d.findings, d.finding(code, p.Line, p.Column, fmt.Sprintf(format, args...), hint))
}

func placeOf(t *token.Token) diag.Place {
	if t == nil || t.Position == nil {
		return diag.Place{}
	}
	return diag.Place{Line: t.Position.Line, Column: t.Position.Column}
}

// decode fills v from n. A nil or null node leaves v as it is.
func (d *decoder) decode(n ast.Node, v reflect.Value, path string) {
	if !d.plain(n) {
		return
	}
	d.at[path] = placeOf(first(n))
	if _, null := n.(*ast.NullNode); null {
		if k := v.Kind(); k != reflect.Struct && k != reflect.Map {
			d.report(codeWrongType, path, "write a value or delete the key", "%s has no value", last(path))
		}
		return
	}
	if self, ok := v.Addr().Interface().(nodeDecoder); ok {
		self.decodeNode(d, n, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		before := len(d.findings)
		d.decode(n, p.Elem(), path)
		if len(d.findings) == before {
			v.Set(p)
		}
	case reflect.Struct:
		d.decodeStruct(n, v, path)
	case reflect.Map:
		d.decodeMap(n, v, path)
	case reflect.Slice:
		d.decodeSlice(n, v, path)
	default:
		d.decodeScalar(n, v, path)
	}
}

// plain refuses nodes that stand for something else.
func (d *decoder) plain(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		d.reportToken(codeAnchor, n.GetToken(), "write shared settings once, under defaults or types", "slipway.yaml does not support anchors and aliases")
		return false
	case *ast.TagNode:
		d.reportToken(codeAnchor, n.GetToken(), "delete the tag", "slipway.yaml does not support tags")
		return false
	case nil:
		return false
	}
	return true
}

// first returns the first token of a node: the first key of a map.
func first(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
}

// entries returns the key-value pairs of a map node.
func (d *decoder) entries(n ast.Node, path string) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	d.report(codeWrongType, path, "", "%s must be a map of keys and values, not %s", last(path), describe(n))
	return nil, false
}

// each calls fn for every key of a map node once, in order.
func (d *decoder) each(n ast.Node, path string, fn func(key string, value ast.Node, child string)) {
	pairs, ok := d.entries(n, path)
	if !ok {
		return
	}
	seen := map[string]int{}
	for _, kv := range pairs {
		key, ok := d.key(kv)
		if !ok {
			continue
		}
		t := kv.Key.GetToken()
		if line, again := seen[key]; again {
			d.reportToken(codeDuplicate, t, "merge the two", "%s is written twice, first in line %d", key, line)
			continue
		}
		seen[key] = placeOf(t).Line
		child := strings.TrimPrefix(path+"/"+key, "/")
		d.at[child] = placeOf(t)
		d.at["key:"+child] = placeOf(t)
		fn(key, kv.Value, child)
	}
}

// key returns the text of a key.
func (d *decoder) key(kv *ast.MappingValueNode) (string, bool) {
	switch k := kv.Key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.MergeKeyNode, *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "", d.plain(k)
	case ast.ScalarNode:
		return k.GetToken().Value, true
	default:
		d.reportToken(codeWrongType, kv.Key.GetToken(), "", "keys must be plain words")
		return "", false
	}
}

func (d *decoder) decodeStruct(n ast.Node, v reflect.Value, path string) {
	fields := d.fieldsOf(v.Type())
	d.each(n, path, func(key string, value ast.Node, child string) {
		if f, ok := fields[key]; ok {
			d.decode(value, v.FieldByIndex(f), child)
			return
		}
		names := sortedKeys(fields)
		hint := "the keys are " + strings.Join(names, ", ")
		if near := diag.Nearest(key, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		if before, after, ok := strings.Cut(key, ":"); ok {
			hint = fmt.Sprintf("write a space after the colon: %s: %s", before, after)
		}
		d.report(codeUnknownKey, "key:"+child, hint, "unknown key %q %s", key, in(path))
	})
}

// fieldsOf returns the fields of a struct by their key, embedded ones included. Every
// service has the same, so they are kept.
func (d *decoder) fieldsOf(t reflect.Type) map[string][]int {
	if fields, ok := d.fields[t]; ok {
		return fields
	}
	fields := map[string][]int{}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if options == "inline" {
			for k, below := range d.fieldsOf(t.Field(i).Type) {
				fields[k] = append([]int{i}, below...)
			}
			continue
		}
		fields[name] = []int{i}
	}
	if d.fields == nil {
		d.fields = map[reflect.Type]map[string][]int{}
	}
	d.fields[t] = fields
	return fields
}

func (d *decoder) decodeMap(n ast.Node, v reflect.Value, path string) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	d.each(n, path, func(key string, value ast.Node, child string) {
		k := reflect.New(v.Type().Key()).Elem()
		k.SetString(key)
		if c, ok := k.Interface().(choice); ok && !d.choose(c, key, "key:"+child) {
			return
		}
		e := reflect.New(v.Type().Elem()).Elem()
		d.decode(value, e, child)
		v.SetMapIndex(k, e)
	})
}

func (d *decoder) decodeSlice(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.report(codeWrongType, path, "", "%s must be a list, not %s", last(path), describe(n))
		return
	}
	for i, item := range seq.Values {
		e := reflect.New(v.Type().Elem()).Elem()
		d.decode(item, e, path+"/"+strconv.Itoa(i))
		v.Set(reflect.Append(v, e))
	}
}

func (d *decoder) decodeScalar(n ast.Node, v reflect.Value, path string) {
	wrong := func(want string) {
		hint := ""
		if s, isText := text(n); isText && v.Kind() != reflect.String && s != "" {
			hint = map[reflect.Kind]string{reflect.Int: "write a number, without quotes", reflect.Bool: "write true or false, without quotes"}[v.Kind()]
		} else if _, scalar := n.(ast.ScalarNode); scalar && !isText {
			hint = fmt.Sprintf("in quotes: %q", n.GetToken().Value)
		}
		d.report(codeWrongType, path, hint, "%s must be %s, not %s", last(path), want, describe(n))
	}
	switch v.Kind() {
	case reflect.String:
		s, ok := text(n)
		if !ok {
			wrong("text")
			return
		}
		v.SetString(s)
		if c, ok := v.Interface().(choice); ok {
			d.choose(c, s, path)
		}
	case reflect.Int:
		i, ok := n.(*ast.IntegerNode)
		if !ok {
			wrong("a whole number")
			return
		}
		number, err := strconv.ParseInt(fmt.Sprint(i.Value), 10, 32)
		if err != nil {
			number = -1 // out of every range, so that the check of the range reports it
		}
		v.SetInt(number)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			wrong("true or false")
			return
		}
		v.SetBool(b.Value)
	}
}

// choose reports a word that is not one of the choices.
func (d *decoder) choose(c choice, word, path string) bool {
	all := c.choices()
	if slices.Contains(all, word) {
		return true
	}
	hint := "one of " + strings.Join(all, ", ")
	if near := diag.Nearest(word, all); near != "" {
		hint = fmt.Sprintf("did you mean %q? (%s)", near, hint)
	}
	d.report(codeNoChoice, path, hint, "%s cannot be %q", kindOf(c), word)
	return false
}

// text returns a string node's value; other scalars are not text.
func text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

// describe names a node's kind in words.
func describe(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a map"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "the truth value " + n.GetToken().Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	case *ast.NullNode:
		return "nothing"
	}
	if s, ok := text(n); ok {
		return fmt.Sprintf("the text %q", clip(s))
	}
	return "something else"
}

// last returns the last part of a path, in quotes; the file for the empty one.
func last(path string) string {
	if path == "" {
		return "the file"
	}
	return strconv.Quote(path[strings.LastIndexByte(path, '/')+1:])
}

// in says where a key was looked for.
func in(path string) string {
	if path == "" {
		return "at the top of slipway.yaml"
	}
	return "in " + strings.ReplaceAll(path, "/", ".")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
