package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/bench/peer"
)

// tag marks the images of the benchmark.
const tag = "bench"

// slipwayCommand is a call of slipway with its own state directory.
func (b *bench) slipwayCommand(dir, state string, args ...string) peer.Command {
	return peer.Command{Argv: append([]string{b.slipway}, args...), Dir: dir, Env: []string{"SLIPWAY_STATE_DIR=" + state}}
}

// fleetState is what the cases about the fleet share.
type fleetState struct {
	title    string   // of the language, for figures
	dir      string   // everything of this fleet lies below it
	sources  string   // a copy of the fleet, for slipway
	written  string   // another one, with the Dockerfiles that slipway writes, for bake
	services []string // names of its directories with a Dockerfile
	bases    string   // a state directory that has the bases and nothing else
	built    string   // a state directory in which the fleet was built; empty: not yet

	goals     goals
	changes   changes
	basesPeak int64 // memory of slipway when it assembled the bases
}

// goals are the highest shares of bake's time that are good enough.
type goals struct{ cold, unchanged, line, dependency float64 }

// changes are what a fleet is built again for; each gets the directory of a
// service and the round, from 0.
type changes struct {
	rounds     int
	line       func(dir string, round int) error
	dependency func(dir string, round int) error
	usual      func(service string) ([]byte, error) // a Dockerfile as people write it
}

// ten names the fleet in figures.
func (f *fleetState) ten() string { return "ten " + f.title + " services" }

// prepareFleet prepares examples/fast, once.
func (b *bench) prepareFleet(ctx context.Context) (*fleetState, error) {
	if b.prepared != nil {
		return b.prepared, nil
	}
	f, err := b.prepare(ctx, b.work, b.fleet)
	if err != nil {
		return nil, err
	}
	f.title, f.goals, f.changes = "Node.js", goals{cold: 0.4, unchanged: 0.05, line: 0.35, dependency: 0.6}, nodeChanges()
	b.prepared = f
	return f, nil
}

// prepare copies a fleet below a directory, writes its Dockerfiles and assembles
// its bases.
func (b *bench) prepare(ctx context.Context, dir, fleet string) (*fleetState, error) {
	f := &fleetState{
		dir: dir, sources: filepath.Join(dir, "fleet"), written: filepath.Join(dir, "fleet-with-dockerfiles"),
		bases: filepath.Join(dir, "bases-only"),
	}
	for _, to := range []string{f.sources, f.written} {
		if err := copySources(to, fleet); err != nil {
			return nil, err
		}
	}
	if _, err := peer.Execute(ctx, b.slipwayCommand(f.written, f.bases, "generate")); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(f.written, "*", "Dockerfile"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		f.services = append(f.services, filepath.Base(filepath.Dir(path)))
	}
	if len(f.services) == 0 {
		return nil, errors.New("slipway generate wrote no Dockerfile")
	}
	b.say("assembling the bases of %d services", len(f.services))
	f.basesPeak, err = b.assemble(ctx, f)
	return f, err
}

// assemble makes the bases that the fleet's Dockerfiles name, and returns the peak
// memory of slipway in bytes.
func (b *bench) assemble(ctx context.Context, f *fleetState) (int64, error) {
	refs := map[string]bool{}
	for _, s := range f.services {
		text, err := os.ReadFile(filepath.Join(f.written, s, "Dockerfile"))
		if err != nil {
			return 0, err
		}
		for _, ref := range peer.BasesOf(text) {
			refs[ref] = true
		}
	}
	build := append([]string{"bases", "build"}, slices.Sorted(maps.Keys(refs))...)
	assemble := b.slipwayCommand(f.sources, f.bases, build...)
	assemble.Memory = true
	out, err := peer.Execute(ctx, assemble)
	if err != nil {
		return 0, err
	}
	return out.PeakBytes, nil
}

// builtFleet returns a state directory in which the whole fleet was built.
func (b *bench) builtFleet(ctx context.Context) (*fleetState, error) {
	f, err := b.prepareFleet(ctx)
	if err != nil || f.built != "" {
		return f, err
	}
	state := filepath.Join(b.work, "built")
	if err := copyTree(ctx, state, f.bases); err != nil {
		return nil, err
	}
	if _, err := peer.Execute(ctx, b.slipwayCommand(f.sources, state, "build", "--tag", tag)); err != nil {
		return nil, err
	}
	f.built = state
	return f, nil
}

// copySources copies a source tree without what an earlier build left there.
func copySources(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{"node_modules", "dist", "generated"}, d.Name()) {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, info.Mode().Perm())
	})
}

// copyTree copies a state directory with its modes and links.
func copyTree(ctx context.Context, to, from string) error {
	_, err := peer.Execute(ctx, peer.Command{Argv: []string{"cp", "-a", "--reflink=auto", from, to}})
	return err
}

// registry is an empty registry on loopback.
type registry struct {
	address string
	daemon  *peer.Daemon
	dir     string
}

// startRegistry starts `slipway registry serve`; stop it. Both sides push to one
// of their own, empty at the start.
func (b *bench) startRegistry(ctx context.Context) (*registry, error) {
	dir, err := b.scratch("registry")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free now
	if err != nil {
		return nil, err
	}
	r := &registry{address: listener.Addr().String(), dir: dir}
	if err := listener.Close(); err != nil {
		return nil, err
	}
	r.daemon, err = peer.StartDaemon(filepath.Join(dir, "log"), []string{"SLIPWAY_STATE_DIR=" + dir},
		b.slipway, "registry", "serve", "--addr", r.address, "--dir", filepath.Join(dir, "images"))
	if err != nil {
		return nil, err
	}
	err = r.daemon.Until(ctx, func() bool {
		conn, err := net.DialTimeout("tcp", r.address, time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	if err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

func (r *registry) stop() {
	r.daemon.Stop()
	_ = os.RemoveAll(r.dir)
}

// bakeFile writes the definition that builds the fleet into a registry, and
// returns its path.
func (f *fleetState) bakeFile(registry string) (string, error) {
	layout := filepath.Join(f.bases, "images")
	digests, err := peer.DigestsOf(layout)
	if err != nil {
		return "", err
	}
	contexts := map[string]map[string]string{}
	for _, s := range f.services {
		text, err := os.ReadFile(filepath.Join(f.written, s, "Dockerfile"))
		if err != nil {
			return "", err
		}
		contexts[s] = map[string]string{}
		for _, ref := range peer.BasesOf(text) {
			digest := peer.Lookup(digests, ref)
			if digest == "" {
				return "", fmt.Errorf("the base %s of %s is not in %s", ref, s, layout)
			}
			// BuildKit looks a named context up without the default tag.
			contexts[s][strings.TrimSuffix(ref, ":latest")] = "oci-layout://" + layout + "@" + digest
		}
	}
	data, err := peer.Definition(f.services, func(s string) peer.Target {
		return peer.Target{
			Context: s, Dockerfile: "Dockerfile", Contexts: contexts[s], Args: map[string]string{"SERVICE_VERSION": tag},
			Tags:   []string{registry + "/fleet/" + s + ":" + tag},
			Output: []string{"type=image,push=true"},
		}
	})
	if err != nil {
		return "", err
	}
	path := filepath.Join(f.written, "docker-bake-"+strings.ReplaceAll(registry, ":", "-")+".json")
	return path, os.WriteFile(path, data, 0o644)
}
