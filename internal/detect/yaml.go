package detect

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxYAML is the most of a YAML file that is read for evidence, in bytes; maxLevels
// how deep it may be nested, since the parser recurses.
const (
	maxYAML   = 256 << 10
	maxLevels = 100
)

// yamlNode is a value of a YAML file that others wrote: what cannot be read is
// missing. The zero value is a missing one.
type yamlNode struct {
	node    ast.Node
	anchors map[string]ast.Node
}

// yamlDocuments reads the documents of a file. Templates are no YAML.
func yamlDocuments(data []byte) (out []yamlNode) {
	defer func() {
		if recover() != nil { // the parser is not ours
			out = nil
		}
	}()
	if len(data) > maxYAML || bytes.Contains(data, []byte("{{")) || tooDeep(data) {
		return nil
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil
	}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			anchors := anchored{}
			ast.Walk(anchors, doc.Body)
			out = append(out, yamlNode{doc.Body, anchors})
		}
	}
	return out
}

// tooDeep bounds the nesting by indentation and brackets.
func tooDeep(data []byte) bool {
	depth := 0
	for line := range bytes.Lines(data) {
		depth += bytes.Count(line, []byte("[")) + bytes.Count(line, []byte("{")) - bytes.Count(line, []byte("]")) - bytes.Count(line, []byte("}"))
		indent := len(line) - len(bytes.TrimLeft(line, " -?"))
		if depth > maxLevels || indent > 4*maxLevels || len(line) > 64<<10 {
			return true
		}
	}
	return false
}

// anchored collects the nodes that aliases stand for.
type anchored map[string]ast.Node

// Visit implements ast.Visitor.
func (a anchored) Visit(n ast.Node) ast.Visitor {
	if anchor, ok := n.(*ast.AnchorNode); ok && anchor.Name != nil {
		a[anchor.Name.String()] = anchor.Value
	}
	return a
}

// plain follows anchors, aliases and tags to a value.
func (y yamlNode) plain() ast.Node {
	n := y.node
	for range 16 { // an alias may stand for itself
		switch at := n.(type) {
		case *ast.AnchorNode:
			n = at.Value
		case *ast.AliasNode:
			n = y.anchors[at.Value.String()]
		case *ast.TagNode:
			n = at.Value
		default:
			return n
		}
	}
	return nil
}

// pairs returns the keys and values of a map, those of merge keys last.
func (y yamlNode) pairs() (keys []string, values []yamlNode) { return y.pairsWithin(8) }

func (y yamlNode) pairsWithin(merges int) (keys []string, values []yamlNode) {
	var all []*ast.MappingValueNode
	switch n := y.plain().(type) {
	case *ast.MappingNode:
		all = n.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{n}
	}
	var merged []yamlNode
	for _, kv := range all {
		value := yamlNode{kv.Value, y.anchors}
		if _, merge := kv.Key.(*ast.MergeKeyNode); merge {
			merged = append(merged, value)
			continue
		}
		keys, values = append(keys, kv.Key.GetToken().Value), append(values, value)
	}
	for _, m := range merged {
		if merges > 0 {
			k, v := m.pairsWithin(merges - 1)
			keys, values = append(keys, k...), append(values, v...)
		}
	}
	return keys, values
}

// at returns the value below keys, a missing one when there is none.
func (y yamlNode) at(keys ...string) yamlNode {
	for _, want := range keys {
		names, values := y.pairs()
		found := yamlNode{}
		for i, name := range names {
			if name == want {
				found = values[i]
				break
			}
		}
		y = found
	}
	return y
}

// items are the values of a list.
func (y yamlNode) items() []yamlNode {
	seq, ok := y.plain().(*ast.SequenceNode)
	if !ok {
		return nil
	}
	out := make([]yamlNode, 0, len(seq.Values))
	for _, n := range seq.Values {
		out = append(out, yamlNode{n, y.anchors})
	}
	return out
}

// text is a scalar as it is written, "" for anything else.
func (y yamlNode) text() string {
	switch n := y.plain().(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n")
	case *ast.NullNode:
		return ""
	case ast.ScalarNode:
		return fmt.Sprint(n.GetToken().Value)
	}
	return ""
}

// words are the texts of a list; of a scalar, itself.
func (y yamlNode) words() []string {
	var out []string
	for _, item := range y.items() {
		out = append(out, item.text())
	}
	if t := y.text(); t != "" {
		out = append(out, t)
	}
	return out
}

// line is where the value stands, 0 for a missing one.
func (y yamlNode) line() int {
	n := y.plain()
	switch at := n.(type) {
	case nil:
		return 0
	case *ast.MappingNode:
		if len(at.Values) > 0 {
			n = at.Values[0].Key
		}
	case *ast.MappingValueNode:
		n = at.Key
	case *ast.SequenceNode:
		if len(at.Values) > 0 {
			return yamlNode{at.Values[0], y.anchors}.line()
		}
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
