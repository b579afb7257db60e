package diag

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFindingsAreSafeForTerminals(t *testing.T) {
	f := Finding{Code: "SLP000", Place: Place{File: "a\x1b[2J\nb\xff", Line: 1}, Text: "over\rwritten", Excerpt: "    1 | \x1b]0;x\x07\n    2 | ü", Hint: "turn\u202eed"}
	want := `a\x1b[2J\nb\xff:1: error: over\x0dwritten [SLP000]` + "\n" + `    1 | \x1b]0;x\x07` + "\n    2 | ü\n" + `  hint: turn\u202eed`
	if got := f.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain")
	f.Add("a\x1b[31m\n\u2028\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := Printable(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, hidden) {
			t.Errorf("%q became %q", text, got)
		}
		if Printable(got) != got {
			t.Errorf("%q is escaped again", got)
		}
	})
}
