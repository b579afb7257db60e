package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-build/slipway/bench/peer"
)

// The goals, and the sizes that they name beside --services and --files.
const (
	targetsAtOnce  = 300
	memoryAtOnce   = 1536 // MiB
	slowestGrowth  = 1.25 // of planning, per service
	scaleRuns      = 7    // of what takes less than a second
	slowestOfMany  = 0.3  // seconds
	slowestToGit   = 2
	generatedLimit = 30 * time.Minute
)

// measureScale looks at generated fleets: at one of a thousand services (--services)
// of which nothing changed, at hundreds built in one call, and at plans.
func measureScale(ctx context.Context, b *bench) ([]Figure, error) {
	var figures []Figure
	var errs []error
	for _, part := range []func(context.Context, *bench) ([]Figure, error){measurePlans, measureTargets, measureUnchanged} {
		more, err := part(ctx, b)
		figures, errs = append(figures, more...), append(errs, err)
	}
	return figures, errors.Join(errs...)
}

// measureUnchanged builds a thousand services, then times a build of which
// nothing changed, and `git status` of the same tree.
func measureUnchanged(ctx context.Context, b *bench) ([]Figure, error) {
	dir, state, err := b.generate("many", b.services, map[string][]byte{"Dockerfile": []byte(generatedDockerfile)})
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Dir(dir))
	if err := commitAll(ctx, dir); err != nil {
		return nil, err
	}
	b.say("building %d services once", b.services)
	first, err := b.buildGenerated(ctx, dir, state, b.services)
	if err != nil {
		return nil, err
	}
	figures := []Figure{
		info(fmt.Sprintf("%d services in one call", b.services), []float64{first.Seconds}, "s", "1 run, from nothing"),
		info(fmt.Sprintf("peak memory of %d services in one call", b.services), []float64{mebibytes(first.PeakBytes)}, "MiB", "1 run"),
	}
	ours := func(ctx context.Context, _ int) (float64, error) {
		out, err := peer.Execute(ctx, b.slipwayCommand(dir, state, "build"))
		return out.Seconds, err
	}
	theirs := func(ctx context.Context, _ int) (float64, error) {
		out, err := peer.Execute(ctx, git(dir, "status"))
		return out.Seconds, err
	}
	if _, err := alternate(ctx, 1, ours, theirs); err != nil { // both note here what they saw of the files
		return figures, err
	}
	samples, err := alternate(ctx, scaleRuns, ours, theirs)
	if err != nil {
		return figures, err
	}
	if err := b.allUnchanged(ctx, dir, state, b.services); err != nil {
		return figures, err
	}
	name := fmt.Sprintf("nothing changed, %d services of %d files", b.services, b.files)
	return append(figures,
		medianAtMost(name, slowestOfMany, samples[0], "s", fmt.Sprintf("whole process, median of %d", scaleRuns)),
		atMost(name+", of git status's time", slowestToGit, ratio(samples[0], samples[1]), "×", against(samples[0], samples[1])),
	), nil
}

// measureTargets builds some hundred services in one call, from nothing.
func measureTargets(ctx context.Context, b *bench) ([]Figure, error) {
	targets := min(targetsAtOnce, b.services)
	dir, state, err := b.generate("targets", targets, map[string][]byte{"Dockerfile": []byte(generatedDockerfile)})
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Dir(dir))
	out, err := b.buildGenerated(ctx, dir, state, targets)
	if err != nil {
		return nil, err
	}
	stats, err := parseStats(out.Stdout)
	if err != nil {
		return nil, err
	}
	missing := targets - len(stats.Services)
	return []Figure{
		atMost(fmt.Sprintf("%d services in one call, not built", targets), 0, float64(missing), "",
			fmt.Sprintf("%d files each, %.1f s", b.files, out.Seconds)),
		atMost(fmt.Sprintf("peak memory of %d services in one call", targets), memoryAtOnce, mebibytes(out.PeakBytes), "MiB", "1 run"),
	}, nil
}

// measurePlans plans Node.js services without Dockerfiles: detection reads their
// manifests and lists their files. It grows in a straight line when a thousand
// take four times what a quarter of them takes.
func measurePlans(ctx context.Context, b *bench) ([]Figure, error) {
	manifests, err := manifestsOf(filepath.Join(b.fleet, "fast-accounting-service"))
	if err != nil {
		return nil, err
	}
	quarter := b.services / 4
	var sides []trial
	var most peer.Command
	for _, n := range []int{quarter, 2 * quarter, b.services} {
		dir, state, err := b.generate("plans", n, manifests)
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(filepath.Dir(dir))
		most = b.slipwayCommand(dir, state, "plan")
		command := most
		sides = append(sides, func(ctx context.Context, _ int) (float64, error) {
			out, err := peer.Execute(ctx, command)
			return out.Seconds, err
		})
	}
	if _, err := alternate(ctx, 1, sides...); err != nil {
		return nil, err
	}
	samples, err := alternate(ctx, quickRuns, sides...)
	if err != nil {
		return nil, err
	}
	most.Memory = true
	out, err := peer.Execute(ctx, most)
	if err != nil {
		return nil, err
	}
	few, half, many := samples[0], samples[1], samples[2]
	return []Figure{
		atMost(fmt.Sprintf("planning %d services, of 4 times the time for %d", b.services, quarter),
			slowestGrowth, growth(few, many, 4), "×", against(many, few)),
		atMost(fmt.Sprintf("peak memory of planning %d services", b.services), memoryAtOnce, mebibytes(out.PeakBytes), "MiB", "1 run"),
		info(fmt.Sprintf("planning %d services", 2*quarter), half, "s", secondsOf(half)),
		info(fmt.Sprintf("planning %d services", b.services), many, "s", secondsOf(many)),
	}, nil
}

// growth is the time for times as many, of what a straight line through nothing
// gives: 1 when it is one, less when a part of the time is the same for all.
func growth(few, many []float64, times int) float64 { return ratio(many, few) / float64(times) }

// generate writes a fleet to a directory of its own, beside which its state
// directory will be.
func (b *bench) generate(name string, services int, fixed map[string][]byte) (dir, state string, err error) {
	parent, err := b.scratch(name)
	if err != nil {
		return "", "", err
	}
	b.say("writing %d services of %d files", services, b.files)
	dir = filepath.Join(parent, "fleet")
	return dir, filepath.Join(parent, "state"), generateFleet(dir, services, b.files, fixed)
}

// buildGenerated builds a generated fleet in one call; all of it has to succeed.
func (b *bench) buildGenerated(ctx context.Context, dir, state string, services int) (peer.Outcome, error) {
	c := b.slipwayCommand(dir, state, "build", "--json")
	c.Memory, c.Limit = true, generatedLimit
	out, err := peer.Execute(ctx, c)
	b.say("%d services in one call: %.1f s, %.0f MiB", services, out.Seconds, mebibytes(out.PeakBytes))
	return out, err
}

// allUnchanged makes sure that a build finds nothing to do.
func (b *bench) allUnchanged(ctx context.Context, dir, state string, services int) error {
	stats, err := b.statsOf(ctx, b.slipwayCommand(dir, state, "build", "--json"))
	if err != nil {
		return err
	}
	if n := stats.unchanged(); n != services {
		return fmt.Errorf("of %d services that did not change, slipway says so of %d", services, n)
	}
	return nil
}

// git calls git without the settings of this machine.
func git(dir string, args ...string) peer.Command {
	return peer.Command{Argv: append([]string{"git"}, args...), Dir: dir, Env: []string{
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_DIR=" + filepath.Join(dir, ".git"), "GIT_WORK_TREE=" + dir,
		"GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=bench", "GIT_COMMITTER_EMAIL=bench@example.com",
	}}
}

// commitAll makes a repository of a directory, with everything committed.
func commitAll(ctx context.Context, dir string) error {
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}, {"-c", "gc.auto=0", "-c", "maintenance.auto=false", "commit", "--quiet", "--message", "generated"}} {
		if _, err := peer.Execute(ctx, git(dir, args...)); err != nil {
			return err
		}
	}
	return nil
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
