package config

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/slipway-build/slipway/internal/pattern"
)

// goccy/go-yaml v1.19.2 reads some things otherwise than YAML 1.2.2 says. Delete this
// file when it no longer does: TestAColonInAFlowCollection, TestNumbers and
// TestExplicitKeys then still pass.
//
// A colon with no space after it is part of a plain scalar, in flow collections
// too (section 7.3.3): [localhost:8080] is one text. goccy takes it for a key and its
// value inside of a flow mapping. Numbers of the core schema (section 10.3.2) have no
// underscores and no 0b, and 014 is fourteen.

// respell puts right what the parser read otherwise: plain scalars that it took
// apart at a colon, keys after a question mark, and numbers.
func respell(n ast.Node) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, kv := range n.Values {
			respell(kv)
		}
	case *ast.MappingValueNode:
		if k, ok := n.Key.(*ast.MappingKeyNode); ok {
			if key, ok := k.Value.(ast.MapKeyNode); ok {
				n.Key = key
			}
		}
		if whole := undivided(n); whole != nil { // {a:b} is the key "a:b" without a value
			n.Key, n.Value = whole, ast.Null(whole.Token)
		}
		respell(n.Value)
		n.Value = number(n.Value)
	case *ast.SequenceNode:
		for i, item := range n.Values {
			if whole := undivided(onlyPair(item)); whole != nil {
				n.Values[i] = whole
				continue
			}
			respell(item)
			n.Values[i] = number(item)
		}
	}
}

var (
	coreInteger = pattern.Lazy(`^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$`)
	coreFloat   = pattern.Lazy(`^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$`)
)

// number returns a scalar as the core schema has it: a number or a text.
func number(n ast.Node) ast.Node {
	t := n.GetToken()
	switch n := n.(type) {
	case *ast.IntegerNode:
		if !coreInteger().MatchString(t.Value) {
			return ast.String(t)
		}
		return integer(n, t)
	case *ast.FloatNode:
		if !coreFloat().MatchString(t.Value) {
			return ast.String(t)
		}
	case *ast.StringNode:
		if t.Type == token.StringType && t.Indicator != token.QuotedScalarIndicator && coreInteger().MatchString(t.Value) {
			return integer(&ast.IntegerNode{BaseNode: &ast.BaseNode{}, Token: t}, t)
		}
	}
	return n
}

// integer gives a node the value that its text has: with zeros in front, a decimal
// one.
func integer(n *ast.IntegerNode, t *token.Token) ast.Node {
	base := 10
	if len(t.Value) > 2 && (t.Value[1] == 'o' || t.Value[1] == 'x') {
		base = 0
	}
	if v, err := strconv.ParseInt(t.Value, base, 64); err == nil {
		n.Value = v
	}
	return n
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
	if value.Prev == nil || value.Prev.Type != token.MappingValueType || strings.ContainsAny(value.Prev.Origin+value.Origin[:min(1, len(value.Origin))], " \t") {
		return nil // a tab takes no column
	}
	text := value.Value
	if value.Indicator == token.QuotedScalarIndicator {
		text = value.Origin
	}
	return ast.String(token.New(key.Value+":"+text, key.Value+":"+text, at))
}
