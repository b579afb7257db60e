package cli

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/docker"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/plan"
)

// loadFlags are the flags of `slipway bases load`.
type loadFlags struct {
	to       string
	platform string
	args     []string
	dryRun   bool
}

func (a *app) basesLoadCommand() *cobra.Command {
	var f loadFlags
	cmd := &cobra.Command{
		Use:   "load [BASE…]",
		Short: "Give bases to Docker or Podman, for docker build and podman build",
		Long: `Assemble bases and load them into Docker's engine (DOCKER_HOST) or Podman, under the
names that Dockerfiles have after FROM. Then docker build and podman build work on
those Dockerfiles as they are. Without names: the bases that the Dockerfiles in this
directory and below it name, and those of the fleet here.`,
		Example: `  slipway bases load
  slipway bases load --to podman slipway/node:22-trixie slipway/probe:latest
  slipway bases load --build-arg NODE_MAJOR=20`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.loadBases(cmd.Context(), args, f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.to, "to", "", "docker or podman (default: docker; podman where only that is installed)")
	fl.StringVar(&f.platform, "platform", "", "platform of the images, such as linux/arm64 (default: that of the engine)")
	fl.StringArrayVar(&f.args, "build-arg", nil, "build argument NAME=VALUE for names after FROM that have variables")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print the names of the bases, without loading them")
	return cmd
}

// loadBases gives bases to Docker or Podman.
func (a *app) loadBases(ctx context.Context, names []string, f loadFlags) error {
	if f.to != "" && f.to != "docker" && f.to != "podman" {
		return diag.Fail(diag.ExitUsage, "unknown engine %q", f.to).WithHint("use --to docker or --to podman")
	}
	refs, err := a.basesToLoad(names, f)
	if err != nil {
		return err
	}
	if f.dryRun {
		_, err := fmt.Fprintln(a.Stdout, strings.Join(refs, "\n"))
		return err
	}
	to, err := a.receiver(ctx, f.to)
	if err != nil {
		return err
	}
	defer to.Close()
	platform := f.platform
	if platform == "" {
		platform = to.Platform()
	}
	job, err := a.baseJob(refs, baseFlags{platforms: []string{platform}, compression: "gzip"}, true) // which every engine reads
	if err != nil {
		return err
	}
	defer job.screen.Close()
	built, err := job.Ensure(ctx, refs, job.platforms)
	if err != nil {
		return err
	}
	store, err := a.state.Images(job.screen)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		img, err := store.Image(ctx, built[ref].Index.String(), platform)
		if err != nil {
			return err
		}
		if err := to.Load(ctx, ref, img); err != nil {
			return err
		}
	}
	job.screen.Close()
	if old := to.TooOld(ctx); old != "" {
		fmt.Fprintf(a.Stderr, "note: %s: it does not read COPY --link and here-documents, which the Dockerfiles of slipway generate use\n", old)
	}
	_, err = fmt.Fprintf(a.Stdout, "loaded into %s: %s\n", to, strings.Join(refs, ", "))
	return err
}

// basesToLoad are the named bases, else those of the Dockerfiles and of the fleet.
func (a *app) basesToLoad(names []string, f loadFlags) ([]string, error) {
	if len(names) > 0 {
		return names, nil
	}
	args, err := assignments("--build-arg", f.args, a.lookup)
	if err != nil {
		return nil, err
	}
	platforms := []string{plan.Host()}
	if f.platform != "" {
		platforms = []string{f.platform}
	}
	refs, files, err := fleet.WrittenBases(a.Dir, args, platforms)
	if err != nil {
		return nil, err
	}
	if root, err := fleet.Find(a.Dir); err == nil {
		fl, err := a.fleets().Load(fleet.Target{Root: root}, fleet.Overrides{Platforms: platforms})
		if err != nil {
			return nil, err
		}
		refs = append(refs, fl.AssembledBases()...)
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	switch {
	case len(refs) > 0:
		return refs, nil
	case files > 0:
		return nil, diag.Fail(diag.ExitUsage, "none of the %d Dockerfiles here starts from a base that Slipway assembles", files).
			WithHint("their images come from registries, so docker build needs nothing; slipway bases list shows the bases of Slipway")
	}
	return nil, diag.Fail(diag.ExitUsage, "no Dockerfile here or below").WithHint("slipway generate writes them; or name bases: slipway bases load slipway/node:22-trixie")
}

// receiver opens Docker's engine or Podman. Where nobody said which, Podman takes
// the images if Docker's engine cannot.
func (a *app) receiver(ctx context.Context, to string) (docker.Receiver, error) {
	if to == "podman" {
		return docker.OpenPodman(event.Discard{})
	}
	eng, err := docker.Open(ctx, event.Discard{})
	if err == nil {
		return eng, nil
	}
	if _, missing := exec.LookPath("podman"); to == "" && missing == nil && ctx.Err() == nil {
		fmt.Fprintln(a.Stderr, "note: Docker's engine does not answer, so Podman gets the bases")
		return docker.OpenPodman(event.Discard{})
	}
	return nil, err
}
