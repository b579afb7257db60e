package baseimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
)

// Built is a base in the store.
type Built struct {
	Index     v1.Hash
	Platforms map[string]v1.Hash // manifest digests by "linux/arm64"
	Pins      []Locked           // one a platform, with the digest of this compression
}

// Ensure makes bases that are missing in the store and returns all by name.
// Pins come from the repository's lock, else from an earlier resolution, else
// from the mirrors. Bases that are there cost a few file reads and no network.
func (a *Assembler) Ensure(ctx context.Context, refs, platforms []string) (map[string]Built, error) {
	targets, err := spec.TargetsOf(platforms)
	if err != nil {
		return nil, err
	}
	ahead, stop := a.ahead(ctx)
	defer stop()
	pins, err := a.pins(ctx, refs, targets, ahead)
	if err != nil {
		return nil, err
	}
	return a.ensure(ctx, pins)
}

// Ready returns what Ensure would if that had neither to ask a mirror nor to make
// anything, else false.
func (a *Assembler) Ready(ctx context.Context, refs, platforms []string) (map[string]Built, bool) {
	targets, err := spec.TargetsOf(platforms)
	if err != nil {
		return nil, false
	}
	pins, missing, err := a.known(refs, targets)
	if err != nil || slices.ContainsFunc(missing, func(w want) bool { return w.base.Role != plan.RoleProbe }) {
		return nil, false
	}
	if err := a.find(ctx, pins, missing, func(NPMPin, spec.Target, bool) {}); err != nil {
		return nil, false
	}
	out := map[string]Built{}
	for _, ref := range sorted(pins) {
		b, err := a.stored(ctx, ref, pins[ref])
		if err != nil || b == nil {
			return nil, false
		}
		out[ref] = *b
	}
	return out, true
}

// ensure returns the bases of the pins, and builds those that are missing.
func (a *Assembler) ensure(ctx context.Context, pins map[string][]Locked) (map[string]Built, error) {
	out := map[string]Built{}
	var missing []string
	for _, ref := range sorted(pins) {
		b, err := a.stored(ctx, ref, pins[ref])
		if err != nil {
			return nil, err
		}
		if b == nil {
			missing = append(missing, ref)
			continue
		}
		out[ref] = *b
	}
	if len(missing) == 0 {
		return out, nil
	}
	download.ClearAbandoned(a.events, a.packages.Dir(), a.stateDir)
	stop, err := a.prefetch(ctx, missing, pins)
	defer stop()
	if err != nil {
		return nil, err
	}
	for _, ref := range missing {
		b, err := a.build(ctx, ref, pins[ref])
		if err != nil {
			return nil, err
		}
		out[ref] = *b
	}
	return out, nil
}

// ahead returns what makes layers of npm packages while the rest of a base is
// still being resolved, one at a time as Node.js takes memory: it is the largest
// part of its base. Errors are left to whoever needs the layer. stop ends it and
// waits.
func (a *Assembler) ahead(ctx context.Context) (begin func(NPMPin, spec.Target, bool), stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	slot := make(chan struct{}, 1)
	begin = func(p NPMPin, t spec.Target, headers bool) {
		running.Go(func() {
			select {
			case slot <- struct{}{}:
				defer func() { <-slot }()
				_, _ = a.layerOf(ctx, a.npmPart(p, t, headers))
			case <-ctx.Done():
			}
		})
	}
	return begin, func() { cancel(); running.Wait() }
}

// pins returns what each base is made of, by ref, in the order of the targets.
// npm packages are told as soon as they are found, with whether headers are wanted.
func (a *Assembler) pins(ctx context.Context, refs []string, targets []spec.Target, found func(NPMPin, spec.Target, bool)) (map[string][]Locked, error) {
	out, missing, err := a.known(refs, targets)
	if err != nil {
		return nil, err
	}
	return out, a.find(ctx, out, missing, found)
}

// known returns the pins that there are already, with those that are missing in their
// places.
func (a *Assembler) known(refs []string, targets []spec.Target) (map[string][]Locked, []want, error) {
	out := map[string][]Locked{}
	var missing []want
	for _, ref := range slices.Compact(slices.Sorted(slices.Values(refs))) {
		base, err := spec.Of(ref)
		if err != nil {
			return nil, nil, err
		}
		for _, t := range targets {
			l, ok := a.pinned(base, t.Platform)
			if ok && l.Assembly != assemblyOf(l.Ref) {
				return nil, nil, outdated(l)
			}
			if !ok {
				missing = append(missing, want{base, t})
				l = Locked{Ref: ref, Platform: t.Platform}
			}
			out[ref] = append(out[ref], l)
		}
	}
	return out, missing, nil
}

// find resolves the pins that are missing, puts them into their places, and remembers them.
func (a *Assembler) find(ctx context.Context, pins map[string][]Locked, missing []want, found func(NPMPin, spec.Target, bool)) error {
	resolved, err := a.resolve(ctx, missing, found)
	if err != nil {
		return err
	}
	for _, l := range resolved {
		i := slices.IndexFunc(pins[l.Ref], func(o Locked) bool { return o.Platform == l.Platform })
		pins[l.Ref][i] = l
		if err := a.remember(l); err != nil {
			return err
		}
	}
	return nil
}

// pinned returns the pins of the repository's lock, else those of an earlier
// resolution. The probe is never pinned: it is this slipway's own.
func (a *Assembler) pinned(base spec.Base, platform string) (Locked, bool) {
	if base.Role == plan.RoleProbe {
		return Locked{}, false
	}
	if l, ok := a.lock.Find(base.Ref, platform); ok {
		return l, true
	}
	l, err := ReadLock(a.resolvedFile(base, platform))
	if err != nil || len(l.Bases) != 1 || l.Bases[0].Assembly != assemblyOf(base.Ref) {
		return Locked{}, false
	}
	return l.Find(base.Ref, platform)
}

func (a *Assembler) remember(l Locked) error {
	base, err := spec.Of(l.Ref)
	if err != nil {
		return err
	}
	return WriteLock(a.resolvedFile(base, l.Platform), Lock{Version: 1, Bases: []Locked{l}})
}

// resolvedSources is part of the names of resolutions. Raise it when earlier ones
// must not be used: those before 2 may come from the registry of some repository's
// .npmrc.
const resolvedSources = " from the sources of the machine, 2"

// resolvedFile is where the last resolution of a base lies. Its name has the
// packages that the base wants, so that a resolution by a slipway that wanted others
// is not taken for one.
func (a *Assembler) resolvedFile(base spec.Base, platform string) string {
	recipe, err := json.Marshal(base)
	if err != nil {
		panic(err) // strings only
	}
	sum := sha256.Sum256(fmt.Append(recipe, platform, resolvedSources))
	name := strings.NewReplacer("/", "_", ":", "_").Replace(base.Ref + "_" + platform)
	const longest = 150 // names of files end at 255 bytes
	return filepath.Join(a.stateDir, "resolved", name[:min(len(name), longest)]+"_"+hex.EncodeToString(sum[:8])+".lock")
}

// outdated is the failure of pins that another slipway made, whose recipe for the
// base was another one.
func outdated(l Locked) error {
	return diag.Fail(diag.ExitUsage, "%s was pinned by another version of slipway (assembly %d, this one does %d)", l.Ref, l.Assembly, assemblyOf(l.Ref)).
		WithHint("slipway bases lock")
}

// stored returns the base if the store has it as pinned, by this recipe, else nil.
func (a *Assembler) stored(ctx context.Context, ref string, pins []Locked) (*Built, error) {
	index, err := a.store.Lookup(ctx, ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for %s: %w", ref, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("reading the index of %s: %w", ref, err)
	}
	b := &Built{Platforms: map[string]v1.Hash{}}
	if b.Index, err = index.Digest(); err != nil {
		return nil, err
	}
	for _, l := range pins {
		known, err := os.ReadFile(a.builtFile(l))
		if err != nil || l.Assembly != assemblyOf(l.Ref) {
			return nil, nil
		}
		i := slices.IndexFunc(manifest.Manifests, func(d v1.Descriptor) bool { return d.Digest.String() == string(known) })
		if i < 0 {
			return nil, nil
		}
		if err := l.settle(a.compression, string(known)); err != nil {
			return nil, err
		}
		b.Platforms[l.Platform] = manifest.Manifests[i].Digest
		b.Pins = append(b.Pins, l)
	}
	return b, nil
}

// builtFile holds the digest that pins came out with.
func (a *Assembler) builtFile(l Locked) string {
	return filepath.Join(a.stateDir, "built", l.key(a.compression))
}

// settle enters the digest that the base came out with; it must be the one that
// the lock has, if it has one.
func (l *Locked) settle(c Compression, digest string) error {
	field := l.digest(c)
	if *field != "" && *field != digest {
		return diag.Fail(diag.ExitBuild, "%s for %s has the digest %s, but the lock pins %s", l.Ref, l.Platform, digest, *field).
			WithHint("if slipway.lock was not edited by hand, this is a defect of slipway: the same packages must give the same image; `slipway bases lock` pins the new digest")
	}
	*field = digest
	return nil
}

// build assembles a base for all pinned platforms and stores it.
func (a *Assembler) build(ctx context.Context, ref string, pins []Locked) (*Built, error) {
	b := &Built{Platforms: map[string]v1.Hash{}}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, l := range pins {
		a.events.Emit(event.Note{Text: "assembling the base " + ref + " for " + l.Platform})
		img, err := a.Image(ctx, l)
		if err != nil {
			return nil, err
		}
		digest, err := img.Digest()
		if err != nil {
			return nil, err
		}
		if err := l.settle(a.compression, digest.String()); err != nil {
			return nil, err
		}
		platform, err := v1.ParsePlatform(l.Platform)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: platform}})
		b.Platforms[l.Platform] = digest
		b.Pins = append(b.Pins, l)
	}
	hash, err := a.store.Write(ctx, ref, index)
	if err != nil {
		return nil, fmt.Errorf("storing %s: %w", ref, err)
	}
	b.Index = hash
	for _, l := range b.Pins {
		if err := writeFile(a.builtFile(l), []byte(*l.digest(a.compression))); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// prefetch starts to download what the layers of bases will want, so that the
// network is busy while layers are compressed. Errors are left to whoever needs
// the package. The returned function ends it and waits.
func (a *Assembler) prefetch(ctx context.Context, refs []string, pins map[string][]Locked) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	stop = func() { cancel(); running.Wait() }
	for _, ref := range refs {
		for _, l := range pins[ref] {
			t, err := spec.TargetOf(l.Platform)
			if err != nil {
				return stop, err
			}
			parts, err := a.parts(l, t)
			if err != nil {
				return stop, err
			}
			for _, p := range parts {
				if a.layers.get(p.key) == nil {
					running.Go(func() { _ = p.fetch(ctx) })
				}
			}
		}
	}
	return stop, nil
}
