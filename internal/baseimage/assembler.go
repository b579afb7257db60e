package baseimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
)

// Store keeps finished images by name. Lookup's error is fs.ErrNotExist when
// there is none of that name.
type Store interface {
	Write(ctx context.Context, name string, index v1.ImageIndex) (v1.Hash, error)
	Lookup(ctx context.Context, name string) (v1.ImageIndex, error)
}

// Options of an Assembler. PackagesDir, StateDir and Store are required.
type Options struct {
	PackagesDir string // downloads, by digest; may be shared and may be deleted
	StateDir    string // resolutions and compressed layers
	Store       Store
	Lock        Lock                                   // of the repository; may be empty
	Mirrors     func(context.Context) (Mirrors, error) // asked at most once, when the network is needed
	Keyring     string                                 // file of archive keys; empty: Debian's
	HTTP        *http.Client                           // nil: http.DefaultClient
	Probe       func(arch string) ([]byte, error)      // the static probe binary; nil: there is none
	Events      event.Sink                             // nil: discarded
	Compression Compression
	Now         func() time.Time                                 // nil: time.Now
	Sleep       func(ctx context.Context, d time.Duration) error // between tries; nil: sleeps
}

// Assembler makes base images. Safe for concurrent use.
type Assembler struct {
	stateDir    string
	store       Store
	lock        Lock
	mirrors     func(context.Context) (Mirrors, error)
	archives    *archiveReader
	packages    *cache
	layers      layers
	compression Compression
	probe       func(arch string) ([]byte, error)
	events      event.Sink
	making      sync.Map // layer key to *sync.Mutex
	downloads   chan struct{}
}

// parallelDownloads is how many files are fetched at a time.
const parallelDownloads = 8

// New makes an Assembler. It touches neither disk nor network, but for the
// keyring file when one is named.
func New(o Options) (*Assembler, error) {
	keys, err := archiveKeys(o.Keyring)
	if err != nil {
		return nil, err
	}
	if o.Events == nil {
		o.Events = event.Discard{}
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = pauseFor
	}
	if o.Probe == nil {
		o.Probe = func(string) ([]byte, error) {
			return nil, errors.New("this slipway was built without the probe binary")
		}
	}
	a := &Assembler{
		stateDir: o.StateDir, store: o.Store, lock: o.Lock, compression: o.Compression.orDefault(), probe: o.Probe, events: o.Events,
		downloads: make(chan struct{}, parallelDownloads),
	}
	a.mirrors = onceMirrors(o.Mirrors)
	fetch := &fetcher{client: o.HTTP, sleep: o.Sleep, token: a.token}
	a.packages = &cache{dir: o.PackagesDir, fetch: fetch, events: o.Events}
	a.archives = &archiveReader{cache: a.packages, keys: keys, now: o.Now, events: o.Events}
	a.layers = layers{dir: filepath.Join(o.StateDir, "layers"), compression: a.compression}
	return a, nil
}

func onceMirrors(find func(context.Context) (Mirrors, error)) func(context.Context) (Mirrors, error) {
	var mu sync.Mutex
	var found *Mirrors
	return func(ctx context.Context) (Mirrors, error) {
		mu.Lock()
		defer mu.Unlock()
		if found == nil {
			if find == nil {
				return Mirrors{}, errors.New("no mirrors are configured")
			}
			m, err := find(ctx)
			if err != nil {
				return Mirrors{}, err
			}
			found = &m
		}
		return *found, nil
	}
}

// token is what the npm registry wants to see; no other address gets it.
func (a *Assembler) token(address string) string {
	m, err := a.mirrors(context.Background())
	if err != nil || m.NPMToken == "" || !strings.HasPrefix(address, m.NPM+"/") {
		return ""
	}
	return m.NPMToken
}

func (a *Assembler) debAddresses(ctx context.Context, p DebPin) func() ([]string, error) {
	return func() ([]string, error) {
		m, err := a.mirrors(ctx)
		if err != nil {
			return nil, err
		}
		bases := m.Debian
		if p.Archive == archiveSecurity {
			bases = m.Security
		}
		var out []string
		for _, b := range bases {
			out = append(out, b+"/"+p.Path)
		}
		return out, nil
	}
}

func (a *Assembler) npmAddresses(ctx context.Context, p NPMPin) func() ([]string, error) {
	return func() ([]string, error) {
		m, err := a.mirrors(ctx)
		if err != nil {
			return nil, err
		}
		return []string{p.address(m.NPM)}, nil
	}
}

// Built is a base in the store.
type Built struct {
	Index     v1.Hash
	Platforms map[string]v1.Hash // manifest digests by "linux/arm64"
	Pins      []Locked           // with the digests filled in
}

// Ensure makes bases that are missing in the store and returns all. Pins come
// from the repository's lock, else from an earlier resolution, else from the
// mirrors. Bases that are there cost a few file reads and no network.
func (a *Assembler) Ensure(ctx context.Context, refs, platforms []string) (map[string]Built, error) {
	targets, err := targetsOf(platforms)
	if err != nil {
		return nil, err
	}
	pins, err := a.pins(ctx, refs, targets)
	if err != nil {
		return nil, err
	}
	out := map[string]Built{}
	for _, ref := range slices.Sorted(maps.Keys(pins)) {
		b, err := a.stored(ctx, ref, pins[ref])
		if err != nil {
			return nil, err
		}
		if b == nil {
			if b, err = a.build(ctx, ref, pins[ref]); err != nil {
				return nil, err
			}
		}
		out[ref] = *b
	}
	return out, nil
}

// pins returns what each ref is made of, by ref, in the order of the targets.
func (a *Assembler) pins(ctx context.Context, refs []string, targets []target) (map[string][]Locked, error) {
	out := map[string][]Locked{}
	type want struct {
		spec Spec
		t    target
	}
	var missing []want
	for _, ref := range slices.Compact(slices.Sorted(slices.Values(refs))) {
		spec, err := SpecOf(ref)
		if err != nil {
			return nil, err
		}
		for _, t := range targets {
			if l, ok := a.lock.Find(ref, t.platform); ok && spec.Role != plan.RoleProbe {
				out[ref] = append(out[ref], l)
			} else if l, ok := a.remembered(ref, t.platform); ok && spec.Role != plan.RoleProbe {
				out[ref] = append(out[ref], l)
			} else {
				missing = append(missing, want{spec, t})
				out[ref] = append(out[ref], Locked{Ref: ref, Platform: t.platform})
			}
		}
	}
	byTarget := map[target][]Spec{}
	for _, w := range missing {
		byTarget[w.t] = append(byTarget[w.t], w.spec)
	}
	for _, t := range targets {
		resolved, err := a.resolve(ctx, byTarget[t], t)
		if err != nil {
			return nil, err
		}
		for _, l := range resolved {
			i := slices.IndexFunc(out[l.Ref], func(o Locked) bool { return o.Platform == l.Platform })
			out[l.Ref][i] = l
			if err := a.remember(l); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// Resolve asks the mirrors for the newest versions of bases. It builds nothing
// and remembers nothing.
func (a *Assembler) Resolve(ctx context.Context, refs, platforms []string) (Lock, error) {
	targets, err := targetsOf(platforms)
	if err != nil {
		return Lock{}, err
	}
	var specs []Spec
	for _, ref := range refs {
		spec, err := SpecOf(ref)
		if err != nil {
			return Lock{}, err
		}
		specs = append(specs, spec)
	}
	out := Lock{Version: 1}
	for _, t := range targets {
		resolved, err := a.resolve(ctx, specs, t)
		if err != nil {
			return Lock{}, err
		}
		for _, l := range resolved {
			out = out.With(l)
		}
	}
	return out, nil
}

// resolve pins specs for one target.
func (a *Assembler) resolve(ctx context.Context, specs []Spec, t target) ([]Locked, error) {
	var x *index
	npm := map[string]NPMPin{}
	var out []Locked
	for _, spec := range specs {
		l := Locked{Ref: spec.Ref, Platform: t.platform, Suite: spec.Suite, Assembly: assembly}
		if spec.Role == plan.RoleProbe {
			data, err := a.probe(t.arch)
			if err != nil {
				return nil, fmt.Errorf("reading the probe for %s: %w", t.platform, err)
			}
			sum := sha256.Sum256(data)
			l.Probe = hex.EncodeToString(sum[:])
			out = append(out, l)
			continue
		}
		var err error
		if x == nil {
			if x, err = a.index(ctx, t); err != nil {
				return nil, err
			}
		}
		if l.Debian, err = choose(spec, x); err != nil {
			return nil, err
		}
		if l.NPM, err = a.newestOf(ctx, spec, t, npm); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// newestOf pins the npm packages of a spec; known keeps what was asked before.
func (a *Assembler) newestOf(ctx context.Context, spec Spec, t target, known map[string]NPMPin) ([]NPMPin, error) {
	m, err := a.mirrors(ctx)
	if err != nil {
		return nil, err
	}
	var pins []NPMPin
	for _, p := range [][2]string{{t.npm, spec.NodeMajor}, {"npm", spec.NPMMajor}} {
		if p[1] == "" {
			continue
		}
		key := p[0] + "@" + p[1]
		if _, ok := known[key]; !ok {
			if known[key], err = newestNPM(ctx, a.packages.fetch, m.NPM, p[0], p[1]); err != nil {
				return nil, err
			}
		}
		pins = append(pins, known[key])
	}
	return pins, nil
}

// index reads the signed indexes of the suite, of its updates, and of its
// security archive for one architecture.
func (a *Assembler) index(ctx context.Context, t target) (*index, error) {
	m, err := a.mirrors(ctx)
	if err != nil {
		return nil, err
	}
	x := newIndex()
	for _, s := range []suiteOf{
		{archiveMain, Suite, m.Debian, false},
		{archiveMain, Suite + "-updates", m.Debian, true},
		{archiveSecurity, Suite + "-security", m.Security, true},
	} {
		r, mirror, ok, err := a.archives.open(ctx, s)
		if err != nil {
			return nil, err
		}
		if !ok {
			a.events.Emit(event.Note{Warning: true, Text: "no configured mirror has the suite " + s.suite + "; bases come without it"})
			continue
		}
		if err := a.archives.read(ctx, s, r, mirror, t.arch, x); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// remembered returns the resolution that an earlier build of a base used.
func (a *Assembler) remembered(ref, platform string) (Locked, bool) {
	l, err := ReadLock(a.resolvedFile(ref, platform))
	if err != nil || len(l.Bases) != 1 || l.Bases[0].Assembly != assembly {
		return Locked{}, false
	}
	return l.Find(ref, platform)
}

func (a *Assembler) remember(l Locked) error {
	return WriteLock(a.resolvedFile(l.Ref, l.Platform), Lock{Version: 1, Bases: []Locked{l}})
}

func (a *Assembler) resolvedFile(ref, platform string) string {
	return filepath.Join(a.stateDir, "resolved", strings.NewReplacer("/", "_", ":", "_").Replace(ref+"_"+platform)+".lock")
}

// stored returns the base if the store has it as pinned, else nil.
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
		if err != nil {
			return nil, nil
		}
		i := slices.IndexFunc(manifest.Manifests, func(d v1.Descriptor) bool { return d.Digest.String() == string(known) })
		if i < 0 {
			return nil, nil
		}
		b.Platforms[l.Platform] = manifest.Manifests[i].Digest
		*l.digest(a.compression) = string(known)
		b.Pins = append(b.Pins, l)
	}
	return b, nil
}

func (a *Assembler) builtFile(l Locked) string {
	return filepath.Join(a.stateDir, "built", l.key(a.compression))
}

// build assembles a base for all pinned platforms and stores it.
func (a *Assembler) build(ctx context.Context, ref string, pins []Locked) (*Built, error) {
	a.prefetch(ctx, pins)
	b := &Built{Platforms: map[string]v1.Hash{}}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, l := range pins {
		img, err := a.Image(ctx, l)
		if err != nil {
			return nil, err
		}
		digest, err := img.Digest()
		if err != nil {
			return nil, err
		}
		if want := *l.digest(a.compression); want != "" && want != digest.String() {
			return nil, diag.Fail(diag.ExitBuild, "%s for %s came out as %s, but the lock pins %s", ref, l.Platform, digest, want).
				WithHint("the same packages must give the same image: this is a defect of slipway, please report it; `slipway bases lock` pins the new digest")
		}
		*l.digest(a.compression) = digest.String()
		t, err := targetOf(l.Platform)
		if err != nil {
			return nil, err
		}
		platform := &v1.Platform{OS: "linux", Architecture: t.arch}
		if t.arch == "arm64" {
			platform.Variant = "v8"
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

// prefetch downloads what layers will want, side by side. Errors are left to
// whoever needs the package.
func (a *Assembler) prefetch(ctx context.Context, pins []Locked) {
	var group errgroup.Group
	group.SetLimit(parallelDownloads)
	for _, l := range pins {
		for _, p := range l.NPM {
			if want, err := contentOfIntegrity(p.Integrity); err == nil {
				group.Go(func() error {
					return a.packages.fill(ctx, "npm package "+p.Name+" "+p.Version, want, a.npmAddresses(ctx, p))
				})
			}
		}
		for _, p := range l.Debian {
			group.Go(func() error { return a.packages.fill(ctx, p.what(), p.content(), a.debAddresses(ctx, p)) })
		}
	}
	_ = group.Wait()
}
