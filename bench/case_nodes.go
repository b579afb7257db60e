package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/slipway-build/slipway/bench/peer"
)

// burningServices is enough for the last ones not to decide: the share of one
// node in the pool may be a quarter above the other's.
const burningServices = 16

// measureNodes builds a fleet that only computes, on one remote node and on two.
// Each node has one core, its steps included.
func measureNodes(ctx context.Context, b *bench) ([]Figure, error) {
	if runtime.NumCPU() < 2 {
		return nil, errors.New("two nodes of one core each need two cores")
	}
	p, err := b.place().Compile(ctx, ".")
	if err != nil {
		return nil, err
	}
	dir, err := b.scratch("nodes")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	f := burningFleet{b: b, dir: filepath.Join(dir, "fleet"), state: filepath.Join(dir, "state")}
	if err := f.write(ctx); err != nil {
		return nil, err
	}
	var addresses []string
	for core := range 2 {
		n, err := b.place().StartNodeOn(ctx, p, core)
		if err != nil {
			return nil, err
		}
		defer n.Stop()
		addresses = append(addresses, n.Address)
	}
	one := func(ctx context.Context, round int) (float64, error) {
		return f.build(ctx, "one", round, addresses[:1])
	}
	two := func(ctx context.Context, round int) (float64, error) { return f.build(ctx, "two", round, addresses) }
	if _, err := alternate(ctx, 1, f.idle(addresses[:1]), f.idle(addresses)); err != nil { // each node gets the files
		return nil, err
	}
	samples, err := alternate(ctx, quickRuns, two, one)
	if err != nil {
		return nil, err
	}
	idle, err := alternate(ctx, quickRuns, f.idle(addresses))
	if err != nil {
		return nil, err
	}
	return []Figure{
		atMost("two remote nodes, of the time of one", 0.6, ratio(samples[0], samples[1]), "×",
			fmt.Sprintf("%d services, one core a node; %s", burningServices, against(samples[0], samples[1]))),
		info("the same with nothing to compute, two nodes", idle[0], "s", secondsOf(idle[0])),
	}, nil
}

// burningFleet is services that compute in one step, each for itself.
type burningFleet struct {
	b          *bench
	dir, state string
}

func (f *burningFleet) write(ctx context.Context) error {
	program := filepath.Join(f.dir, "burn")
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return err
	}
	_, err := peer.Execute(ctx, peer.Command{
		Argv: []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./bench/burn"}, Env: []string{"CGO_ENABLED=0"},
	})
	if err != nil {
		return err
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if err := generateFleet(f.dir, burningServices, 1, map[string][]byte{"Dockerfile": nil}); err != nil {
		return err
	}
	services, err := f.services()
	for _, s := range services {
		err = errors.Join(err, os.WriteFile(filepath.Join(s, "burn"), data, 0o755))
	}
	return err
}

func (f *burningFleet) services() ([]string, error) {
	return filepath.Glob(filepath.Join(f.dir, "s[0-9]*"))
}

// build runs the step of every service anew.
func (f *burningFleet) build(ctx context.Context, side string, round int, nodes []string) (float64, error) {
	const dockerfile = "FROM scratch\nCOPY burn /burn\nENV ROUND=%q\nRUN [\"/burn\"]\nCMD [\"/burn\"]\n"
	return f.run(ctx, fmt.Sprintf(dockerfile, fmt.Sprintf("%s-%d", side, round)), nodes)
}

// idle builds the same without the step.
func (f *burningFleet) idle(nodes []string) trial {
	return func(ctx context.Context, _ int) (float64, error) {
		return f.run(ctx, "FROM scratch\nCOPY burn /burn\nCMD [\"/burn\"]\n", nodes)
	}
}

func (f *burningFleet) run(ctx context.Context, dockerfile string, nodes []string) (float64, error) {
	services, err := f.services()
	if err != nil {
		return 0, err
	}
	for _, s := range services {
		text := fmt.Sprintf("%sLABEL service=%s\n", dockerfile, filepath.Base(s))
		if err := os.WriteFile(filepath.Join(s, "Dockerfile"), []byte(text), 0o644); err != nil {
			return 0, err
		}
	}
	args := []string{"build", "--force"}
	for _, n := range nodes {
		args = append(args, "--builder", n)
	}
	out, err := peer.Execute(ctx, f.b.slipwayCommand(f.dir, f.state, args...))
	return out.Seconds, err
}
