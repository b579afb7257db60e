package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/slipway-build/slipway/bench/peer"
)

// measureFleet is the case of examples/fast.
func measureFleet(ctx context.Context, b *bench) ([]Figure, error) {
	f, err := b.prepareFleet(ctx)
	if err != nil {
		return nil, err
	}
	figures, err := measureBuilds(ctx, b, f)
	if err == nil { // the other cases want the service as it was
		err = copySources(filepath.Join(f.sources, f.services[0]), filepath.Join(b.fleet, f.services[0]))
	}
	return figures, err
}

// measureBuilds builds ten services from nothing but their bases, with slipway,
// with bake from slipway's Dockerfiles and with bake from usual ones in turn, and
// looks at slipway's memory meanwhile. Each pushes to a registry on loopback that
// is empty at the start. Then it builds them again after changes.
func measureBuilds(ctx context.Context, b *bench, f *fleetState) ([]Figure, error) {
	p, err := b.place().Compile(ctx, ".")
	if err != nil {
		return nil, err
	}
	u, err := f.usual()
	if err != nil {
		return nil, err
	}
	if _, err := b.assemble(ctx, u); err != nil { // they may name others
		return nil, err
	}
	ours, theirs, usual := &slipwaySide{b: b, f: f}, &bakeBuilds{b: b, f: f, peers: p}, &bakeBuilds{b: b, f: u, peers: p, which: ", usual Dockerfiles"}
	defer ours.stop()
	defer theirs.stop()
	defer usual.stop()
	cold, err := alternate(ctx, b.coldRuns, ours.cold, theirs.cold, usual.cold)
	if err != nil {
		return nil, err
	}
	figures := []Figure{
		atMost(f.ten()+" cold, bases present, of bake's time", f.goals.cold, ratio(cold[0], cold[1]), "×", against(cold[0], cold[1])),
		atMost("the same, bake with usual Dockerfiles", f.goals.cold, ratio(cold[0], cold[2]), "×", against(cold[0], cold[2])),
		atMost("peak memory of slipway building "+f.ten(), 400, float64(slices.Max(ours.peaks))/1e6, "MB",
			fmt.Sprintf("highest of %d cold builds", len(ours.peaks))),
		info(f.ten()+" cold: slipway", ours.cpu, "CPU s", "steps included"),
		info(f.ten()+" cold: bake", theirs.cpu, "CPU s", "steps included"),
		info(f.ten()+" cold: bake, usual Dockerfiles", usual.cpu, "CPU s", "steps included"),
		atMost("peak memory of slipway assembling their bases", 400, float64(f.basesPeak)/1e6, "MB", "1 run"),
	}
	warm, err := measureWarm(ctx, f, ours, theirs, usual)
	f.built = ours.state
	return append(figures, warm...), err
}

// measureWarm compares what is built again: nothing changed, one line, one
// dependency. Then it counts what a push of the unchanged fleet asks for.
func measureWarm(ctx context.Context, f *fleetState, ours *slipwaySide, theirs, usual *bakeBuilds) ([]Figure, error) {
	unchanged, err := alternate(ctx, f.changes.rounds, ours.again, theirs.again, usual.again)
	if err != nil {
		return nil, err
	}
	changed, err := alternate(ctx, f.changes.rounds, ours.changed, theirs.changed, usual.changed)
	if err != nil {
		return nil, err
	}
	kept, err := measureKept(ctx, f, ours, theirs, usual)
	if err != nil {
		return nil, err
	}
	added, err := alternate(ctx, f.changes.rounds, ours.added, theirs.added, usual.added)
	if err != nil {
		return nil, err
	}
	requests, err := ours.countRequests(ctx)
	if err != nil {
		return nil, err
	}
	var figures []Figure
	for _, w := range []struct {
		what string
		goal float64
		took [][]float64
	}{{"nothing changed", f.goals.unchanged, unchanged}, {"one line of one service changed", f.goals.line, changed},
		{"one line, the engine kept open", f.goals.line, kept}, {"one dependency of one service added", f.goals.dependency, added}} {
		figures = append(figures,
			atMost(f.ten()+", "+w.what+", of bake's time", w.goal, ratio(w.took[0], w.took[1]), "×", against(w.took[0], w.took[1])),
			atMost("the same, bake with usual Dockerfiles", w.goal, ratio(w.took[0], w.took[2]), "×", against(w.took[0], w.took[2])))
	}
	return append(figures, requests), nil
}

// measureKept compares one changed line where the engine stays open. The build that
// opens it does not count, and the last one closes it.
func measureKept(ctx context.Context, f *fleetState, ours *slipwaySide, theirs, usual *bakeBuilds) ([][]float64, error) {
	later := func(side trial) trial { // each line is new
		return func(ctx context.Context, round int) (float64, error) { return side(ctx, f.changes.rounds+1+round) }
	}
	ours.env = []string{"SLIPWAY_KEEP_ENGINE=10m"}
	_, err := ours.changed(ctx, f.changes.rounds)
	if err != nil {
		return nil, err
	}
	samples, err := alternate(ctx, f.changes.rounds, later(ours.changed), later(theirs.changed), later(usual.changed))
	ours.env = nil
	if err != nil {
		return nil, err
	}
	_, err = ours.changed(ctx, 2*f.changes.rounds+1)
	return samples, err
}

// quickRuns is how often builds of seconds are repeated at most.
const quickRuns = 5

// slipwaySide builds the fleet with slipway.
type slipwaySide struct {
	b        *bench
	f        *fleetState
	registry *registry
	state    string // of the last cold build
	env      []string
	peaks    []int64
	cpu      []float64 // of the cold builds, steps included
}

func (s *slipwaySide) cold(ctx context.Context, round int) (float64, error) {
	s.stop() // its state stays until the end, see peer.Bake.Stop
	s.state = filepath.Join(s.f.dir, fmt.Sprintf("slipway-%d", round))
	if err := copyTree(ctx, s.state, s.f.bases); err != nil {
		return 0, err
	}
	var err error
	if s.registry, err = s.b.startRegistry(ctx); err != nil {
		return 0, err
	}
	c := s.command()
	c.Memory, c.Limit = true, peer.ColdLimit
	out, err := peer.Execute(ctx, c)
	s.peaks = append(s.peaks, out.PeakBytes)
	s.cpu = append(s.cpu, out.CPU)
	s.b.say("cold fleet, slipway: %.1f s, %.1f s on a core, %.0f MB", out.Seconds, out.CPU, float64(out.PeakBytes)/1e6)
	return out.Seconds, err
}

func (s *slipwaySide) command() peer.Command {
	args := append([]string{"build", "--tag", tag, "--registry", s.registry.address, "--push"}, s.b.extra...)
	c := s.b.slipwayCommand(s.f.sources, s.state, args...)
	c.Env = append(c.Env, s.env...)
	return c
}

func (s *slipwaySide) again(ctx context.Context, _ int) (float64, error) {
	out, err := peer.Execute(ctx, s.command())
	return out.Seconds, err
}

func (s *slipwaySide) changed(ctx context.Context, round int) (float64, error) {
	if err := s.f.changes.line(filepath.Join(s.f.sources, s.f.services[0]), round); err != nil {
		return 0, err
	}
	return s.again(ctx, round)
}

func (s *slipwaySide) added(ctx context.Context, round int) (float64, error) {
	if err := s.f.changes.dependency(filepath.Join(s.f.sources, s.f.services[0]), round); err != nil {
		return 0, err
	}
	return s.again(ctx, round)
}

func (s *slipwaySide) stop() {
	if s.registry != nil {
		s.registry.stop()
		s.registry = nil
	}
}

// bakeBuilds builds the fleet with bake.
type bakeBuilds struct {
	b        *bench
	f        *fleetState
	peers    peer.Programs
	which    string // Dockerfiles, for messages
	registry *registry
	side     *peer.Bake
	file     string
	cpu      []float64 // of the cold builds, steps included
}

func (s *bakeBuilds) cold(ctx context.Context, _ int) (float64, error) {
	s.stop()
	var err error
	if s.registry, err = s.b.startRegistry(ctx); err != nil {
		return 0, err
	}
	if s.side, err = s.b.place().StartBake(ctx, s.peers, s.registry.address); err != nil {
		return 0, err
	}
	if s.file, err = s.f.bakeFile(s.registry.address); err != nil {
		return 0, err
	}
	out, err := s.side.Bake(ctx, s.f.written, s.file)
	cpu := out.CPU + s.side.CPU()
	s.cpu = append(s.cpu, cpu)
	s.b.say("cold fleet, bake%s: %.1f s, %.1f s on a core", s.which, out.Seconds, cpu)
	return out.Seconds, err
}

func (s *bakeBuilds) again(ctx context.Context, _ int) (float64, error) {
	out, err := s.side.Bake(ctx, s.f.written, s.file)
	return out.Seconds, err
}

func (s *bakeBuilds) changed(ctx context.Context, round int) (float64, error) {
	if err := s.f.changes.line(filepath.Join(s.f.written, s.f.services[0]), round); err != nil {
		return 0, err
	}
	return s.again(ctx, round)
}

func (s *bakeBuilds) added(ctx context.Context, round int) (float64, error) {
	if err := s.f.changes.dependency(filepath.Join(s.f.written, s.f.services[0]), round); err != nil {
		return 0, err
	}
	return s.again(ctx, round)
}

func (s *bakeBuilds) stop() {
	if s.side != nil {
		s.side.Stop()
		s.side = nil
	}
	if s.registry != nil {
		s.registry.stop()
		s.registry = nil
	}
}

// changeLine adds one line to one source file of a service.
func changeLine(service string, round int) error {
	files, err := filepath.Glob(filepath.Join(service, "src", "*.ts"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New(service + " has no source file to change")
	}
	f, err := os.OpenFile(files[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "\nexport const benchRound%d = %d;\n", round, round)
	return errors.Join(err, f.Close())
}
