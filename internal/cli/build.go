package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/ecosystem/node"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
)

// buildFlags are the flags of `slipway build`.
type buildFlags struct {
	fleetFlags
	builder   builderFlags
	parallel  int
	push      bool
	load      bool
	insecure  bool
	json      bool
	dryRun    bool
	keepGoing bool
	noCache   bool
	force     bool

	file    string
	target  string
	args    []string
	labels  []string
	secrets []string
	output  string
}

func (a *app) buildCommand() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build [SERVICE… | DIR]",
		Short: "Build the services of a fleet, or one directory with a Dockerfile",
		Long: `Build the services of the fleet that slipway.yaml describes, each as a
multi-stage image, in parallel, on the embedded engine or on --builder. Names and globs
select services. Without slipway.yaml the services are those that Slipway detects, see
slipway init. A directory that has a Dockerfile and no slipway.yaml builds as with
docker build; one without a Dockerfile is planned.`,
		Example: `  slipway build
  slipway build 'fast-*' --skip fast-mdzmediation-service
  slipway build --registry localhost:5000 --tag v1.2.3 --push
  slipway build --load
  slipway build --platform linux/amd64,linux/arm64
  slipway build --builder tcp://one.example:1234 --builder tcp://two.example:1234 --builder-certs DIR
  slipway build -t web:dev --target builder --build-arg A=1 DIR`,
		RunE: func(cmd *cobra.Command, args []string) error {
			debug.SetGCPercent(beforeEngine)
			if !f.dryRun && len(a.remote(f.builder).addresses) == 0 {
				if err := a.becomeRoot(cmd.Context()); err != nil {
					return err
				}
			}
			if dir, ok := a.directoryArgument(args, f); ok {
				if f.file == "" && holdsServices(dir) {
					return a.buildFleetAt(cmd.Context(), dir, nil, f)
				}
				return a.buildDirectory(cmd.Context(), dir, f)
			}
			return a.buildFleet(cmd.Context(), args, f)
		},
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.IntVar(&f.parallel, "parallel", 0, "services to build at once, as far as what they took the last times fits into free memory (default: the number of cores, at least 2; at least 4 for each --builder, whose memory is not looked at)")
	fl.BoolVar(&f.push, "push", false, "push each image when it is built")
	fl.BoolVar(&f.load, "load", false, "give each image to Docker's engine (DOCKER_HOST) when it is built")
	fl.BoolVar(&f.insecure, "insecure", false, "speak plain HTTP or unverified TLS to the registry")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	fl.BoolVar(&f.dryRun, "dry-run", false, "say what would be built, and build nothing")
	fl.BoolVar(&f.keepGoing, "keep-going", false, "build the other services when one fails")
	fl.BoolVar(&f.noCache, "no-cache", false, "run every step again")
	fl.BoolVar(&f.force, "force", false, "ask the engine even when nothing changed; cached steps stay cached")
	fl.StringVarP(&f.file, "file", "f", "", "Dockerfile of a directory (default: DIR/Dockerfile)")
	fl.StringVar(&f.target, "target", "", "build up to this stage")
	fl.StringArrayVar(&f.args, "build-arg", nil, "build argument NAME=VALUE; NAME alone takes it from the environment")
	fl.StringArrayVar(&f.labels, "label", nil, "label NAME=VALUE of the image")
	fl.StringArrayVar(&f.secrets, "secret", nil, "secret for steps that mount it: id=NAME,src=FILE or id=NAME,env=VARIABLE")
	f.builder.register(cmd)
	fl.StringVarP(&f.output, "output", "o", "", "type=local|tar|oci|docker,dest=PATH, or a directory")
	return cmd
}

// directoryArgument decides between the two ways to build: one directory, as
// with docker build, or a fleet.
func (a *app) directoryArgument(args []string, f buildFlags) (string, bool) {
	if len(args) > 1 {
		return "", false
	}
	dir := a.Dir
	if len(args) == 1 {
		dir = a.path(args[0])
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return "", false
		}
	}
	if f.file != "" {
		return dir, true
	}
	if len(args) == 1 {
		if _, err := os.Stat(filepath.Join(dir, "slipway.yaml")); err == nil {
			return "", false
		}
		// A word without a slash that a fleet knows is a service, though there is
		// a directory of that name.
		_, err := findFleet(a.Dir)
		return dir, err != nil || strings.ContainsAny(args[0], "/.")
	}
	if _, err := findFleet(a.Dir); err == nil {
		return "", false
	}
	_, err := os.Stat(filepath.Join(dir, "Dockerfile"))
	return dir, err == nil
}

// path makes a path of the command line absolute.
func (a *app) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(a.Dir, p)
}

// buildFleet builds the selected services of the fleet.
func (a *app) buildFleet(ctx context.Context, names []string, f buildFlags) error {
	dir := a.Dir
	if len(names) == 1 {
		if _, err := os.Stat(filepath.Join(a.path(names[0]), "slipway.yaml")); err == nil {
			dir, names = a.path(names[0]), nil
		}
	}
	if err := a.checkDirectories(names); err != nil {
		return err
	}
	return a.buildFleetAt(ctx, dir, names, f)
}

// buildFleetAt builds services of the fleet at or above a directory.
func (a *app) buildFleetAt(ctx context.Context, dir string, names []string, f buildFlags) error {
	fl, err := a.loadFleet(dir, names, f.fleetFlags)
	if err != nil {
		return err
	}
	if f.output != "" {
		return diag.Fail(diag.ExitUsage, "--output is for one directory, not for a fleet").
			WithHint("slipway build --output %s DIR", f.output)
	}
	if f.push && fl.Registry == "" {
		return diag.Fail(diag.ExitUsage, "--push needs a registry").
			WithHint("slipway build --registry localhost:5000 --push")
	}
	jobs, err := a.fleetJobs(fl, f)
	if err != nil {
		return err
	}
	return a.runJobs(ctx, fl.root, jobs, f)
}

// fleetJobs turns the plans of a fleet into jobs.
func (a *app) fleetJobs(fl *fleet, f buildFlags) ([]pipeline.Job, error) {
	jobs, failures := make([]pipeline.Job, len(fl.services)), make([]error, len(fl.services))
	parallel.Each(len(jobs), func(i int) { jobs[i], failures[i] = a.fleetJob(fl, fl.services[i], f) })
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// fleetJob turns the plan of a service into a job.
func (a *app) fleetJob(fl *fleet, s plan.Service, f buildFlags) (pipeline.Job, error) {
	text, err := fl.dockerfile(s)
	if err != nil {
		return pipeline.Job{}, err
	}
	req, err := a.request(f, text, s.DockerIgnore)
	if err != nil {
		return pipeline.Job{}, err
	}
	var parsed *dockerfile.File // left out where nothing asks for it
	bases := s.Bases
	if s.Dockerfile != "" || f.target != "" {
		file, err := dockerfile.Read(cmp.Or(s.Dockerfile, "Dockerfile of "+s.Name), text)
		if err != nil {
			return pipeline.Job{}, err
		}
		if err := file.CheckTarget(f.target); err != nil {
			return pipeline.Job{}, err
		}
		parsed = &file
	}
	if s.Dockerfile != "" {
		if bases, err = ownBases(parsed.With(req.Args)); err != nil {
			return pipeline.Job{}, err
		}
	}
	req.Name = s.Name
	req.Context = filepath.Join(fl.root, filepath.FromSlash(s.Dir))
	req.GitModes = s.Dockerfile == "" // who writes a Dockerfile may set modes on purpose
	for stage, m := range s.Manifests() {
		dir := os.DirFS(filepath.Join(req.Context, filepath.FromSlash(m.Dir)))
		if req.Contexts == nil {
			req.Contexts = map[string]func() (map[string][]byte, error){}
		}
		req.Contexts[stage] = func() (map[string][]byte, error) { return node.Manifests(dir, m.Names) }
	}
	req.Platforms = fl.Platforms
	req.Compression = fl.Compression
	if _, set := req.Args["VERSION"]; !set && fl.Tag != "latest" {
		req.Args["VERSION"] = fl.Tag
	}
	return pipeline.Job{Request: req, File: parsed, Bases: bases, Image: fl.image(s.Name)}, nil
}

// request fills in what the flags say.
func (a *app) request(f buildFlags, text []byte, ignore []string) (engine.Request, error) {
	req := engine.Request{Dockerfile: text, Ignore: ignore, Target: f.target, NoCache: f.noCache}
	var err error
	if req.Args, err = a.assignments("--build-arg", f.args); err != nil {
		return req, err
	}
	if req.Labels, err = a.assignments("--label", f.labels); err != nil {
		return req, err
	}
	req.Secrets, err = a.parseSecrets(f.secrets)
	return req, err
}

// runJobs builds the jobs and prints what came out.
func (a *app) runJobs(ctx context.Context, root string, jobs []pipeline.Job, f buildFlags) (err error) {
	if err := addCaches(jobs, f.builder); err != nil {
		return err
	}
	if f.dryRun {
		return a.printJobs(jobs, f.json)
	}
	names := make([]string, len(jobs))
	for i, j := range jobs {
		names[i] = j.Request.Name
	}
	screen := a.newScreen(names)
	defer screen.Close()
	store, err := a.openImages(screen)
	if err != nil {
		return err
	}
	pusher, letGo, err := a.deliveries(ctx, store, screen, jobs, f)
	if err != nil {
		return err
	}
	defer letGo()
	eng := &lazyEngine{open: func() (builder, error) { return a.openBuilder(ctx, f.builder, screen) }}
	defer func() {
		span := a.trace.Start("", "closing the engine")
		err = errors.Join(err, eng.Close())
		span.End(nil)
	}()
	if a.abandoned(f.builder) { // its steps may still run, though nothing may have to be built
		if _, err := eng.get(); err != nil {
			return err
		}
	}
	assembler, err := a.assembler(root, store, screen, compressionOf(jobs))
	if err != nil {
		return err
	}
	known := a.newMemory(root, f.afresh(), f.builder, store, screen)
	run := pipeline.Build{
		Builder: eng, Images: tagger{store}, Bases: bases{Assembler: assembler, eng: eng}, Sink: screen, Memory: known, Pusher: pusher,
		Platform: "linux/" + runtime.GOARCH, Elsewhere: a.elsewhere(f.builder), Parallel: a.parallel(f), RAM: a.memoryToBuild(f.builder),
		KeepGoing: f.keepGoing, Now: time.Now,
	}
	began := time.Now()
	built, err := a.traced(run).Run(ctx, jobs)
	if forgotten := known.Close(); forgotten != nil {
		screen.Emit(event.Note{Text: "this run is not recorded: " + forgotten.Error(), Warning: true})
	}
	if opened := eng.opened(); opened != nil {
		span := a.trace.Start("", "collecting garbage")
		err = errors.Join(err, a.collectGarbage(ctx, opened, store))
		span.End(nil)
	}
	screen.Close()
	return errors.Join(a.reportBuild(ctx, store, built, time.Since(began), f.json), err)
}

// afresh says why earlier builds are not asked for, if so.
func (f buildFlags) afresh() string {
	switch {
	case f.noCache:
		return "--no-cache"
	case f.force:
		return "--force"
	case len(f.builder.cacheTo) > 0:
		return "--cache-to"
	}
	return ""
}

// parallelOr returns the number of services to build at once.
func parallelOr(n int) int {
	if n > 0 {
		return n
	}
	return max(2, runtime.NumCPU())
}

func compressionOf(jobs []pipeline.Job) string {
	for _, j := range jobs {
		if j.Request.Compression != "" {
			return j.Request.Compression
		}
	}
	return "gzip"
}
