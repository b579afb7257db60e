package baseimage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
)

// choose picks the packages of a spec from an index: the newest version of each
// and of what they depend on, when the spec wants closure and for More always.
// The result is sorted by name.
func choose(spec Spec, x *index) ([]DebPin, error) {
	chosen := map[string]candidate{}
	queue := slices.Concat(spec.Debian, spec.More)
	for i := 0; i < len(queue); i++ {
		name := queue[i]
		if _, have := chosen[name]; have {
			continue
		}
		c, ok, err := x.best(name)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, diag.Fail(diag.ExitBuild, "the Debian mirror has no package %q in %s, which %s needs", name, spec.Suite, spec.Ref).
				WithHint("the mirror may be incomplete; SLIPWAY_DEBIAN_MIRROR names another one")
		}
		chosen[name] = c
		if !spec.Closure && i < len(spec.Debian) {
			continue
		}
		for _, or := range c.depends {
			next, err := x.pick(or, chosen, spec)
			if err != nil {
				return nil, fmt.Errorf("package %s of %s: %w", name, spec.Ref, err)
			}
			if next != "" {
				queue = append(queue, next)
			}
		}
	}
	var pins []DebPin
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		pins = append(pins, chosen[name].pin)
	}
	return pins, nil
}

// pick returns the package that fulfils one of the alternatives: one that the
// spec wants or that is chosen already before a new one, a real package before
// a virtual one. "" means that the spec leaves it out on purpose.
func (x *index) pick(or []relation, chosen map[string]candidate, spec Spec) (string, error) {
	for _, r := range or {
		for _, name := range append([]string{r.name}, x.provides[r.name]...) {
			if _, have := chosen[name]; have || slices.Contains(spec.Debian, name) || slices.Contains(spec.More, name) {
				return name, nil
			}
		}
	}
	for _, r := range or {
		if slices.Contains(spec.Without, r.name) {
			return "", nil
		}
	}
	for _, r := range or {
		c, ok, err := x.best(r.name)
		if err != nil {
			return "", err
		}
		if ok && r.satisfied(c.version) {
			return r.name, nil
		}
		if providers := slices.Sorted(slices.Values(x.provides[r.name])); len(providers) > 0 {
			return providers[0], nil
		}
	}
	var names []string
	for _, r := range or {
		names = append(names, strings.TrimSpace(r.name+" "+r.op+" "+r.version))
	}
	return "", diag.Fail(diag.ExitBuild, "nothing on the Debian mirror provides %s", strings.Join(names, " or ")).
		WithHint("the mirror may be in the middle of an update: try again later")
}

// want is a base to be pinned for a platform.
type want struct {
	spec Spec
	t    target
}

// Resolve asks the mirrors for the newest versions of bases. It builds nothing
// and remembers nothing.
func (a *Assembler) Resolve(ctx context.Context, refs, platforms []string) (Lock, error) {
	targets, err := targetsOf(platforms)
	if err != nil {
		return Lock{}, err
	}
	var wants []want
	for _, ref := range refs {
		spec, err := SpecOf(ref)
		if err != nil {
			return Lock{}, err
		}
		for _, t := range targets {
			wants = append(wants, want{spec, t})
		}
	}
	resolved, err := a.resolve(ctx, wants, func(NPMPin, target, bool) {})
	out := Lock{Version: 1}
	for _, l := range resolved {
		out = out.With(l)
	}
	return out, err
}

// resolve pins bases. Indexes and registry documents are asked for side by side;
// npm packages are told as soon as they are found.
func (a *Assembler) resolve(ctx context.Context, wants []want, found func(NPMPin, target, bool)) ([]Locked, error) {
	var out []Locked
	byTarget := map[target][]Spec{}
	for _, w := range wants {
		if w.spec.Role != plan.RoleProbe {
			byTarget[w.t] = append(byTarget[w.t], w.spec)
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
	a.events.Emit(event.Note{Text: "asking the Debian mirror and the npm registry for the newest packages"})
	var suites []openSuite
	var npm map[string]NPMPin
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { suites, err = a.openSuites(gctx); return err })
	group.Go(func() (err error) { npm, err = a.newest(gctx, byTarget, found); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, t := range slices.SortedFunc(maps.Keys(byTarget), func(a, b target) int { return strings.Compare(a.platform, b.platform) }) {
		c := a.chooser(ctx, suites, t)
		for _, spec := range byTarget[t] {
			l := Locked{Ref: spec.Ref, Platform: t.platform, Suite: spec.Suite, Assembly: assembly}
			var err error
			if l.Debian, err = c.choose(spec); err != nil {
				return nil, err
			}
			for _, key := range npmWanted(spec, t) {
				l.NPM = append(l.NPM, npm[key])
			}
			if spec.GoMinor != "" {
				pin, err := a.newestGo(ctx, spec.GoMinor, t.arch)
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
	id, err := a.probeID(w.t.arch, w.spec.Ref == TLSProbeRef)
	if err != nil {
		return Locked{}, fmt.Errorf("reading the probe for %s: %w", w.t.platform, err)
	}
	return Locked{Ref: w.spec.Ref, Platform: w.t.platform, Assembly: assembly, Probe: id}, nil
}

// npmWanted names the npm packages of a spec, as "name@major".
func npmWanted(spec Spec, t target) []string {
	if spec.NodeMajor == "" {
		return nil
	}
	wanted := []string{t.npm + "@" + spec.NodeMajor}
	if spec.NPMMajor != "" {
		wanted = append(wanted, "npm@"+spec.NPMMajor)
	}
	return wanted
}

// newest pins the npm packages that specs want, by "name@major". Each is told
// as soon as it is found, by several goroutines.
func (a *Assembler) newest(ctx context.Context, specs map[target][]Spec, found func(NPMPin, target, bool)) (map[string]NPMPin, error) {
	m, err := a.mirrors(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	pins, asked := map[string]NPMPin{}, map[string]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelDownloads)
	for t, list := range specs {
		for _, spec := range list {
			for _, key := range npmWanted(spec, t) {
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
					pin, err := newestNPM(ctx, a.packages.fetch, registry, name, major)
					if err == nil {
						found(pin, t, spec.Headers)
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
func (a *Assembler) openSuites(ctx context.Context) ([]openSuite, error) {
	m, err := a.mirrors(ctx)
	if err != nil {
		return nil, err
	}
	wanted := []suiteOf{
		{archiveMain, Suite, m.Debian, false},
		{archiveMain, Suite + "-updates", m.Debian, true},
		{archiveSecurity, Suite + "-security", m.Security, true},
	}
	opened := make([]*openSuite, len(wanted))
	group, gctx := errgroup.WithContext(ctx)
	for i, s := range wanted {
		group.Go(func() (err error) { opened[i], err = a.archives.open(gctx, s); return err })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []openSuite
	for i, o := range opened {
		if o == nil {
			a.events.Emit(event.Note{Warning: true, Text: "no configured mirror has the suite " + wanted[i].suite + "; bases come without it"})
			continue
		}
		out = append(out, *o)
	}
	return out, nil
}
