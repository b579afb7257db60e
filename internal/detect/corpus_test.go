package detect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const corpus = "../../testdata/repos"

// TestCorpus detects, plans and renders every repository of the corpus. Adding a
// folder with a repo directory adds a case; -update writes its golden files.
func TestCorpus(t *testing.T) {
	cases, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) {
			dir := filepath.Join(corpus, c.Name())
			plans, findings := load(t, os.DirFS(filepath.Join(dir, "repo")))
			golden(t, filepath.Join(dir, "findings.golden"), []byte(text(findings)))
			golden(t, filepath.Join(dir, "plan.golden.json"), encode(t, plans))
			for _, p := range plans {
				if p.Dockerfile != "" {
					continue
				}
				out := dockerfile.Render(p)
				golden(t, filepath.Join(dir, p.Name+".Dockerfile.golden"), out)
				lint(t, out)
			}
		})
	}
}

// load plans a repository with its slipway.yaml, if it has one.
func load(t *testing.T, root fs.FS, with ...detect.Option) ([]plan.Service, diag.Findings) {
	t.Helper()
	var fleet *config.Fleet
	data, err := fs.ReadFile(root, config.FileName)
	if err == nil {
		var findings diag.Findings
		if fleet, findings = config.Parse(config.FileName, data); findings != nil {
			return nil, findings
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return detect.Plan(root, fleet, with...)
}

func text(findings diag.Findings) string {
	if len(findings) == 0 {
		return ""
	}
	return findings.Error() + "\n"
}

func encode(t *testing.T, plans []plan.Service) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(plans); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// golden compares with a file; a file that does not exist stands for nothing.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if len(got) == 0 || string(got) == "null\n" {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			return
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && string(got) == "null\n" {
		return
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), -update writes it:\n%s", file, diff)
	}
}

// lint runs BuildKit's own checks over a Dockerfile, for every stage.
func lint(t *testing.T, text []byte) {
	t.Helper()
	source := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", text)
	source.Definition = &llb.Definition{}
	results, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{
		SourceMap:    source,
		MetaResolver: noImages{},
	})
	if err != nil {
		t.Fatalf("checking the Dockerfile: %v", err)
	}
	for _, w := range results.Warnings {
		t.Errorf("BuildKit warns: %s: %s (line %d)", w.RuleName, w.Detail, w.Location.Ranges[0].Start.Line)
	}
	if results.Error != nil {
		t.Errorf("BuildKit refuses the Dockerfile: %s", results.Error.Message)
	}
}

// noImages answers for every image with an empty configuration, without network.
type noImages struct{}

func (noImages) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, "", []byte(`{"os": "linux", "architecture": "amd64", "config": {"Env": ["PATH=/usr/local/bin:/usr/bin"]}}`), nil
}

// TestCorpusIsDeterministic plans and renders twice.
func TestCorpusIsDeterministic(t *testing.T) {
	root := os.DirFS(filepath.Join(corpus, "monorepo", "repo"))
	a, _ := load(t, root)
	b, _ := load(t, root)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two plans of the same tree differ (-first +second):\n%s", diff)
	}
}
