package baseimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/plan"
)

// Status is what is known locally of one base on one platform.
type Status struct {
	Ref          string    `json:"ref"`
	Role         plan.Role `json:"role"`
	Platform     string    `json:"platform"`
	Pinned       string    `json:"pinned"` // "slipway.lock", "local" or "" for not at all
	Node         string    `json:"node,omitempty"`
	NPM          string    `json:"npm,omitempty"`
	Packages     int       `json:"debian_packages"`
	Digest       string    `json:"digest,omitempty"` // empty: not built
	SizeBytes    int64     `json:"size_bytes,omitempty"`
	PackedBytes  int64     `json:"compressed_size_bytes,omitempty"`
	LayersNumber int       `json:"layers,omitempty"`
}

// List returns the bases for platforms, built or not. It does not use the
// network.
func (a *Assembler) List(ctx context.Context, platforms []string) ([]Status, error) {
	targets, err := spec.TargetsOf(platforms)
	if err != nil {
		return nil, err
	}
	var out []Status
	for _, ref := range spec.Refs() {
		base, err := spec.Of(ref)
		if err != nil {
			return nil, err
		}
		for _, t := range targets {
			s, err := a.status(ctx, base, t)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
	return out, nil
}

func (a *Assembler) status(ctx context.Context, base spec.Base, t spec.Target) (Status, error) {
	s := Status{Ref: base.Ref, Role: base.Role, Platform: t.Platform}
	l, ok := a.pinned(base, t.Platform)
	if base.Role == plan.RoleProbe {
		var err error
		if l, err = a.probePin(want{base, t}); err != nil {
			return s, nil // a slipway without a probe lists it as not built
		}
	} else if !ok {
		return s, nil
	} else if s.Pinned = "local"; a.lockHas(base.Ref, t.Platform) {
		s.Pinned = LockName
	}
	s.Packages = len(l.Debian)
	for _, p := range l.NPM {
		switch p.Name {
		case t.NPM:
			s.Node = p.Version
		case "npm":
			s.NPM = p.Version
		}
	}
	b, err := a.stored(ctx, base.Ref, []Locked{l})
	if err != nil || b == nil {
		return s, err
	}
	s.Digest = b.Platforms[t.Platform].String()
	return s, a.measure(l, t, &s)
}

func (a *Assembler) lockHas(ref, platform string) bool {
	_, ok := a.lock.Find(ref, platform)
	return ok
}

// measure adds the sizes of the layers as far as they are known here.
func (a *Assembler) measure(l Locked, t spec.Target, s *Status) error {
	parts, err := a.parts(l, t)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if made := a.layers.get(p.key); made != nil {
			s.LayersNumber++
			s.SizeBytes += made.TarBytes
			s.PackedBytes += made.Bytes
		}
	}
	return nil
}

// Change is a package whose version an update changed; Old or New is empty for
// one that came or went.
type Change struct {
	Ref      string `json:"ref"`
	Platform string `json:"platform"`
	Package  string `json:"package"`
	Old      string `json:"old,omitempty"`
	New      string `json:"new,omitempty"`
}

// Update resolves bases anew, builds them, and returns their pins with the
// changes against the pins so far. From now on this Assembler uses the new pins;
// a repository's lock file is the caller's to write.
func (a *Assembler) Update(ctx context.Context, refs, platforms []string) (Lock, []Change, error) {
	targets, err := spec.TargetsOf(platforms)
	if err != nil {
		return Lock{}, nil, err
	}
	refs = withoutProbe(refs)
	resolved, err := a.Resolve(ctx, refs, platforms)
	if err != nil {
		return Lock{}, nil, err
	}
	var changes []Change
	pins := map[string][]Locked{}
	for _, ref := range refs {
		base, err := spec.Of(ref)
		if err != nil {
			return Lock{}, nil, err
		}
		for _, t := range targets {
			fresh, _ := resolved.Find(ref, t.Platform)
			if old, ok := a.pinned(base, t.Platform); ok {
				changes = append(changes, differences(old, fresh)...)
			}
			pins[ref] = append(pins[ref], fresh)
		}
	}
	built, err := a.ensure(ctx, pins)
	if err != nil {
		return Lock{}, nil, err
	}
	out := lockOf(built)
	for _, l := range out.Bases { // only now: a resolution that cannot be built is not kept
		if err := a.remember(l); err != nil {
			return Lock{}, nil, err
		}
	}
	a.lock = out.over(a.lock)
	return out, changes, nil
}

// Pin returns the lock of bases as they are pinned now, with the digests that
// they are built with. Those that another version of slipway has pinned are
// resolved anew. What the lock so far pins beside them stays.
func (a *Assembler) Pin(ctx context.Context, refs, platforms []string) (Lock, error) {
	before := a.lock
	a.lock.Bases = slices.DeleteFunc(slices.Clone(a.lock.Bases), func(l Locked) bool { return l.Assembly != assemblyOf(l.Ref) })
	built, err := a.Ensure(ctx, withoutProbe(refs), platforms)
	if err != nil {
		return Lock{}, err
	}
	a.lock = lockOf(built).over(before)
	return a.lock, nil
}

func withoutProbe(refs []string) []string {
	return slices.DeleteFunc(slices.Clone(refs), func(r string) bool { return spec.Program(r) })
}

func lockOf(built map[string]Built) Lock {
	l := Lock{Version: 1}
	for _, b := range built {
		for _, p := range b.Pins {
			l = l.With(p)
		}
	}
	return l
}

// over returns the lock with what another one has beside it.
func (l Lock) over(below Lock) Lock {
	for _, b := range l.Bases {
		below = below.With(b)
	}
	below.Version = 1
	return below
}

// differences lists the packages whose versions differ, by name.
func differences(old, fresh Locked) []Change {
	versions := map[string][2]string{}
	for i, l := range []Locked{old, fresh} {
		for _, p := range l.Debian {
			v := versions[p.Name]
			v[i] = p.Version
			versions[p.Name] = v
		}
		for _, p := range l.NPM {
			v := versions[p.Name]
			v[i] = p.Version
			versions[p.Name] = v
		}
		for _, p := range l.Go {
			v := versions["go"]
			v[i] = p.Version
			versions["go"] = v
		}
		for _, p := range l.Python {
			v := versions["python"]
			v[i] = p.Version
			versions["python"] = v
		}
	}
	var out []Change
	for _, name := range sorted(versions) {
		if v := versions[name]; v[0] != v[1] {
			out = append(out, Change{fresh.Ref, fresh.Platform, name, v[0], v[1]})
		}
	}
	return out
}

// Base returns the image of a built base from the store. The error is
// fs.ErrNotExist when it is not there.
func (a *Assembler) Base(ctx context.Context, ref, platform string) (v1.Image, error) {
	index, err := a.store.Lookup(ctx, ref)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("reading the index of %s: %w", ref, err)
	}
	for _, d := range manifest.Manifests {
		if d.Platform != nil && d.Platform.OS+"/"+d.Platform.Architecture == platform {
			return index.Image(d.Digest)
		}
	}
	return nil, errors.Join(fmt.Errorf("%s has no image for %s", ref, platform), fs.ErrNotExist)
}
