package fleet

import (
	"cmp"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/ecosystem/node"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
)

// Jobs turns the plans of a fleet into jobs. What all have in common, as the
// command line says it, is in the request.
func (f *Fleet) Jobs(common engine.Request) ([]pipeline.Job, error) {
	common.Repository = f.scope.of(f.Root, common.Repository)
	jobs, failures := make([]pipeline.Job, len(f.Planned)), make([]error, len(f.Planned))
	parallel.Each(len(jobs), func(i int) { jobs[i], failures[i] = f.job(f.Planned[i], common) })
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// job turns the plan of a service into a job.
func (f *Fleet) job(s plan.Service, req engine.Request) (pipeline.Job, error) {
	text, err := f.Dockerfile(s)
	if err != nil {
		return pipeline.Job{}, err
	}
	var parsed *dockerfile.File // left out where nothing asks for it
	bases, ignore := s.Bases, s.DockerIgnore
	if plan.IsQuality(req.Target) && s.Dockerfile == "" {
		if err := hasStage(s, req.Target); err != nil {
			return pipeline.Job{}, err
		}
		text, bases, ignore = dockerfile.RenderAll(s), s.AllBases(), s.ProvingIgnore()
	}
	if s.Dockerfile != "" || req.Target != "" {
		file, err := f.parsed.Read(cmp.Or(s.Dockerfile, "Dockerfile of "+s.Name), text)
		if err != nil {
			return pipeline.Job{}, err
		}
		if err := file.CheckTarget(req.Target); err != nil {
			return pipeline.Job{}, err
		}
		parsed = &file
	}
	if s.Dockerfile != "" {
		req.Platforms = f.Platforms
		if bases, err = OwnBases(imagesOf(*parsed, req)); err != nil {
			return pipeline.Job{}, err
		}
	}
	req.Dockerfile, req.Ignore = text, withoutReports(ignore)
	req.Name = s.Name
	req.Context = filepath.Join(f.Root, filepath.FromSlash(s.Dir))
	req.GitModes = s.Dockerfile == "" // who writes a Dockerfile may set modes on purpose
	for stage, m := range s.Manifests() {
		if req.Contexts == nil {
			req.Contexts = map[string]func() (map[string][]byte, error){}
		}
		req.Contexts[stage] = func() (map[string][]byte, error) {
			dir, err := fs.Sub(repository.FS(req.Context), m.Dir)
			if err != nil {
				return nil, err
			}
			return node.Manifests(dir, m.Names)
		}
	}
	req.Platforms = f.Platforms
	req.Compression = f.Compression
	if _, set := req.Args["VERSION"]; !set && f.Tag != "latest" {
		args := map[string]string{"VERSION": f.Tag} // the map of the request is everybody's
		maps.Copy(args, req.Args)
		req.Args = args
	}
	said, _ := f.Fleet.Named(s.Name)
	return pipeline.Job{
		Request: req, Service: s, Wanted: wanted(said), Waivers: pipeline.Waivers{File: f.File, List: said.Waivers}, File: parsed, Bases: bases,
		Needs: f.stageNeeds(said), Image: f.Image(s.Name),
	}, nil
}

// hasStage refuses a quality stage that the plan of a service does not have.
func hasStage(s plan.Service, name string) error {
	for _, l := range s.LeftOutStages {
		if l.Name == name && !slices.ContainsFunc(s.Quality, func(st plan.Stage) bool { return st.Name == name }) {
			return diag.Fail(diag.ExitUsage, "%s has no stage %s: %s", s.Name, name, l.Why).
				WithHint("write quality: {%s: {run: COMMAND}} for the service in slipway.yaml", name)
		}
	}
	if len(s.Quality) == 0 {
		return diag.Fail(diag.ExitUsage, "%s has no quality stages: no tests and no linters were found", s.Name).
			WithHint("write quality: {unit-tests: {run: COMMAND}} for the service in slipway.yaml")
	}
	return nil
}

// CompressionOf is the compression of the layers of a build's images.
func CompressionOf(jobs []pipeline.Job) string {
	for _, j := range jobs {
		if j.Request.Compression != "" {
			return j.Request.Compression
		}
	}
	return "gzip"
}

// WritesQuality reports a service of which slipway.yaml says something about its
// quality stages.
func (f *Fleet) WritesQuality(name string) bool {
	s, _ := f.Fleet.Named(name)
	return len(s.Quality) > 0
}

// wanted lists the paths that slipway.yaml wants in the image of a service.
func wanted(s config.Service) []string {
	var out []string
	for _, file := range s.Files {
		if file.From == "" {
			out = append(out, file.Path)
		}
	}
	return out
}
