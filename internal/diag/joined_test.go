package diag

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJoined: what several services have alike is said once, with their names, and
// nothing is lost that differs in any part.
func TestJoined(t *testing.T) {
	ended := func(service, file string) Finding {
		return Finding{Code: "SLP461", Severity: Warning, Place: Place{File: file, Line: 3}, Text: service + ": it ended", Hint: "move", Excerpt: "    3 | x"}
	}
	strict := ended("d", "d/x")
	strict.Severity = Error
	other := ended("e", "e/x")
	other.Hint = "stay"
	in := Findings{
		ended("a", "a/x"),
		{Code: "SLP222", Severity: Warning, Text: "two words: it ended"},
		ended("b", "b/x"),
		{Code: "SLP301", Severity: Warning, Text: "no service"},
		strict, other,
		ended("c", "c/x"),
		ended("c", "c/y"),
	}
	got := in.Joined()
	want := Findings{
		{Code: "SLP461", Severity: Warning, Place: Place{File: "a/x", Line: 3}, Text: "3 services: it ended", Hint: "move", Excerpt: "  services: a, b, c"},
		in[1], in[3], strict, other, in[7],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if in[0].Text != "a: it ended" {
		t.Errorf("the findings themselves changed: %v", in[0])
	}
	const text = "a/x:3: warning: 3 services: it ended [SLP461]\n  services: a, b, c\n  hint: move"
	if !strings.Contains(in.Error(), text) {
		t.Errorf("as an error:\n%v", in.Error())
	}
}
