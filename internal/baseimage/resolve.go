package baseimage

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
	byTarget := map[spec.Target][]spec.Base{}
	for _, w := range wants {
		if w.base.Role != plan.RoleProbe {
			byTarget[w.t] = append(byTarget[w.t], w.base)
			continue
		}
		l, err := a.probePin(w)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	if len(byTarget) == 0 {
		return out, nil
	}
	a.events.Emit(event.Note{Text: "querying the Debian mirror and the npm registry for the newest packages"})
	var suites []debian.OpenSuite
	var npm map[string]NPMPin
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { suites, err = a.openSuites(gctx); return err })
	group.Go(func() (err error) { npm, err = a.newest(gctx, byTarget, found); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, t := range slices.SortedFunc(maps.Keys(byTarget), func(a, b spec.Target) int { return strings.Compare(a.Platform, b.Platform) }) {
		c := a.chooser(ctx, suites, t)
		for _, base := range byTarget[t] {
			l := Locked{Ref: base.Ref, Platform: t.Platform, Suite: base.Suite, Assembly: assembly}
			var err error
			if l.Debian, err = c.choose(base); err != nil {
				return nil, err
			}
			for _, key := range npmWanted(base, t) {
				l.NPM = append(l.NPM, npm[key])
			}
			if base.GoMinor != "" {
				pin, err := a.newestGo(ctx, base.GoMinor, t.Arch)
				if err != nil {
					return nil, err
				}
				l.Go = append(l.Go, pin)
			}
			out = append(out, l)
		}
	}
	return out, nil
}

// probePin pins the probe by its bytes.
func (a *Assembler) probePin(w want) (Locked, error) {
	id, err := a.probeID(w.t.Arch, w.base.Ref == spec.TLSProbeRef)
	if err != nil {
		return Locked{}, fmt.Errorf("reading the probe for %s: %w", w.t.Platform, err)
	}
	return Locked{Ref: w.base.Ref, Platform: w.t.Platform, Assembly: assembly, Probe: id}, nil
}

// npmWanted names the npm packages of a spec, as "name@major".
func npmWanted(base spec.Base, t spec.Target) []string {
	if base.NodeMajor == "" {
		return nil
	}
	wanted := []string{t.NPM + "@" + base.NodeMajor}
	if base.NPMMajor != "" {
		wanted = append(wanted, "npm@"+base.NPMMajor)
	}
	return wanted
}

// newest pins the npm packages that specs want, by "name@major". Each is told
// as soon as it is found, by several goroutines.
func (a *Assembler) newest(ctx context.Context, specs map[spec.Target][]spec.Base, found func(NPMPin, spec.Target, bool)) (map[string]NPMPin, error) {
	m, err := a.mirrors(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	pins, asked := map[string]NPMPin{}, map[string]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(download.Parallel)
	for t, list := range specs {
		for _, base := range list {
			for _, key := range npmWanted(base, t) {
				if asked[key] {
					continue
				}
				asked[key] = true
				registry := m.registries().NPM
				if registry == "" {
					return nil, noNPM()
				}
				group.Go(func() error {
					name, major, _ := strings.Cut(key, "@")
					pin, err := newestNPM(ctx, a.packages, registry, name, major)
					if err == nil {
						found(pin, t, base.Headers)
					}
					mu.Lock()
					defer mu.Unlock()
					pins[key] = pin
					return err
				})
			}
		}
	}
	return pins, group.Wait()
}

// openSuites opens the suite of bases, its updates, and its security archive.
func (a *Assembler) openSuites(ctx context.Context) ([]debian.OpenSuite, error) {
	m, err := a.mirrors(ctx)
	if err != nil {
		return nil, err
	}
	wanted := []debian.Suite{
		{Archive: debian.Main, Name: spec.Suite, Mirrors: m.Debian},
		{Archive: debian.Main, Name: spec.Suite + "-updates", Mirrors: m.Debian, Optional: true},
		{Archive: debian.Security, Name: spec.Suite + "-security", Mirrors: m.Security, Optional: true},
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
