package detect

import (
	"strings"
	"testing"
)

// inShort writes a value down: maps in braces, lists in brackets.
func inShort(y yamlNode) string {
	if keys, values := y.pairs(); keys != nil {
		var out []string
		for i, k := range keys {
			out = append(out, k+"="+inShort(values[i]))
		}
		return "{" + strings.Join(out, " ") + "}"
	}
	if items := y.items(); items != nil {
		var out []string
		for _, item := range items {
			out = append(out, inShort(item))
		}
		return "[" + strings.Join(out, " ") + "]"
	}
	return y.text()
}

// TestYAML reads what YAML 1.2.2 says, by the constructs of its chapters 6 to 9.
func TestYAML(t *testing.T) {
	for text, want := range map[string]string{
		// 7.3.3 plain style: a colon without a space after it is part of it
		"a: {b:c, d: e}":                           "{a={b:c= d=e}}",
		"a: [localhost:8080, x: y]":                "{a=[localhost:8080 {x=y}]}",
		"ports: [8080:80, \"53:53/udp\"]":          "{ports=[8080:80 53:53/udp]}",
		"test: [CMD, curl, http://localhost:80/x]": "{test=[CMD curl http://localhost:80/x]}",
		"a: b:c\nd: e#f # g":                       "{a=b:c d=e#f}",
		"a: -1\nb: -x\nc: ::1":                     "{a=-1 b=-x c=::1}",
		"a: {\"b\":c, 'd':e}":                      "{a={b=c d=e}}",
		"a: [\"b\":c]":                             "{a=[{b=c}]}",
		"a: one\n  two\n\n  three\nb: c":           "{a=one two\nthree b=c}",
		// 7.3.1, 7.3.2 quoted styles
		"a: \"x\\ty\\u00e9\"\nb: 'it''s'":        "{a=x\ty\u00e9 b=it's}",
		"a: \"one\\\n  two\"\nb: 'one\n\n  two'": "{a=onetwo b=one\ntwo}",
		// 7.4 flow collections over lines, with comments and a last comma
		"a: [b, # c\n  d,\n]\ne: {f: g,\n  h: i,\n}": "{a=[b d] e={f=g h=i}}",
		// 8.1 block scalars
		"a: |\n  x\n   y\n\n  z\nb: >-\n  x\n  y\n\n  z": "{a=x\n y\n\nz b=x y\nz}",
		"a: |2\n    x\nb: |+\n  x\n\nc: d":               "{a=  x b=x\n c=d}",
		// 8.2 block collections: compact, nested, at the indentation of the key
		"- - x\n  - y\n- - z":        "[[x y] [z]]",
		"a:\n- b: c\n  d: e\n- f":    "{a=[{b=c d=e} f]}",
		"- a:\n    - b\n  c:\n  - d": "[{a=[b] c=[d]}]",
		"? a\n: b\n? c\nd: e":        "{a=b c= d=e}",
		// 6.9, 7.1 tags, anchors and aliases, also on keys, and on nothing
		"a: !!str 12\nb: !secret c\n!!str d: e":                        "{a=12 b=c d=e}",
		"a: &x {b: c}\nd: *x\n&y e: f\ng: *y":                          "{a={b=c} d={b=c} e=f g=e}",
		"a: &x\nb: *x\nc: d":                                           "{a= b= c=d}",
		"x: &x {a: b, c: d}\ny: &y {e: f}\nz:\n  <<: [*x, *y]\n  c: g": "{x={a=b c=d} y={e=f} z={c=g a=b c=d e=f}}",
		// 10.2 the core schema: only as far as text goes
		"a: yes\nb: 0o14\nc: 014\nd: 1_000\ne: on": "{a=yes b=0o14 c=014 d=1_000 e=on}",
		"a: ~\nb: null\nc: \"null\"\nd:":           "{a= b= c=null d=}",
		"a: 1\nb: 2\na: 3":                         "{a=3 b=2}",
		"on: push\n1: a":                           "{on=push 1=a}",
		// 5.2, 5.4 byte-order marks are stripped before; line ends of Windows
		"a:\r\n  - b\r\n  - c\r\n": "{a=[b c]}",
		// what is not valid says nothing
		"a: b: c":                        "",
		"a:\n\tb: c":                     "",
		"a: *nothing":                    "",
		"a: [b":                          "",
		"a: {{ .b }}":                    "",
		"{{- if .x }}\na: b\n{{- end }}": "",
		"a: '{{.Node.Hostname}}'\nb: c # {{ x }}": "{a={{.Node.Hostname}} b=c}",
	} {
		got := ""
		for _, doc := range yamlDocuments([]byte(text)) {
			got += inShort(doc)
		}
		if got != want {
			t.Errorf("%q\ngot  %q\nwant %q", text, got, want)
		}
	}
}

// TestYAMLDocuments: a file of Kubernetes has several, some of which are empty.
func TestYAMLDocuments(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\n---\nb: 2\n":                "{a=1} {b=2}",
		"---\n---\na: 1\n":                 " {a=1}",
		"---\n# nothing\n---\na: 1\n---\n": " {a=1} ",
		"a: 1\n...\n---\nb: 2\n...\n":      "{a=1} {b=2}",
		"%YAML 1.2\n---\na: 1\n":           "{a=1}",
		"--- {a: 1}\n--- # b\n- c\n":       "{a=1} [c]",
		"a: 1\n---\nb: c: d\n---\ne: 1\n":  "{a=1}",
		"# nothing\n":                      "",
	} {
		var got []string
		for _, doc := range yamlDocuments([]byte(text)) {
			got = append(got, inShort(doc))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestYAMLLines are those of values, also of aliases.
func TestYAMLLines(t *testing.T) {
	doc := yamlDocuments([]byte("x: &x\n  a: 1\n\ny:\n  b: *x\n  c: [1,\n    2]\n  d: |\n    text\n"))[0]
	for path, want := range map[string]int{"x": 2, "x a": 2, "y": 5, "y b a": 2, "y c": 6, "y d": 8, "z": 0} {
		if got := doc.at(strings.Fields(path)...).line(); got != want {
			t.Errorf("%s is in line %d, want %d", path, got, want)
		}
	}
}
