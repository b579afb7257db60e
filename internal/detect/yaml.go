package detect

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/internal/pattern"
)

// maxYAML is the most of a YAML file that is read for evidence, in bytes; maxLevels
// how deep it may be nested, since the parser recurses.
const (
	maxYAML   = 256 << 10
	maxLevels = 100
)

// yamlNode is a value of a YAML file that others wrote: what cannot be read is
// missing. The zero value is a missing one. The parser is the one that Kubernetes
// and Docker Compose read with, so that the same file means the same.
type yamlNode struct{ node *yaml.Node }

// template is a line of a template that makes YAML, such as one of Helm.
var template = pattern.Lazy(`(?m)^[^"'#\n|]*\{\{`)

// versionLine names a version of YAML; the parser accepts 1.1 alone, which it does
// not go by.
var versionLine = pattern.Lazy(`(?m)^%YAML[^\n]*`)

// yamlDocuments reads the documents of a file up to one that is not valid.
// Templates are no YAML.
func yamlDocuments(data []byte) (out []yamlNode) {
	defer func() {
		if recover() != nil { // the parser is not ours
			out = nil
		}
	}()
	if len(data) > maxYAML || bytes.Contains(data, []byte("{{")) && template().Match(data) || tooDeep(data) {
		return nil
	}
	all := yaml.NewDecoder(bytes.NewReader(versionLine().ReplaceAll(data, nil)))
	for {
		var doc yaml.Node
		if all.Decode(&doc) != nil {
			return out
		}
		if len(doc.Content) > 0 {
			out = append(out, yamlNode{doc.Content[0]})
		}
	}
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

// plain follows an alias to its value.
func (y yamlNode) plain() *yaml.Node {
	n := y.node
	for range 16 { // an alias may stand for itself
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

// pairs returns the keys and values of a map, those of merge keys last. Of a key
// that is written twice, the last value counts.
func (y yamlNode) pairs() (keys []string, values []yamlNode) { return y.pairsWithin(8) }

func (y yamlNode) pairsWithin(merges int) (keys []string, values []yamlNode) {
	n := y.plain()
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	var merged []yamlNode
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := yamlNode{n.Content[i]}.plain(), yamlNode{n.Content[i+1]}
		switch at := slices.Index(keys, plainText(key)); {
		case key != nil && key.Tag == "!!merge":
			merged = append(append(merged, value), value.items()...)
		case at >= 0:
			values[at] = value
		default:
			keys, values = append(keys, plainText(key)), append(values, value)
		}
	}
	for _, m := range merged {
		if merges > 0 {
			k, v := m.pairsWithin(merges - 1)
			keys, values = append(keys, k...), append(values, v...)
		}
	}
	return keys, values
}

// plainText is the value of a scalar node, "" for others.
func plainText(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
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
	n := y.plain()
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]yamlNode, 0, len(n.Content))
	for _, item := range n.Content {
		out = append(out, yamlNode{item})
	}
	return out
}

// text is a scalar as it is written, "" for anything else. Block scalars lose their
// last line end.
func (y yamlNode) text() string {
	n := y.plain()
	switch {
	case n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" && n.Style == 0:
		return ""
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return strings.TrimSuffix(n.Value, "\n")
	}
	return n.Value
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
	if n == nil {
		return 0
	}
	if len(n.Content) > 0 && n.Style&yaml.FlowStyle == 0 {
		return yamlNode{n.Content[0]}.line()
	}
	return n.Line
}
