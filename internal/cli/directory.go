package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
)

// holdsServices tells whether a directory without Dockerfile and slipway.yaml is
// a repository of services rather than one service.
func holdsServices(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "Dockerfile")); err == nil {
		return false
	}
	if _, err := findFleet(dir); err == nil {
		return false
	}
	found, _ := servicesIn(dir, repository(dir))
	return len(found) > 0 && found[0].Service.Path != "."
}

// buildDirectory builds one directory from its Dockerfile.
func (a *app) buildDirectory(ctx context.Context, dir string, f buildFlags) error {
	span := a.trace.Start("", "planning")
	src, err := a.directorySource(dir, f)
	span.End(err)
	if err != nil {
		return err
	}
	file, err := dockerfile.Read(src.name, src.text)
	if err != nil {
		return err
	}
	if err := file.CheckTarget(f.target); err != nil {
		return err
	}
	req, err := a.request(f, src.text, src.ignore)
	if err != nil {
		return err
	}
	if src.bases == nil {
		if src.bases, err = ownBases(file.With(req.Args)); err != nil {
			return err
		}
	}
	req.Name, req.Context, req.Platforms = filepath.Base(dir), dir, f.platforms
	if req.Output, err = a.parseOutput(f.output); err != nil {
		return err
	}
	if len(req.Platforms) == 0 {
		req.Platforms = []string{"linux/" + runtime.GOARCH}
	}
	if err := checkPlatforms(req.Platforms); err != nil {
		return err
	}
	name := imageName(f.registry, f.tag, filepath.Base(dir))
	if err := image.CheckName(name); err != nil {
		return err
	}
	a.warnUnusedArgs(req.Args, file.Args)
	job := pipeline.Job{Request: req, File: &file, Bases: src.bases}
	if req.Output.Kind == engine.OutputStore {
		job.Image = name
	} else {
		job.Request.Tag = name
	}
	return a.runJobs(ctx, dir, []pipeline.Job{job}, f)
}

// recipe is what a directory is built from.
type recipe struct {
	name   string // of the Dockerfile, for messages
	text   []byte
	ignore []string
	bases  []plan.Base // nil: those that the text names
}

// directorySource reads the Dockerfile of a directory; one without is planned.
func (a *app) directorySource(dir string, f buildFlags) (recipe, error) {
	path, read := filepath.Join(dir, "Dockerfile"), readFile
	if f.file != "" {
		path, read = a.path(f.file), os.ReadFile // which may be a pipe
	}
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) && f.file == "" {
		return a.plannedSource(dir)
	}
	if err != nil {
		return recipe{}, diag.Fail(diag.ExitUsage, "there is no Dockerfile to build %s from", relativeTo(a.Dir, dir)).Because(err).
			WithHint("name it with -f; without -f, Slipway plans the directory itself")
	}
	ignore, err := dockerIgnore(dir, path)
	return recipe{name: relativeTo(a.Dir, path), text: text, ignore: ignore}, err
}

// plannedSource detects what the directory holds and plans it.
func (a *app) plannedSource(dir string) (recipe, error) {
	cfg := config.Default(config.NameOf(filepath.Base(dir)))
	s, findings := detect.PlanOne(repository(dir), config.Service{Name: cfg.Name, Path: "."}, cfg)
	if err := findings.Errors(); err != nil {
		return recipe{}, err
	}
	a.warn(findings)
	fl := fleet{Fleet: cfg, root: dir}
	text, err := fl.dockerfile(s)
	return recipe{name: "Dockerfile of " + s.Name, text: text, ignore: s.DockerIgnore, bases: s.Bases}, err
}

// imageName completes a name of the command line: the directory's name when
// there is none, the registry unless the name begins with it, and the tag "latest".
func imageName(registry, name, directory string) string {
	if name == "" {
		name = strings.ToLower(directory)
	}
	if registry != "" && !strings.HasPrefix(name, registry+"/") {
		name = registry + "/" + name
	}
	if last := name[strings.LastIndex(name, "/")+1:]; !strings.ContainsAny(last, ":@") {
		name += ":latest"
	}
	return name
}
