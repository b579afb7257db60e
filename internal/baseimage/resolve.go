package baseimage

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
)

// want is a base to be pinned for a platform.
type want struct {
	base spec.Base
	t    spec.Target
}

// Resolve asks the mirrors for the newest versions of bases. It builds nothing
// and remembers nothing.
func (a *Assembler) Resolve(ctx context.Context, refs, platforms []string) (Lock, error) {
	targets, err := spec.TargetsOf(platforms)
	if err != nil {
		return Lock{}, err
	}
	var wants []want
	for _, ref := range refs {
		base, err := spec.Of(ref)
		if err != nil {
			return Lock{}, err
		}
		for _, t := range targets {
			wants = append(wants, want{base, t})
		}
	}
	resolved, err := a.resolve(ctx, wants, func(NPMPin, spec.Target, bool) {})
	out := Lock{Version: 1}
	for _, l := range resolved {
		out = out.With(l)
	}
	return out, err
}

// resolve pins bases. Indexes and registry documents are asked for side by side;
// npm packages are told as soon as they are found.
func (a *Assembler) resolve(ctx context.Context, wants []want, found func(NPMPin, spec.Target, bool)) ([]Locked, error) {
	var out []Locked
	var assembled []want
	for _, w := range wants {
		if w.base.Role != plan.RoleProbe {
			assembled = append(assembled, w)
			continue
		}
		l, err := a.probePin(w)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	if len(assembled) == 0 {
		return out, nil
	}
	a.events.Emit(event.Note{Text: "querying the Debian mirror and the npm registry for the newest packages"})
	choosers := a.choosers(ctx)
	var npm map[string]NPMPin
	pins := make([][]debian.Pin, len(assembled))
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { npm, err = a.newest(gctx, assembled, found); return err })
	for i, w := range assembled {
		group.Go(func() (err error) { pins[i], err = choosers.choose(gctx, w); return err })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, w := range assembled {
		l := Locked{Ref: w.base.Ref, Platform: w.t.Platform, Suite: w.base.Suite, Assembly: assemblyOf(w.base.Ref), Debian: pins[i]}
		for _, key := range npmWanted(w.base, w.t) {
			l.NPM = append(l.NPM, npm[key])
		}
		if w.base.GoMinor != "" {
			pin, err := a.newestGo(ctx, w.base.GoMinor, w.t.Arch)
			if err != nil {
				return nil, err
			}
			l.Go = append(l.Go, pin)
		}
		if w.base.Python != "" {
			pin, err := pinPython(w.base.Python, w.t.Arch)
			if err != nil {
				return nil, err
			}
			l.Python = append(l.Python, pin)
		}
		out = append(out, l)
	}
	return out, nil
}

// probePin pins the probe by its bytes.
func (a *Assembler) probePin(w want) (Locked, error) {
	id, err := "", error(nil)
	if w.base.Ref == spec.ScanRef {
		id, err = a.scannerID(w.t.Arch)
	} else {
		id, err = a.probeID(w.t.Arch, w.base.Ref == spec.TLSProbeRef)
	}
	if err != nil {
		return Locked{}, fmt.Errorf("reading the program of %s for %s: %w", w.base.Ref, w.t.Platform, err)
	}
	return Locked{Ref: w.base.Ref, Platform: w.t.Platform, Assembly: assembly, Probe: id}, nil
}

// npmWanted names the npm packages of a spec, as "name@version", which is a major or
// one release.
func npmWanted(base spec.Base, t spec.Target) []string {
	var wanted []string
	add := func(name, version string) {
		if version != "" {
			wanted = append(wanted, name+"@"+version)
		}
	}
	add(t.NPM, base.Node)
	add("npm", base.NPMMajor)
	add(t.Bun(), base.Bun)
	add(t.Deno(), base.Deno)
	return wanted
}

// newest pins the npm packages that specs want, by "name@version". Each is told
// as soon as it is found, by several goroutines.
func (a *Assembler) newest(ctx context.Context, wants []want, found func(NPMPin, spec.Target, bool)) (map[string]NPMPin, error) {
	m, err := a.mirrors(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	pins, asked := map[string]NPMPin{}, map[string]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(download.Parallel)
	for _, w := range wants {
		for _, key := range npmWanted(w.base, w.t) {
			if asked[key] {
				continue
			}
			asked[key] = true
			registry := m.registries().NPM
			if registry == "" {
				return nil, noNPM()
			}
			group.Go(func() error {
				at := strings.LastIndexByte(key, '@') // names may begin with one
				name, wanted := key[:at], key[at+1:]
				pin, err := newestNPM(ctx, a.packages, registry, name, wanted)
				if err == nil {
					if strings.Contains(wanted, ".") && pin.Version != wanted {
						a.events.Emit(event.Note{Warning: true, Text: fmt.Sprintf("the npm registry has no version %s of %s; the base has %s", wanted, name, pin.Version)})
					}
					found(pin, w.t, w.base.Headers)
				}
				mu.Lock()
				defer mu.Unlock()
				pins[key] = pin
				return err
			})
		}
	}
	return pins, group.Wait()
}

// openSuites opens the suite of a Debian release, its updates, and its security archive.
func (a *Assembler) openSuites(ctx context.Context, release spec.Release) ([]debian.OpenSuite, error) {
	m, err := a.mirrors(ctx)
	if err != nil {
		return nil, err
	}
	wanted := []debian.Suite{{Archive: debian.Main, Name: release.Name, Mirrors: m.Debian}}
	if release.Updates {
		wanted = append(wanted,
			debian.Suite{Archive: debian.Main, Name: release.Name + "-updates", Mirrors: m.Debian, Optional: true},
			debian.Suite{Archive: debian.Security, Name: release.Name + "-security", Mirrors: m.Security, Optional: true})
	}
	opened := make([]*debian.OpenSuite, len(wanted))
	group, gctx := errgroup.WithContext(ctx)
	for i, s := range wanted {
		group.Go(func() (err error) { opened[i], err = a.archives.Open(gctx, s); return err })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []debian.OpenSuite
	for i, o := range opened {
		if o == nil {
			a.events.Emit(event.Note{Warning: true, Text: "no configured mirror has the suite " + wanted[i].Name + "; bases are assembled without it"})
			continue
		}
		out = append(out, *o)
	}
	return out, nil
}
