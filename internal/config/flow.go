package config

import (
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A colon with no space after it is part of a plain scalar, in flow collections
// too (YAML 1.2.2, section 7.3.3): [localhost:8080] is one text. goccy/go-yaml
// v1.19.2 takes it for a key and its value inside of a flow mapping. Delete this
// file when it no longer does: TestAColonInAFlowCollection then still passes.

// respell puts plain scalars together again that the parser took apart at a
// colon.
func respell(n ast.Node) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, kv := range n.Values {
			respell(kv)
		}
	case *ast.MappingValueNode:
		if whole := undivided(n); whole != nil { // {a:b} is the key "a:b" without a value
			n.Key, n.Value = whole, ast.Null(whole.Token)
		}
		respell(n.Value)
	case *ast.SequenceNode:
		for i, item := range n.Values {
			if whole := undivided(onlyPair(item)); whole != nil {
				n.Values[i] = whole
				continue
			}
			respell(item)
		}
	}
}

// onlyPair is the pair of a mapping that has one.
func onlyPair(n ast.Node) *ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingValueNode:
		return n
	case *ast.MappingNode:
		if len(n.Values) == 1 && n.Start.Type != token.MappingStartType {
			return n.Values[0]
		}
	}
	return nil
}

// undivided is the scalar that a pair was written as, nil for a pair: nothing
// lies between the key, the colon and the value, and the key is not quoted.
func undivided(kv *ast.MappingValueNode) *ast.StringNode {
	if kv == nil || kv.Start == nil {
		return nil
	}
	key, value := kv.Key.GetToken(), kv.Value.GetToken()
	scalar, ok := kv.Value.(ast.ScalarNode)
	if !ok || key == nil || value == nil || key.Indicator == token.QuotedScalarIndicator || value.Type == token.ImplicitNullType {
		return nil
	}
	at, colon := key.Position, kv.Start.Position
	if at.Line != colon.Line || at.Column+utf8.RuneCountInString(key.Value) != colon.Column || scalar.GetToken().Position.Line != colon.Line || value.Position.Column != colon.Column+1 {
		return nil
	}
	text := value.Value
	if value.Indicator == token.QuotedScalarIndicator {
		text = value.Origin
	}
	return ast.String(token.New(key.Value+":"+text, key.Value+":"+text, at))
}
