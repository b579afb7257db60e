package dockerfile_test

import (
	"bytes"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"pgregory.net/rapid"

	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plan"
)

func TestCopyOfNames(t *testing.T) {
	for _, c := range []struct {
		step plan.Step
		want string
	}{
		{plan.Step{Args: []string{"a.txt", "./"}}, "COPY a.txt ./"},
		{plan.Step{Args: []string{"ü é.txt", "./"}}, `COPY ["ü é.txt", "./"]`},
		{plan.Step{Args: []string{"über.txt", "./"}}, "COPY über.txt ./"},
		{plan.Step{Args: []string{"$HOME", "./"}}, `COPY \$HOME ./`},
		{plan.Step{Args: []string{"it's", `say "x"`, "./"}}, `COPY ["it\\'s", "say \\\"x\\\"", "./"]`},
		{plan.Step{Args: []string{"[id].js", "./"}}, `COPY ["[[]id].js", "./"]`},
		{plan.Step{Args: []string{"(a)/[0]/b", "a[0]/"}}, `COPY (a)/[[]0]/b a[0]/`},
		{plan.Step{Args: []string{"*.$x", "./"}, Pattern: true}, `COPY *.\$x ./`},
		{plan.Step{Args: []string{"*.go", "./"}, Pattern: true}, "COPY *.go ./"},
		{plan.Step{Args: []string{"$a [x]/*.go", "$a [x]/"}, Pattern: true}, `COPY ["\\$a [[]x]/*.go", "\\$a [x]/"]`},
		{plan.Step{Args: []string{"--from=x", "./"}}, `COPY ["--from=x", "./"]`},
		{plan.Step{Args: []string{"<<EOF", "./"}}, `COPY ["<<EOF", "./"]`},
		{plan.Step{Args: []string{"b#c", "./"}, Link: true, From: "x"}, "COPY --link --from=x b#c ./"},
	} {
		c.step.Op = plan.OpCopy
		text := string(dockerfile.Render(plan.Service{Stages: []plan.Stage{{Name: "a", From: "b", Steps: []plan.Step{c.step}}}}))
		got := strings.TrimSpace(text[strings.Index(text, "COPY"):])
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestNamesSurvive: COPY takes the file of a name and becomes no other
// instruction, whatever the name holds that it may hold.
func TestNamesSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[ -~äß€\t]{1,20}`).Draw(t, "name")
		if !dockerfile.CopiesName(name) || strings.Contains(name, "/") || name == "." || name == ".." {
			t.Skip("refused")
		}
		text := dockerfile.Render(plan.Service{Name: "x", Stages: []plan.Stage{{Name: "a", From: "b", Steps: []plan.Step{
			{Op: plan.OpCopy, Args: []string{"first", name, name + "/"}},
			{Op: plan.OpCmd, Args: []string{"node"}},
		}}}})
		tree, err := parser.Parse(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		stages, _, err := instructions.Parse(tree.AST, nil)
		if err != nil || len(stages[0].Commands) != 2 {
			t.Fatalf("%v in\n%s", err, text)
		}
		step := stages[0].Commands[0].(*instructions.CopyCommand)
		if err := step.Expand(func(word string) (string, error) { return expand(t, word), nil }); err != nil || len(step.SourceContents) > 0 {
			t.Fatalf("%v in\n%s", err, text)
		}
		if len(step.SourcePaths) != 2 || step.DestPath != name+"/" {
			t.Fatalf("%q came back as %q, %q from\n%s", name, step.SourcePaths, step.DestPath, text)
		}
		if ok, err := path.Match(step.SourcePaths[1], name); err != nil || !ok {
			t.Fatalf("%q came back as %q: %v", name, step.SourcePaths[1], err)
		}
		sent, err := patternmatcher.MatchesOrParentMatches(name, []string{step.SourcePaths[1]}) // as a client decides what to send
		if err != nil || !sent {
			t.Fatalf("%q does not come with %q: %v", name, step.SourcePaths[1], err)
		}
		for _, other := range []string{name + "x", "x" + name, strings.Map(func(r rune) rune {
			if strings.ContainsRune("*?[$", r) {
				return 'x'
			}
			return r
		}, name)} {
			if ok, _ := path.Match(step.SourcePaths[1], other); ok && other != name {
				t.Fatalf("%q takes %q too", step.SourcePaths[1], other)
			}
		}
	})
}

func TestNamesThatCopyRefuses(t *testing.T) {
	for name, want := range map[string]bool{
		"a b": true, "$x": true, `"`: true, "'": true, "ü": true, "[a]": true, "-x": true, "a\tb": true, "日本": true, "a!": true, "&&": true,
		`a\b`: false, "a\nRUN x": false, "!a": false, "a && b": false, "a*": false, "a?": false, "[^a]": false, "a^": true, " a": false, "a ": false, "\x1b[2J": false, "\xff": false, "a\u202eb": false,
	} {
		if got := dockerfile.CopiesName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
