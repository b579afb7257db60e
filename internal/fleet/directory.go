package fleet

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher/ignorefile"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
)

// Recipe is what one directory is built from.
type Recipe struct {
	Name    string // of the Dockerfile, for messages
	Text    []byte
	File    dockerfile.File // the text, parsed
	Ignore  []string
	Bases   []plan.Base  // of a plan; those of a Dockerfile depend on arguments, see OwnBases
	Planned bool         // there was no Dockerfile
	Service plan.Service // with only a name and a Dockerfile unless it is planned

	dir   string
	scope Scope
}

// Text is a Dockerfile that is no file: of standard input, or of a URL.
type Text struct {
	Name    string // for messages
	Content []byte
}

// Directory reads the Dockerfile of a directory, which is file unless that is
// empty; a directory without one is planned.
func (l Loader) Directory(dir, file string) (_ Recipe, err error) {
	return l.recipe(dir, func() (Recipe, error) { return l.source(dir, file) })
}

// DirectoryWith is Directory with a Dockerfile from elsewhere.
func (l Loader) DirectoryWith(dir string, text Text) (Recipe, error) {
	return l.recipe(dir, func() (Recipe, error) {
		ignore, err := dockerIgnore(dir, "")
		return Recipe{Name: text.Name, Text: plaintext.UTF8(text.Content), Ignore: ignore, Service: plan.Service{Name: filepath.Base(dir), Dockerfile: text.Name}}, err
	})
}

func (l Loader) recipe(dir string, source func() (Recipe, error)) (_ Recipe, err error) {
	span := l.Trace.Start("", "planning")
	defer func() { span.End(err) }()
	r, err := source()
	if err != nil {
		return r, err
	}
	r.dir, r.scope = dir, l.Scope
	r.File, err = dockerfile.Read(r.Name, r.Text)
	return r, err
}

func (l Loader) source(dir, file string) (Recipe, error) {
	own := detect.OwnDockerfile(os.DirFS(dir))
	if file == "" && own == "" {
		return l.planned(dir)
	}
	path := cmp.Or(file, filepath.Join(dir, own))
	text, err := repository.ReadNamed(path, dir, l.Dir)
	if err != nil {
		return Recipe{}, diag.Fail(diag.ExitUsage, "Dockerfile not found for %s", repository.Relative(l.Dir, dir)).Because(err).
			WithHint("specify it with -f; without -f, Slipway plans the directory")
	}
	ignore, err := dockerIgnore(dir, path)
	name := repository.Relative(l.Dir, path)
	return Recipe{Name: name, Text: plaintext.UTF8(text), Ignore: ignore, Service: plan.Service{Name: filepath.Base(dir), Dockerfile: name}}, err
}

// planned detects what the directory holds and plans it.
func (l Loader) planned(dir string) (Recipe, error) {
	cfg := l.on(config.Default(config.NameOf(filepath.Base(dir))))
	s, findings := detect.PlanOne(repository.FS(dir), config.Service{Name: cfg.Name, Path: "."}, cfg)
	if err := findings.Errors(); err != nil {
		return Recipe{}, err
	}
	l.Warn(findings)
	f := Fleet{Fleet: cfg, Root: dir}
	text, err := f.Dockerfile(s)
	return Recipe{Name: "Dockerfile of " + s.Name, Text: text, Ignore: s.DockerIgnore, Bases: s.Bases, Planned: true, Service: s}, err
}

// Job completes a request to build the directory. Its image has the tag of the
// overrides as its name, as with docker build.
func (r Recipe) Job(req engine.Request, o Overrides) (pipeline.Job, error) {
	if err := r.File.CheckTarget(req.Target); err != nil {
		return pipeline.Job{}, err
	}
	req.Dockerfile, req.Ignore = r.Text, withoutReports(r.Ignore)
	req.Name, req.Context, req.Platforms = filepath.Base(r.dir), r.dir, o.Platforms
	req.Repository = r.scope.of(r.dir, req.Repository)
	if len(req.Platforms) == 0 {
		req.Platforms = []string{plan.Host()}
	}
	if err := CheckPlatforms(req.Platforms); err != nil {
		return pipeline.Job{}, err
	}
	if !r.Planned {
		bases, err := OwnBases(imagesOf(r.File, req))
		if err != nil {
			return pipeline.Job{}, err
		}
		r.Bases = bases
	}
	name := string(image.Complete(o.Registry, o.Tag, req.Name))
	if err := image.CheckName(name); err != nil {
		return pipeline.Job{}, err
	}
	job := pipeline.Job{Request: req, Service: r.Service, File: &r.File, Bases: r.Bases}
	if req.Output.Kind == engine.OutputStore {
		job.Image = name
	} else {
		job.Request.Tag = name
	}
	return job, nil
}

// dockerIgnore returns the patterns for a Dockerfile: those of
// Dockerfile.dockerignore, else of .dockerignore in the context. A Dockerfile
// without a path has only the latter.
func dockerIgnore(dir, dockerfile string) ([]string, error) {
	for _, path := range []string{dockerfile + ".dockerignore", filepath.Join(dir, ".dockerignore")} {
		if dockerfile == "" && path == ".dockerignore" {
			continue
		}
		from, name := filepath.Split(path)
		if rel := repository.Relative(dir, path); rel != path {
			from, name = dir, rel // its links may lead to the whole context
		}
		data, err := repository.ReadFile(from, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "reading %s", path).Because(err)
		}
		patterns, err := ignorefile.ReadAll(bytes.NewReader(plaintext.UTF8(data)))
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "reading %s", path).Because(err)
		}
		return patterns, nil
	}
	return nil, nil
}
