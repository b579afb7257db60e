package dockerfile

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestGeneratedDockerfilesPassBuildChecks runs the checks of `docker buildx build
// --check` over every Dockerfile that Slipway made.
func TestGeneratedDockerfilesPassBuildChecks(t *testing.T) {
	golden, err := filepath.Glob("../../testdata/repos/*/*Dockerfile*.golden")
	if err != nil || len(golden) == 0 {
		t.Fatalf("%d golden Dockerfiles: %v", len(golden), err)
	}
	for _, path := range append(golden, kept(t)...) {
		t.Run(strings.TrimPrefix(path, "../../"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, warning := range checked(t, path, text) {
				t.Error(warning)
			}
		})
	}
}

// TestBuildChecksSee: the checks above do find something in what has something.
func TestBuildChecksSee(t *testing.T) {
	got := checked(t, "Dockerfile", []byte("FROM alpine as Base\nMAINTAINER me\nCMD run\n"))
	for _, rule := range []string{"FromAsCasing", "StageNameCasing", "MaintainerDeprecated", "JSONArgsRecommended"} {
		if !strings.Contains(strings.Join(got, "\n"), rule) {
			t.Errorf("no %s in %q", rule, got)
		}
	}
}

// checked returns the warnings of BuildKit's build checks.
func checked(t *testing.T, name string, text []byte) []string {
	t.Helper()
	source := llb.NewSourceMap(nil, name, "Dockerfile", text)
	source.Definition = &llb.Definition{}
	results, err := dockerfile2llb.DockerfileLint(t.Context(), text, dockerfile2llb.ConvertOpt{
		Config:         dockerui.Config{BuildPlatforms: []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}}},
		TargetPlatform: &ocispecs.Platform{OS: "linux", Architecture: "amd64"},
		MetaResolver:   anyImage{},
		SourceMap:      source,
	})
	if err != nil {
		t.Fatal(err)
	}
	var warnings []string
	for _, w := range results.Warnings {
		line := int32(0)
		if w.Location != nil && len(w.Location.Ranges) > 0 {
			line = w.Location.Ranges[0].Start.Line
		}
		warnings = append(warnings, fmt.Sprintf("line %d: %s: %s", line, w.RuleName, w.Detail))
	}
	if results.Error != nil {
		warnings = append(warnings, results.Error.Message)
	}
	return warnings
}

// kept are the generated Dockerfiles of the examples.
func kept(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir("../../examples", func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == "Dockerfile" && !e.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// anyImage takes every name for an image of the wanted platform.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config, err := json.Marshal(ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}})
	return ref, digest.FromBytes(config), config, err
}

func (anyImage) ResolveSourceMetadata(ctx context.Context, op *pb.SourceOp, opt sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	_, d, config, err := anyImage{}.ResolveImageConfig(ctx, op.Identifier, opt)
	return &sourceresolver.MetaResponse{Op: op, Image: &sourceresolver.ResolveImageResponse{Digest: d, Config: config}}, err
}
