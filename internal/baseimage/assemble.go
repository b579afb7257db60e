package baseimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// part is one layer of a base before it is made.
type part struct {
	key     string                      // of all that it is made from
	comment string                      // for the image's history
	fetch   func(context.Context) error // downloads what make needs
	make    func(context.Context) (tree, error)
}

// parts returns the layers of a pinned base, from those that change least often.
func (a *Assembler) parts(l Locked, t spec.Target) ([]part, error) {
	base, err := spec.Of(l.Ref)
	if err != nil {
		return nil, err
	}
	if base.Role == plan.RoleProbe {
		return []part{a.probePart(l, t)}, nil
	}
	parts := a.debianParts(base, l, t)
	for _, p := range l.NPM {
		parts = append(parts, a.npmPart(p, t, base.Headers))
	}
	for _, p := range l.Go {
		parts = append(parts, a.goPart(p, t))
	}
	for _, p := range l.Python {
		parts = append(parts, a.pythonPart(p, base, t))
	}
	return parts, nil
}

// keyOf names a layer by everything that its bytes depend on.
func (a *Assembler) keyOf(words ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", assembly, a.compression, strings.Join(words, " ")))
	return hex.EncodeToString(sum[:])
}

// shared is the package that is a layer of its own in runtime bases: it is the same
// in all of them, on every platform.
const shared = "tzdata"

func (a *Assembler) debianParts(base spec.Base, l Locked, t spec.Target) []part {
	var parts []part
	pins := l.Debian
	if i := slices.IndexFunc(pins, func(p debian.Pin) bool { return p.Name == shared }); i >= 0 && base.Role == plan.RoleRuntime {
		one := pins[i : i+1]
		pins = slices.Delete(slices.Clone(pins), i, i+1)
		parts = append(parts, part{
			key: a.keyOf("shared", one[0].SHA256), comment: fmt.Sprintf("slipway: %s %s of Debian %s", shared, one[0].Version, l.Suite),
			make: func(ctx context.Context) (tree, error) {
				t, debs, err := a.unpackAll(ctx, base, one)
				if err != nil {
					return nil, err
				}
				statuses(t, one, debs)
				return t, nil
			},
			fetch: func(ctx context.Context) error { return a.fetchDebian(ctx, one) },
		})
	}
	words := []string{"debian", string(base.Role), t.Platform, fmt.Sprintf("%q", base.Drop), fmt.Sprintf("%q", base.Parts)}
	for _, p := range pins {
		words = append(words, p.SHA256)
	}
	if len(base.More) > 0 {
		words = append(words, "configured", strconv.Itoa(configuring))
	}
	return append(parts, part{
		key: a.keyOf(words...), comment: fmt.Sprintf("slipway: %d packages of Debian %s", len(pins), l.Suite),
		make:  func(ctx context.Context) (tree, error) { return a.debianTree(ctx, base, pins, t.Arch) },
		fetch: func(ctx context.Context) error { return a.fetchDebian(ctx, pins) },
	})
}

// fetchDebian downloads packages side by side.
func (a *Assembler) fetchDebian(ctx context.Context, pins []debian.Pin) error {
	a.events.begin()
	defer a.events.end()
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range pins {
		group.Go(func() error { return a.packages.Fill(ctx, p.String(), p.Content(), a.debAddresses(ctx, p)) })
	}
	return group.Wait()
}

// debianTree is the file system of packages as if they were installed.
func (a *Assembler) debianTree(ctx context.Context, base spec.Base, pins []debian.Pin, arch string) (tree, error) {
	all, debs, err := a.unpackAll(ctx, base, pins)
	if err != nil {
		return nil, err
	}
	settle(all, base, pins, debs, arch)
	return all, nil
}

// settle does to unpacked packages what installing them would.
func settle(all tree, base spec.Base, pins []debian.Pin, debs []debian.Deb, arch string) {
	var accounts []debian.Account
	if len(base.More) > 0 {
		accounts = configure(all, pins, debs, arch)
	}
	finish(all, base.Role)
	all.accounts(accounts)
	statuses(all, pins, debs)
}

// unpackAll unpacks packages side by side and joins them in the order of the pins.
func (a *Assembler) unpackAll(ctx context.Context, base spec.Base, pins []debian.Pin) (tree, []debian.Deb, error) {
	trees, debs := make([]tree, len(pins)), make([]debian.Deb, len(pins))
	order := bySizeDown(pins) // the largest first, so that it does not run alone at the end
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, i := range order {
		group.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			debs[i], trees[i], err = a.unpackDeb(ctx, base, pins[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	all := tree{}
	for i, p := range pins {
		if err := all.join(trees[i]); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p, err)
		}
	}
	return all, debs, nil
}

func bySizeDown(pins []debian.Pin) []int {
	order := make([]int, len(pins))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(pins[b].Size - pins[a].Size) })
	return order
}

// The parts of a package's control archive among what is kept of it.
const (
	keptControl  = ".control"
	keptSums     = ".md5sums"
	keptPreinst  = ".preinst"
	keptPostinst = ".postinst"
)

func (a *Assembler) unpackDeb(ctx context.Context, base spec.Base, p debian.Pin) (d debian.Deb, t tree, err error) {
	t, err = a.kept(p.String(), func() (tree, error) {
		d, t, err := a.readDeb(ctx, base, p)
		if err != nil {
			return nil, err
		}
		t.file(keptControl, 0o644, d.Control)
		t.file(keptSums, 0o644, d.MD5Sums)
		t.file(keptPreinst, 0o644, d.Preinst)
		t.file(keptPostinst, 0o644, d.Postinst)
		return t, nil
	}, "deb with scripts", p.SHA256, base.Role, base.Drop, base.Parts[p.Name])
	if err != nil {
		return debian.Deb{}, nil, err
	}
	for name, part := range map[string]*[]byte{keptControl: &d.Control, keptSums: &d.MD5Sums, keptPreinst: &d.Preinst, keptPostinst: &d.Postinst} {
		if *part, err = t[name].data.all(); err != nil {
			return debian.Deb{}, nil, err
		}
		delete(t, name)
	}
	return d, t, nil
}

func (a *Assembler) readDeb(ctx context.Context, base spec.Base, p debian.Pin) (debian.Deb, tree, error) {
	file, err := a.packages.Open(ctx, p.String(), p.Content(), a.debAddresses(ctx, p))
	if err != nil {
		return debian.Deb{}, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return debian.Deb{}, nil, err
	}
	d, err := debian.ReadDeb(file, info.Size())
	if err != nil {
		return debian.Deb{}, nil, damaged(p.String(), err)
	}
	r, err := d.Files()
	if err != nil {
		return debian.Deb{}, nil, damaged(p.String(), err)
	}
	t := tree{}
	err = t.unpack(r, 0, func(file string) string {
		if (keep(base.Role, file) || purpose(p.Name, file)) && !slices.Contains(base.Drop, path.Base(file)) && inPart(base.Parts[p.Name], file) {
			return file
		}
		return ""
	})
	if err != nil {
		return debian.Deb{}, nil, damaged(p.String(), err)
	}
	return d, t, nil
}

// damaged is the failure of a package that has the right digest and yet cannot
// be unpacked.
func damaged(what string, err error) error {
	return diag.Fail(diag.ExitBuild, "%s cannot be unpacked", what).Because(err).
		WithHint("its digest matches the pin, so the package itself is broken: `slipway bases update` uses a newer one")
}

// npmPart is the layer of Node.js, npm, Bun or Deno.
func (a *Assembler) npmPart(p NPMPin, t spec.Target, headers bool) part {
	unpack, kind := npmTree, "npm"
	switch {
	case p.Name == t.NPM && headers:
		unpack, kind = nodeTreeWithHeaders, "npm for addons"
	case p.Name == t.NPM:
		unpack = nodeTree
	case p.Name == t.Bun():
		unpack = bunTree
	case p.Name == t.Deno():
		unpack = denoTree
	}
	what := "npm package " + p.Name + " " + p.Version
	return part{
		key: a.keyOf(kind, p.Name, p.Integrity), comment: "slipway: " + p.Name + " " + p.Version,
		fetch: func(ctx context.Context) error {
			want, err := download.ContentOfIntegrity(p.Integrity)
			if err != nil {
				return err
			}
			return a.packages.Fill(ctx, what, want, a.npmAddresses(ctx, p))
		},
		make: func(ctx context.Context) (tree, error) {
			return a.kept(what, func() (tree, error) { return a.readNPM(ctx, what, p, unpack) }, kind, p.Name, p.Integrity)
		},
	}
}

func (a *Assembler) readNPM(ctx context.Context, what string, p NPMPin, unpack func(io.Reader) (tree, error)) (tree, error) {
	want, err := download.ContentOfIntegrity(p.Integrity)
	if err != nil {
		return nil, err
	}
	tgz, err := a.packages.Open(ctx, what, want, a.npmAddresses(ctx, p))
	if err != nil {
		return nil, err
	}
	defer tgz.Close()
	made, err := unpack(tgz)
	if err != nil {
		return nil, damaged(what, err)
	}
	return made, nil
}

// join moves the nodes of another tree into this one.
func (t tree) join(other tree) error {
	for _, p := range sorted(other) {
		if err := t.put(p, other[p]); err != nil {
			return err
		}
	}
	return nil
}

// layerOf returns the layer of a part, made now or before. Two that want the
// same layer at the same time share the work.
func (a *Assembler) layerOf(ctx context.Context, p part) (*layer, error) {
	defer a.making.Lock(p.key)()
	if l := a.layers.get(p.key); l != nil {
		return l, nil
	}
	t, err := p.make(ctx)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // compressing takes longest
		return nil, context.Cause(ctx)
	}
	l, err := a.layers.make(p.key, t)
	if errors.Is(err, syscall.ENOSPC) {
		return nil, download.DiskFull(err)
	}
	return l, err
}

// Image makes the image of one pinned base. Its layers lie in StateDir.
func (a *Assembler) Image(ctx context.Context, l Locked) (v1.Image, error) {
	if l.Assembly != assemblyOf(l.Ref) {
		return nil, outdated(l)
	}
	t, err := spec.TargetOf(l.Platform)
	if err != nil {
		return nil, err
	}
	parts, err := a.parts(l, t)
	if err != nil {
		return nil, err
	}
	made := make([]*layer, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for i, p := range slices.Backward(parts) { // node's is the longest, debian's waits for downloads
		group.Go(func() (err error) {
			made[i], err = a.layerOf(ctx, p)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("assembling %s for %s: %w", l.Ref, l.Platform, err)
	}
	return imageOf(l, t, parts, made)
}

// imageOf puts layers and configuration together. All times are zero.
func imageOf(l Locked, t spec.Target, parts []part, made []*layer) (v1.Image, error) {
	zero := v1.Time{Time: time.Unix(0, 0).UTC()}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for i, p := range parts {
		var err error
		img, err = mutate.Append(img, mutate.Addendum{
			Layer: made[i], History: v1.History{Created: zero, CreatedBy: p.comment}, MediaType: made[i].Compression.mediaType(),
		})
		if err != nil {
			return nil, err
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Architecture, config.OS, config.Created = t.Arch, "linux", zero
	config.Config = v1.Config{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, WorkingDir: "/"}
	for _, p := range l.NPM {
		program := map[string]string{t.NPM: "node", t.Bun(): "bun", t.Deno(): "deno"}[p.Name]
		if program != "" {
			config.Config.Env = append(config.Config.Env, strings.ToUpper(program)+"_VERSION="+p.Version)
			config.Config.Cmd = []string{program}
		}
	}
	for _, p := range l.Go {
		config.Config.Env = append(config.Config.Env, "GOLANG_VERSION="+p.Version)
	}
	for _, p := range l.Python {
		config.Config.Env = append(config.Config.Env, "PYTHON_VERSION="+p.Version)
	}
	return mutate.ConfigFile(img, config)
}
