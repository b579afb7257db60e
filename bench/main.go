// Command bench prints the figures that Slipway has to reach, each with its
// goal, what this machine measured and whether that holds. Peers (mmdebstrap,
// docker buildx bake with buildkitd, nginx) run in turn with Slipway in the same run,
// so that their ratios mean something on a noisy machine. It changes nothing
// outside its directory and talks to this machine's package mirrors and to
// loopback only. See README.md beside it.
//
//	bench/run.sh --only size,startup --runs 5
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/bench/peer"
)

func main() {
	if filepath.Base(os.Args[0]) == peer.WrapperName {
		os.Exit(peer.RunWrapped(os.Args, os.Environ()))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missed, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if missed {
		os.Exit(3)
	}
}

// measurement is one case: it returns the figures that it stands for.
type measurement struct {
	name string
	why  string
	run  func(context.Context, *bench) ([]Figure, error)
}

// measurements lists the cases in the order in which they run: later ones use
// what earlier ones built.
func measurements() []measurement {
	all := []measurement{
		{"base", "the Node.js base against mmdebstrap", measureBases},
		{"fleet", "the cold fleet against bake; peak memory", measureFleet},
		{"size", "sizes and layers of the ten images", measureSizes},
		{"layers", "the export of a large layer, with zstd and with gzip", measureLayers},
		{"scale", "generated fleets: nothing changed, hundreds in one call, plans", measureScale},
		{"nodes", "two remote nodes against one", measureNodes},
		{"deploy", "good releases on a host under load, and an unchanged one", measureDeploys},
		{"deploy-bad", "bad releases on a host under load", measureBadReleases},
		{"deploy-time", "the deploy of one service against the same by hand", measureDeployTime},
		{"deploy-proxy", "the proxy of a host against nginx", measureProxy},
		{"startup", "start of the command, of the engine, of a cached build", measureStartup},
		{"binary", "size of the binary", measureBinary},
	}
	for i, l := range languages() { // after the fleet of Node.js
		all = slices.Insert(all, 2+i, measurement{"fleet-" + l.name, "ten " + l.title + " services against bake", l.measure})
	}
	return all
}

// bench is what every case gets.
type bench struct {
	slipway  string   // the binary
	fleet    string   // examples/fast of this repository
	cache    string   // compiled peers, kept between runs
	work     string   // everything else, removed at the end
	runs     int      // repetitions of a case that takes seconds or more
	coldRuns int      // of a fleet from nothing
	services int      // of generated fleets; the goals are for the defaults
	files    int      // of each of their services
	extra    []string // flags for slipway's cold build
	log      io.Writer

	prepared *fleetState // set by prepareFleet
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "bench: "+format+"\n", args...)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (missed bool, err error) {
	b := &bench{log: stderr}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&b.slipway, "slipway", "bin/slipway", "the binary to measure")
	flags.StringVar(&b.fleet, "fleet", "examples/fast", "the fleet to build")
	flags.IntVar(&b.runs, "runs", 5, "repetitions of what takes seconds; the median counts")
	flags.IntVar(&b.coldRuns, "cold-runs", 3, "repetitions of what takes minutes: a fleet from nothing")
	flags.IntVar(&b.services, "services", 1000, "services of the largest generated fleet")
	flags.IntVar(&b.files, "files", 50, "files of each of its services")
	extra := flags.String("build-flags", "", "flags for slipway build in the case fleet, such as --parallel=4")
	only := flags.String("only", "", "cases to run, separated by commas: "+strings.Join(names(measurements()), ", "))
	keep := flags.Bool("keep", false, "keep the working directory")
	out := flags.String("json", "bench/results.json", "where the figures go as JSON")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	b.extra = strings.Fields(*extra)
	chosen, err := choose(measurements(), *only)
	if err != nil {
		return false, err
	}
	if err := b.prepareDirectories(); err != nil {
		return false, err
	}
	if !*keep {
		defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	}
	report := Report{Began: time.Now().UTC().Truncate(time.Second), Machine: describeMachine(ctx, b.slipway)}
	report.Machine.write(stdout)
	for _, m := range chosen {
		b.say("%s: %s", m.name, m.why)
		figures, err := m.run(ctx, b)
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if err != nil {
			figures = append(figures, Figure{Name: m.why, Note: err.Error(), Verdict: Failed})
		}
		report.Figures = append(report.Figures, figures...)
	}
	report.Took = time.Since(report.Began).Round(time.Second).String()
	writeTable(stdout, report.Figures)
	if err := report.save(*out); err != nil {
		return false, err
	}
	fmt.Fprintf(stdout, "\nwritten to %s after %s\n", *out, report.Took)
	return report.missed(), nil
}

func names(all []measurement) []string {
	var out []string
	for _, m := range all {
		out = append(out, m.name)
	}
	return out
}

// choose returns the named cases, all of them for an empty list.
func choose(all []measurement, list string) ([]measurement, error) {
	if list == "" {
		return all, nil
	}
	known := names(all)
	wanted := strings.Split(list, ",")
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no case %q; known are %s", name, strings.Join(known, ", "))
		}
	}
	var chosen []measurement
	for _, m := range all {
		if slices.Contains(wanted, m.name) {
			chosen = append(chosen, m)
		}
	}
	return chosen, nil
}

// prepareDirectories makes the paths absolute and the directories exist.
func (b *bench) prepareDirectories() error {
	for _, path := range []*string{&b.slipway, &b.fleet} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		if _, err := os.Stat(abs); err != nil {
			return fmt.Errorf("%w; run make build at the root of the repository, and bench/run.sh from there", err)
		}
		*path = abs
	}
	if b.cache = os.Getenv("SLIPWAY_BENCH_DIR"); b.cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("finding a directory for the peers, set SLIPWAY_BENCH_DIR: %w", err)
		}
		b.cache = filepath.Join(user, "slipway-bench")
	}
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return err
	}
	var err error
	// Beside the peers: a temporary file system may be too small, or no place
	// for overlay mounts.
	b.work, err = os.MkdirTemp(b.cache, "run-")
	return err
}

// scratch returns a new directory below the working directory.
func (b *bench) scratch(name string) (string, error) {
	return os.MkdirTemp(b.work, name+"-")
}

// place is where the peers live.
func (b *bench) place() peer.Place { return peer.Place{Cache: b.cache, Work: b.work, Say: b.say} }
