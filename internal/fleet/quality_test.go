package fleet_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/testreport"
)

func TestQuality(t *testing.T) {
	text := "FROM scratch AS lint\nFROM scratch AS Unit-Tests\nFROM scratch AS production\nFROM production AS test-verification\n"
	job := pipeline.Job{
		Service: plan.Service{Name: "web", Dockerfile: "web/Dockerfile"},
		Request: engine.Request{Name: "web", Dockerfile: []byte(text), Labels: map[string]string{"a": "b"}}, Image: "shop/web:latest", Names: []string{"x"}, Wanted: []string{"/a"},
	}
	proving, err := fleet.Quality(job)
	if err != nil {
		t.Fatal(err)
	}
	stages, image := proving.Stages, proving.Image
	var names []string
	for _, s := range stages {
		names = append(names, s.Request.Name+" "+s.Request.Target)
		if s.Image != "" || s.Names != nil || s.Wanted != nil || s.Request.Labels != nil || s.Request.Output.Kind != engine.OutputNone || !slices.Equal(s.Request.Platforms, []string{plan.Host()}) {
			t.Errorf("%s makes an image: %+v", s.Stage, s)
		}
	}
	if diff := cmp.Diff([]string{"web/lint lint", "web/unit-tests unit-tests"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if image.Image != "shop/web:latest" || image.Request.Target != "production" {
		t.Errorf("the image %s is built up to %q", image.Image, image.Request.Target)
	}
	if job.Request.Target != "" {
		t.Error("the job that was given changed")
	}
}

// The quality stages of a plan have their own text, bases and patterns; the image is
// built from the text that slipway build uses.
func TestQualityOfAPlan(t *testing.T) {
	service := plan.Service{
		Name: "web", Stages: []plan.Stage{{Name: "builder", From: "slipway/a"}, {Name: "production", From: "slipway/b"}}, Bases: []plan.Base{{Ref: "slipway/a"}, {Ref: "slipway/b"}}, DockerIgnore: []string{"test"},
		Quality:      []plan.Stage{{Name: "test-sources", From: "builder"}, {Name: "integration-tests", From: "test-sources", Steps: []plan.Step{{Op: plan.OpArg, Args: []string{plan.ArgCompanions}}}}},
		QualityBases: []plan.Base{{Ref: "slipway/c"}}, QualityIgnore: []string{"docs"}, LeftOutStages: []plan.LeftOutStage{{Name: "lint", Why: "no linter configured"}},
	}
	job := pipeline.Job{Service: service, Bases: service.Bases, Image: "shop/web:latest", Request: engine.Request{Name: "web", Dockerfile: dockerfile.Render(service), Ignore: []string{"test", ".slipway"}, Args: map[string]string{"A": "1"}}}
	p, err := fleet.Quality(job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(service.LeftOutStages, p.LeftOut); diff != "" || len(p.Stages) != 1 {
		t.Fatalf("%d stages, left out %s", len(p.Stages), diff)
	}
	stage := p.Stages[0]
	if string(stage.Request.Dockerfile) != string(dockerfile.RenderAll(service)) || !slices.Equal(stage.Request.Ignore, []string{"docs", ".slipway"}) || len(stage.Bases) != 3 {
		t.Errorf("the stage is built with %q and %d bases from\n%s", stage.Request.Ignore, len(stage.Bases), stage.Request.Dockerfile)
	}
	if diff := cmp.Diff(job.Request, p.Image.Request); diff != "" || len(p.Image.Bases) != 2 || p.Image.File != nil {
		t.Errorf("the image is built in another way:\n%s", diff)
	}
	fleet.Beside(&stage, "db=PostgreSQL 17")
	if stage.Request.Args[plan.ArgCompanions] != "db=PostgreSQL 17" || stage.Request.Args["A"] != "1" || len(job.Request.Args) != 1 || len(stage.Request.NoCacheOf) != 0 {
		t.Errorf("beside companions: %+v of %v", stage.Request, job.Request.Args)
	}
	fleet.Afresh(&stage)
	fleet.Afresh(&stage)
	if !slices.Equal(stage.Request.NoCacheOf, []string{"integration-tests"}) || !stage.Request.KeepMounts {
		t.Errorf("afresh: %q, keeps cache mounts: %v", stage.Request.NoCacheOf, stage.Request.KeepMounts)
	}
}

func TestCheckStages(t *testing.T) {
	if err := fleet.CheckStages(plan.QualityStages()); err != nil {
		t.Error(err)
	}
	if err := fleet.CheckStages([]string{"lint", "e2e"}); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
		t.Errorf("%v, hint %q", err, diag.HintOf(err))
	}
}

func TestSources(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"api/go.mod": "// comment\nmodule example.com/orders\n\ngo 1.26\n", "api/sum/sum.go": "package sum\n", "api/node_modules/x/sum.go": "", "api/.git/sum.go": "", "other/sum.go": "",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := dockerfile.Read("Dockerfile", []byte("FROM scratch\nWORKDIR /src\n"))
	if err != nil {
		t.Fatal(err)
	}
	roots := fleet.Sources(root, pipeline.Job{File: &file, Request: engine.Request{Context: filepath.Join(root, "api")}})
	if diff := cmp.Diff(testreport.Roots{
		Prefixes: map[string]string{"/src": "api", "example.com/orders": "api"}, Base: "api", Files: []string{"api/go.mod", "api/sum/sum.go"},
	}, roots); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var r testreport.Report
	for _, file := range []string{"/src/sum/sum.go", "example.com/orders/sum/sum.go", "sum/sum.go"} {
		r.Findings = append(r.Findings, testreport.Finding{File: file})
	}
	for _, f := range r.Relocate(roots).Findings {
		if f.File != "api/sum/sum.go" {
			t.Errorf("a path became %s", f.File)
		}
	}
	if got := fleet.Sources(root, pipeline.Job{Request: engine.Request{Context: t.TempDir()}}); len(got.Files) != 0 {
		t.Errorf("a context elsewhere has %q", got.Files)
	}
}
