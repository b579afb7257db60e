package dockerfile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
)

func TestAPersonsDockerfileIsReadWithItsStagesArgumentsAndImages(t *testing.T) {
	got, err := dockerfile.Read("Dockerfile", []byte(`ARG V=24
FROM --platform=$BUILDPLATFORM slipway/node:24-trixie-toolchain AS Builder
ARG A B=1
RUN true
FROM scratch
FROM slipway/node:${V}-trixie
COPY --from=builder /a /a
COPY --from=1 /a /a
COPY --from=tools.example/x:1 /a /a
RUN --mount=type=bind,from=tools.example/y:1,target=/y true
`))
	if err != nil {
		t.Fatal(err)
	}
	want := dockerfile.File{
		Stages: []string{"builder", "1", "2"}, Args: []string{"V", "A", "B"},
		Images: []dockerfile.Reference{
			{Name: "slipway/node:24-trixie-toolchain", Place: diag.Place{File: "Dockerfile", Line: 2}},
			{Name: "slipway/node:24-trixie", Place: diag.Place{File: "Dockerfile", Line: 6}},
			{Name: "tools.example/x:1", Place: diag.Place{File: "Dockerfile", Line: 9}},
			{Name: "tools.example/y:1", Place: diag.Place{File: "Dockerfile", Line: 10}},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(dockerfile.File{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestVariablesAfterFROMAreReplacedByDefaultsAndBuildArguments(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		args map[string]string
		want []string
	}{
		"the default":              {text: "ARG V=22\nFROM slipway/node:${V}-trixie\n", want: []string{"slipway/node:22-trixie"}},
		"a build argument":         {text: "ARG V=22\nFROM slipway/node:${V}-trixie\n", args: map[string]string{"V": "20"}, want: []string{"slipway/node:20-trixie"}},
		"no default":               {text: "ARG V\nFROM slipway/node:${V:-24}-trixie\n", want: []string{"slipway/node:24-trixie"}},
		"one variable in another":  {text: "ARG S=trixie\nARG T=20-$S\nFROM slipway/node:$T\n", want: []string{"slipway/node:20-trixie"}},
		"the whole name":           {text: "ARG BASE=slipway/libc:trixie\nFROM $BASE\n", want: []string{"slipway/libc:trixie"}},
		"the name of a stage":      {text: "ARG S=one\nFROM scratch AS one\nFROM $S\n"},
		"nothing":                  {text: "ARG V\nFROM $V\n"},
		"what only the build has":  {text: "ARG I=tool-$TARGETARCH\nFROM $I\n"},
		"an argument of no ARG":    {text: "FROM tool:$V\n", args: map[string]string{"V": "1"}, want: []string{"tool:"}},
		"an ARG of a stage is not": {text: "FROM scratch\nARG V=1\nFROM a:${V:-2}\n", want: []string{"a:2"}},
	} {
		file, err := dockerfile.Read("Dockerfile", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range file.With(c.args).Images {
			got = append(got, i.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestABrokenDockerfileIsRefusedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "Dockerfile: error: the Dockerfile is empty [SLP401]\n  hint: it needs at least a FROM line",
		"FROM scratch\nRUNN x\n":    "Dockerfile:2: error: unknown instruction: RUNN (did you mean RUN?) [SLP401]\n    2 | RUNN x",
		"FROM scratch\nCOPY a\n":    "Dockerfile:2: error: COPY requires at least two arguments, but only one was provided. Destination could not be determined [SLP401]\n    2 | COPY a",
		"RUN true\nFROM scratch\n":  "Dockerfile:1: error: no build stage in current context [SLP401]\n    1 | RUN true",
		"FROM scratch\nRUN <<EOF\n": "Dockerfile:2: error: unterminated heredoc [SLP401]\n    2 | RUN <<EOF",
	} {
		_, err := dockerfile.Read("Dockerfile", []byte(text))
		if err == nil || diag.ExitOf(err) != diag.ExitUsage {
			t.Fatalf("%q: error %v", text, err)
		}
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("%q: -want +got:\n%s", text, diff)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("FROM scratch AS a\nCOPY --from=a x y\nARG A=$B\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := dockerfile.Read("Dockerfile", text); err != nil && diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("%v is no finding", err)
		}
	})
}
