package golang

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEmbedPatterns: patterns are split as the compiler splits them.
func TestEmbedPatterns(t *testing.T) {
	for text, want := range map[string][]string{
		"a.txt":                     {"a.txt"},
		"a.txt  b/*\tc ":            {"a.txt", "b/*", "c"},
		`"a b.txt" c`:               {"a b.txt", "c"},
		"`a \"b\".txt` $HOME.txt":   {`a "b".txt`, "$HOME.txt"},
		`"all:x y" all:z`:           {"x y", "z"},
		`"files/\u00fc b.txt" ü.md`: {"files/ü b.txt", "ü.md"},
		`"open`:                     {`"open`},
		"":                          nil,
	} {
		if diff := cmp.Diff(want, EmbedPatterns(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
