package dockerfile_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plan"
)

// hostilePlan has one text in every place where a plan has text of a repository.
func hostilePlan(text string) plan.Service {
	return plan.Service{
		Name:  "web " + text,
		Facts: []plan.Fact{{Name: "start", Value: text, Evidence: text, File: text, Line: 1}},
		Stages: []plan.Stage{{Name: "production", From: "runtime", Comment: text, Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{"/app"}, Comment: text},
			{Op: plan.OpArg, Args: []string{"VERSION=" + text}},
			{Op: plan.OpEnv, Args: []string{"A=" + text, "B=$VERSION"}},
			{Op: plan.OpLabel, Args: []string{"a=" + text, "b=1"}},
			{Op: plan.OpCopy, Args: []string{"/etc/motd"}, Content: "motd\n" + text},
			{Op: plan.OpRun, Args: []string{"node", text}},
			{Op: plan.OpHealthcheck, Args: []string{"/probe", text}},
			{Op: plan.OpCmd, Args: []string{"node", text}},
		}}},
	}
}

// instructionsOf parses text as builders do.
func instructionsOf(t *testing.T, text []byte) []instructions.Command {
	t.Helper()
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	stages, args, err := instructions.Parse(tree.AST, nil)
	if err != nil || len(stages) != 1 || len(args) != 0 {
		t.Fatalf("%d stages, %d arguments before them, %v in\n%s", len(stages), len(args), err, text)
	}
	return stages[0].Commands
}

func checkHostile(t *testing.T, value string) {
	t.Helper()
	text := dockerfile.Render(hostilePlan(value))
	var names []string
	commands := instructionsOf(t, text)
	for _, c := range commands {
		names = append(names, strings.ToLower(c.Name()))
	}
	want := []string{"workdir", "arg", "env", "label", "copy", "run", "healthcheck", "cmd"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatalf("%q: instructions (-want +got):\n%s\n%s", value, diff, text)
	}
	if l := commands[3].(*instructions.LabelCommand).Labels; len(l) != 2 || len(commands[1].(*instructions.ArgCommand).Args) != 1 || len(commands[2].(*instructions.EnvCommand).Env) != 2 {
		t.Fatalf("%q: labels %v in\n%s", value, l, text)
	}
	if cmd := commands[7].(*instructions.CmdCommand); cmd.PrependShell || len(cmd.CmdLine) != 2 || utf8.ValidString(value) && cmd.CmdLine[1] != value {
		t.Fatalf("%q: the start is %q", value, cmd.CmdLine)
	}
	shown := strings.Replace(string(text), strings.TrimSuffix("motd\n"+value, "\n")+"\nEOF", "", 1) // the content of a file is as it is
	if at := strings.IndexFunc(shown, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
	}); at >= 0 {
		t.Fatalf("%q: a control character in %q", value, shown[max(0, at-40):])
	}
	if rendered := dockerfile.Render(hostilePlan(value)); !bytes.Equal(rendered, text) {
		t.Fatalf("%q: rendered twice, differently", value)
	}
}

// hostileValues try to end a value, a comment or a text early.
func hostileValues() []string {
	return []string{
		"1.0.0", "1.0.0\"\nUSER 0:0\nENV INJECTED=\"yes\nLABEL x=\"", "1\nRUN id", "1\r\nRUN id", "1\rRUN id", "a\\", "a\\\n", `a"`, "a'", "$HOME ${HOME} $(id) `id`",
		"x\nEOF\nRUN id", "EOF", "EOF\nEOF_\nRUN id", "\x00", "\u2028RUN id", "\u0085RUN id", "# escape=`", "<<EOF", "\xff\xfe", "\t", " ", "", "\u202e", "\x1b]0;x\a",
		strings.Repeat("x", 20_000), strings.Repeat("x y ", 5_000), "\n\n\n", "\\\nFROM scratch",
	}
}

// TestNoInstructionIsInjected: whatever text a repository has, a plan has its own
// instructions and no other, and builders read the Dockerfile.
func TestNoInstructionIsInjected(t *testing.T) {
	for _, value := range hostileValues() {
		checkHostile(t, value)
	}
}

func FuzzRender(f *testing.F) {
	for _, value := range hostileValues() {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > 5000 {
			t.Skip("longer than a line may be in an exec form")
		}
		checkHostile(t, value)
	})
}

// TestLongLists: builders refuse lines of more than 64 KiB, so a longer list has a
// line for each word.
func TestLongLists(t *testing.T) {
	var args []string
	for i := range 20_000 {
		args = append(args, fmt.Sprintf("#file %d", i))
	}
	commands := instructionsOf(t, dockerfile.Render(plan.Service{Name: "web", Stages: []plan.Stage{{Name: "production", From: "runtime", Steps: []plan.Step{
		{Op: plan.OpCopy, Args: append(slices.Clone(args), "./")}, {Op: plan.OpCmd, Args: args},
	}}}}))
	if diff := cmp.Diff(args, commands[0].(*instructions.CopyCommand).SourcePaths); diff != "" {
		t.Errorf("COPY (-want +got):\n%s", diff[:500])
	}
	if diff := cmp.Diff(args, []string(commands[1].(*instructions.CmdCommand).CmdLine)); diff != "" {
		t.Errorf("CMD (-want +got):\n%s", diff[:500])
	}
}
