package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/bench"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/generated"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/state"
)

// benchFlags are the flags of `slipway bench`.
type benchFlags struct {
	against string
	runs    int
	json    bool
	source  string
	timeout time.Duration
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench [DIR]",
		Short: "Compare the single-stage and multi-stage builds of a directory",
		Long: `Build a directory from a single-stage Dockerfile and from its multi-stage one
(its Dockerfile, else the planned one), each with empty caches: cold, after a
change of a source file, and after a change of the dependencies. Then start both
images. The table compares build times, size, layers, start-up and memory at rest.

Slipway changes a copy. The source change adds a line to the file in which the
server starts, or to the file that --source names. The dependency change adds an
empty line to the lock file or manifest: the packages stay the same, but every
builder must install them again.

A cold build has its base images, but no build cache and no downloaded packages.
The command leaves nothing behind.`,
		Example: `  slipway bench
  slipway bench --runs 1 --json examples/02-OptimizedMultiStage/01-nodejs-optimized
  slipway bench --against Dockerfile.old --source src/routes.ts`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := a.Dir
			if len(args) == 1 {
				dir = a.path(args[0])
			}
			return a.bench(cmd.Context(), dir, f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.against, "against", "Dockerfile.single", "single-stage Dockerfile, relative to DIR")
	fl.IntVar(&f.runs, "runs", 3, "builds of each Dockerfile; medians are reported")
	fl.BoolVar(&f.json, "json", false, "print medians, ratios and every sample as JSON")
	fl.StringVar(&f.source, "source", "", "source file in DIR to change")
	fl.DurationVar(&f.timeout, "timeout", time.Minute, "maximum time for an image to become healthy")
	return cmd
}

func (a *app) bench(ctx context.Context, dir string, f benchFlags) (err error) {
	c, err := a.comparison(dir, f)
	if err != nil {
		return err
	}
	if err := needsRoot("bench"); err != nil {
		return err
	}
	if err := os.MkdirAll(a.state.Path, 0o700); err != nil {
		return err
	}
	work, err := os.MkdirTemp(a.state.Path, "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	digests, err := a.benchBases(ctx, dir, c.bases)
	if err != nil {
		return err
	}
	for i := range c.Sides {
		c.Sides[i].Request.Bases = digests
	}
	// At once: another slipway may replace a base, and collect it, meanwhile.
	kept := filepath.Join(work, "images")
	if err := state.LinkTree(kept, a.state.ImageDir()); err != nil {
		return fmt.Errorf("keeping the bases: %w", err)
	}
	c.Work, c.Now = work, time.Now
	c.Say = func(format string, args ...any) { fmt.Fprintf(a.Stderr, format+"\n", args...) }
	c.Open = func(ctx context.Context) (bench.Lab, error) { return a.state.Sandbox(ctx, kept, c.spec, f.timeout) }
	result, err := c.Run(ctx)
	if err != nil {
		return a.showStep(err)
	}
	if f.json {
		return bench.WriteJSON(a.Stdout, result)
	}
	return bench.Write(a.Stdout, result)
}

// comparison is what is known before anything runs.
type comparison struct {
	bench.Bench
	bases []string
	spec  localrun.Spec // how the images are started
}

func (a *app) comparison(dir string, f benchFlags) (comparison, error) {
	c := comparison{Bench: bench.Bench{Name: repository.Relative(a.Dir, dir), Dir: dir, Runs: f.runs}}
	if c.Name == "." {
		c.Name = filepath.Base(dir)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return c, diag.Fail(diag.ExitUsage, "directory not found: %s", c.Name).WithHint("slipway bench DIR")
	}
	single := filepath.Join(dir, f.against)
	if filepath.IsAbs(f.against) {
		single = f.against
	}
	if _, err := os.Stat(single); errors.Is(err, fs.ErrNotExist) {
		return c, diag.Fail(diag.ExitUsage, "%s not found in %s: nothing to compare with", f.against, c.Name).
			WithHint("save your single-stage Dockerfile under that name, or specify it: slipway bench --against FILE")
	}
	if f.runs < 1 {
		return c, diag.Fail(diag.ExitUsage, "--runs must be at least 1, not %d", f.runs).WithHint("--runs 3")
	}
	for i, file := range []string{single, ""} {
		src, err := a.fleets().Directory(dir, file)
		if err != nil {
			return c, err
		}
		if !src.Planned {
			if src.Bases, err = fleet.OwnBases(src.File); err != nil {
				return c, err
			}
		}
		c.Sides[i] = benchSide(i, src, &c.bases)
	}
	return c, a.benchChanges(&c, f)
}

// benchSide turns a recipe into a request, and collects its bases.
func benchSide(i int, src fleet.Recipe, refs *[]string) bench.Side {
	side := bench.Side{Name: [...]string{"single-stage", "multi-stage"}[i], From: filepath.Base(src.Name)}
	if src.Planned {
		side.From = "the plan"
	}
	for _, base := range src.Bases {
		if base.Assembled && !slices.Contains(*refs, base.Ref) {
			*refs = append(*refs, base.Ref)
		}
	}
	side.Request = engine.Request{Name: side.Name, Dockerfile: src.Text, Ignore: src.Ignore, Platforms: []string{plan.Host()}, Args: map[string]string{}, Labels: map[string]string{}}
	return side
}

// benchChanges decides which files are changed and how the images are started:
// what the plan knows, as if there were no generated Dockerfile.
func (a *app) benchChanges(c *comparison, f benchFlags) error {
	tree := generated.Without{FS: repository.FS(c.Dir)}
	cfg := config.Default(config.NameOf(filepath.Base(c.Dir)))
	cfg.Bases.Pythons = a.fleets().Machine.Pythons
	s, findings := detect.PlanOne(tree, config.Service{Name: cfg.Name, Path: "."}, cfg)
	if err := findings.Errors(); err != nil && len(s.Facts) == 0 {
		s = plan.Service{} // a Dockerfile of its own is enough
	}
	var candidates []string
	for _, fact := range s.Facts {
		if fact.Name == "type" || fact.Name == "start" || fact.Name == "port" || fact.Name == "application" {
			candidates = append(candidates, fact.File)
		}
	}
	if f.source != "" {
		candidates = []string{filepath.ToSlash(f.source)}
	}
	c.Source, c.Manifest = bench.Source(tree, candidates), bench.Manifest(tree)
	if f.source != "" && c.Source != candidates[0] {
		return diag.Fail(diag.ExitUsage, "source file %s not found in %s", f.source, c.Name).WithHint("--source takes a source file, relative to the directory")
	}
	if c.Source == "" {
		return diag.Fail(diag.ExitUsage, "no source file recognised in %s", c.Name).WithHint("slipway bench --source FILE")
	}
	c.spec = localrun.Spec{Name: "bench", Port: s.Port, Health: s.Health, MemoryBytes: s.MemoryBytes}
	return nil
}

// benchBases brings in the bases of both sides before any clock runs.
func (a *app) benchBases(ctx context.Context, dir string, refs []string) (map[string]string, error) {
	screen := a.newScreen(nil)
	defer screen.Close()
	store, err := a.state.Images(screen)
	if err != nil {
		return nil, err
	}
	assembler, err := a.state.Assembler(dir, store, screen, "gzip")
	if err != nil {
		return nil, err
	}
	return state.Bases{Assembler: assembler}.Ensure(ctx, refs, []string{plan.Host()})
}
