package dockerfile_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"pgregory.net/rapid"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plan"
)

func TestRender(t *testing.T) {
	got := string(dockerfile.Render(plan.Service{
		Name:  "web",
		Facts: []plan.Fact{{Name: "runtime", Value: "Node.js 22", Evidence: "engines", File: "web/package.json", Line: 4}},
		Stages: []plan.Stage{
			{Name: "builder", From: "toolchain", BuildPlatform: true, Comment: "Builds.", Steps: []plan.Step{
				{Op: plan.OpWorkdir, Args: []string{"/app"}},
				{Op: plan.OpCopy, Args: []string{"a file.txt", "./"}},
				{Op: plan.OpRun, Shell: "npm ci && npm test", Comment: "Why.", Network: "none", Mounts: []plan.Mount{
					{Type: "cache", Target: "/root/.npm"}, {Type: "secret", ID: "npm", Target: "/run/npmrc", Required: true},
				}},
				{Op: plan.OpRun, Args: []string{"node", "a b.js"}},
				{Op: plan.OpCopy, Args: []string{"/etc/motd"}, Content: "costs $5\n"},
			}},
			{Name: "production", From: "runtime", Steps: []plan.Step{
				{Op: plan.OpCopy, From: "builder", Link: true, Chown: "1:1", Chmod: "0555", Args: []string{"/a", "/b"}},
				{Op: plan.OpArg, Args: []string{"VERSION=1"}},
				{Op: plan.OpEnv, Args: []string{"A=$VERSION", `B=say "$VERSION"`, "C="}},
				{Op: plan.OpHealthcheck, Args: []string{"/probe", "-a=<b>"}, Health: plan.Health{Interval: 90 * time.Second, Retries: 3}},
				{Op: plan.OpCmd, Args: []string{"node", "x.js"}},
			}},
		},
	}))
	want := `# web, planned by Slipway. Build it with ` + "`slipway build`" + ` or any other Dockerfile builder.
#
# runtime:         Node.js 22; engines (web/package.json:4)

# Builds.
FROM --platform=$BUILDPLATFORM toolchain AS builder
WORKDIR /app
COPY ["a file.txt", "./"]
# Why.
RUN --mount=type=cache,target=/root/.npm \
    --mount=type=secret,id=npm,target=/run/npmrc,required=true \
    --network=none \
    npm ci \
    && npm test
RUN ["node", "a b.js"]
COPY <<'EOF' /etc/motd
costs $5
EOF

FROM runtime AS production
COPY --link --from=builder --chown=1:1 --chmod=0555 /a /b
ARG VERSION=1
ENV A=$VERSION \
    B="say \"\$VERSION\"" \
    C=""
HEALTHCHECK --interval=1m30s --retries=3 \
    CMD ["/probe", "-a=<b>"]
CMD ["node", "x.js"]
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCommentsWrap: lines have at most 100 characters; the continuation of a
// fact is below its value, that of a list item below its text.
func TestCommentsWrap(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 20))
	got := string(dockerfile.Render(plan.Service{
		Name:   "web",
		Facts:  []plan.Fact{{Name: "port", Value: "80", Evidence: long}, {Name: "one name of many words", Value: "on", Evidence: "default"}, {Name: "start", Value: strings.Repeat("x", 120), Evidence: "a"}},
		Stages: []plan.Stage{{Name: "a", From: "b", Comment: long + "\n- " + long + "\n\nend."}},
	}))
	want := "# web, planned by Slipway. Build it with `slipway build` or any other Dockerfile builder.\n#\n" +
		"# port:            80; word word word word word word word word word word word word word word word\n" +
		"#                  word word word word word\n" +
		"# one name of many words: on; default\n" +
		"# start:           " + strings.Repeat("x", 120) + ";\n" +
		"#                  a\n\n" +
		"# word word word word word word word word word word word word word word word word word word word\n# word\n" +
		"# - word word word word word word word word word word word word word word word word word word word\n#   word\n" +
		"# end.\nFROM b AS a\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestValuesSurvive: whatever a value holds, builders read back what was meant
// and no instruction more.
func TestValuesSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ -~äß€]{0,30}`).Draw(t, "value")
		text := dockerfile.Render(plan.Service{Name: "x", Stages: []plan.Stage{{Name: "a", From: "b", Steps: []plan.Step{
			{Op: plan.OpEnv, Args: []string{"A=" + value, "B=1"}},
			{Op: plan.OpCmd, Args: []string{"node", value}},
		}}}})
		tree, err := parser.Parse(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		stages, _, err := instructions.Parse(tree.AST, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		env, cmd := stages[0].Commands[0].(*instructions.EnvCommand), stages[0].Commands[1].(*instructions.CmdCommand)
		err = env.Expand(func(word string) (string, error) { return expand(t, word), nil })
		if err != nil || len(env.Env) != 2 || env.Env[0].Value != value {
			t.Fatalf("%q came back as %v from\n%s", value, env.Env, text)
		}
		if cmd.PrependShell || cmd.CmdLine[1] != value {
			t.Fatalf("%q came back as %q", value, cmd.CmdLine)
		}
	})
}

// expand processes a word as BuildKit does, with A=wrong in the environment.
func expand(t *rapid.T, word string) string {
	out, _, err := shell.NewLex('\\').ProcessWord(word, shell.EnvsFromSlice([]string{"A=wrong", "B=wrong"}))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCheckTarget(t *testing.T) {
	file := dockerfile.File{Stages: []string{"builder", "production"}}
	for _, good := range []string{"", "builder", "Production", "0", "1"} {
		if err := file.CheckTarget(good); err != nil {
			t.Errorf("CheckTarget(%q): %v", good, err)
		}
	}
	err := file.CheckTarget("prodution")
	if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), "production") {
		t.Errorf("got %v, hint %q", err, diag.HintOf(err))
	}
	if err := file.CheckTarget("2"); err == nil || !strings.Contains(diag.HintOf(err), "builder, production") {
		t.Errorf("got %v, hint %q", err, diag.HintOf(err))
	}
}
