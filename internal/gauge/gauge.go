// Package gauge collects what gates look at: an image of the store with its layers, the
// last one that passed its gates, structure tests, policies and, where a limit asks for
// it, figures of the started image. It judges nothing.
//
//	g := gauge.Gauge{Store: store, Ledger: record, Now: time.Now}
//	limits, err := g.Limits(target)
//	subject, err := g.Subject(ctx, target, limits)
//	outcome := pipeline.Gate(limits, subject, target.Waivers, time.Now())
//	err = g.Keep(target, subject, outcome)
package gauge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/gate/contents"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/ledger"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/proof/layer"
	"github.com/slipway-build/slipway/internal/repository"
)

// Target is an image with what is known of its service. Without a fleet only the image
// is known.
type Target struct {
	Service    string // "" for an image by name
	Image      string
	Platform   string // "linux/arm64"; empty: the machine's, or the image's only one
	Root       string // of the fleet, or where an image by name is gated; "": none
	Dir        string // of the service, slash-separated, relative to Root
	Dockerfile string // as findings name it
	Text       []byte // of the Dockerfile
	About      gate.About
	Gates      config.Gates
	Strict     bool
	Scanner    string // that the fleet's slipway.yaml names
	Waivers    pipeline.Waivers
}

// Images are targets of images by name. Root may be set to where a file of dive's rules
// is looked for.
func Images(names []string) []Target {
	var out []Target
	for _, name := range names {
		out = append(out, Target{Image: name})
	}
	return out
}

// Services are the targets of the planned services of a fleet.
func Services(f *fleet.Fleet) ([]Target, error) {
	jobs, err := f.Jobs(engine.Request{})
	if err != nil {
		return nil, err
	}
	var out []Target
	for _, j := range jobs {
		own := j.Service.Dockerfile
		t := Target{
			Service: j.Request.Name, Image: j.Image, Root: f.Root, Dir: j.Service.Dir, Text: j.Request.Dockerfile, Strict: f.Strict, Scanner: f.Scanner, Waivers: j.Waivers,
			Dockerfile: own, About: gate.About{Planned: own == "", Type: j.Service.Type},
		}
		if own == "" {
			t.Dockerfile = "Dockerfile of " + t.Service
		}
		if i := slices.IndexFunc(f.Services, func(s config.Service) bool { return s.Name == t.Service }); i >= 0 {
			t.Gates, t.About.Shell = f.Services[i].Gates, f.Services[i].Shell
		}
		out = append(out, t)
	}
	return out, nil
}

// Scanned is what is inside an image. Database is nil where there is none.
type Scanned struct {
	By              string // Result.Scanner of package scan
	Packages        inventory.Inventory
	Vulnerabilities []advisory.Hit
	Database        *advisory.Database
	Secrets         []gate.Secret
	Unsearched      []string // of gate.Subject
}

// Gauge collects. Its Start is nil where containers cannot be started.
type Gauge struct {
	Store  *image.Store
	Ledger *ledger.Ledger
	Now    func() time.Time
	// Scan looks into the image of a target; nil: what is inside is not known.
	Scan func(ctx context.Context, t Target) (Scanned, error)
	// Engine runs the command tests of structure tests; nil: they do not run.
	Engine engine.Builder
	Tools  annex.Tools // evaluates policies in CEL
	// Start starts the image of a target and measures it.
	Start func(ctx context.Context, t Target) (gate.Running, error)
}

// Limits are those of a target: the defaults, over them a file of dive's rules in the
// service's directory or the fleet's, over them what slipway.yaml writes.
func (g Gauge) Limits(t Target) (gate.Limits, error) {
	l := gate.Defaults(t.About)
	for _, dir := range []string{t.Dir, ""} {
		if t.Root == "" {
			break
		}
		file := strings.TrimPrefix(dir+"/"+contents.DiveFile, "/")
		data, err := fs.ReadFile(repository.FS(t.Root), filepath.ToSlash(filepath.Clean(file)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return l, diag.Fail(diag.ExitUsage, "%s cannot be read", file).Because(err)
		}
		if l, err = contents.DiveRules(l, file, data); err != nil {
			return l, err
		}
		break
	}
	l = t.Gates.Over(l)
	l.Strict = t.Strict
	return l, nil
}

// Subject collects what is known of a target: not its tests, which whoever runs them
// adds.
func (g Gauge) Subject(ctx context.Context, t Target, l gate.Limits) (gate.Subject, error) {
	s := gate.Subject{Service: t.Service, Dir: t.Dir, Today: g.Now(), Missing: map[string]string{}}
	stored, err := g.Store.Image(ctx, t.Image, t.Platform)
	if err != nil {
		return s, image.Unreadable(t.Image, err)
	}
	layers, err := g.Store.Contents(ctx, stored)
	if err != nil {
		return s, image.Unreadable(t.Image, err)
	}
	img, err := g.image(t, stored)
	if err != nil {
		return s, image.Unreadable(t.Image, err)
	}
	contents.Weigh(&img, layers)
	s.Image = &img
	if err := g.recall(t, &s); err != nil {
		return s, err
	}
	if g.Scan != nil {
		found, err := g.Scan(ctx, t)
		if err != nil {
			return s, fmt.Errorf("scanning the image of %s: %w", named(t), err)
		}
		s.ScannedBy, s.Unsearched = found.By, found.Unsearched
		s.Packages, s.Vulnerabilities, s.Database, s.Secrets = &found.Packages, found.Vulnerabilities, found.Database, &found.Secrets
	}
	if s.Structure, err = g.structure(ctx, t, l, &img, stored, layers); err != nil {
		return s, err
	}
	if s.Policies, err = g.policies(ctx, t, l, &s); err != nil {
		return s, err
	}
	if l.Running() && g.Start != nil {
		running, err := g.Start(ctx, t)
		if diag.ExitOf(err) == diag.ExitRun && ctx.Err() == nil { // its own fault, which is what the gate asks
			running, err = gate.Running{Failed: err.Error()}, nil
		}
		if err != nil {
			return s, fmt.Errorf("measuring the started image of %s: %w", named(t), err)
		}
		s.Running = &running
	}
	return s, nil
}

func named(t Target) string {
	if t.Service != "" {
		return t.Service
	}
	return t.Image
}

// maxContent is the largest file that a content test reads.
const maxContent = 16 << 20

// structure runs the structure tests of a target. The result is not nil when there are
// some.
func (g Gauge) structure(ctx context.Context, t Target, l gate.Limits, img *gate.Image, stored v1.Image, layers []*layer.Index) ([]gate.StructureResult, error) {
	if len(l.Structure) == 0 {
		return nil, nil
	}
	view := contents.View{Image: img, Tree: layer.Merge(layers), Read: func(path string) ([]byte, error) {
		return g.Store.ReadFile(ctx, stored, path, maxContent)
	}}
	if g.Engine != nil {
		view.Run = g.command(img.Digest)
	}
	out := []gate.StructureResult{}
	for _, file := range l.Structure {
		data, err := fs.ReadFile(repository.FS(t.Root), filepath.ToSlash(filepath.Clean(file)))
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "the structure tests %s cannot be read", file).Because(err).WithHint("correct structure: below gates: in slipway.yaml")
		}
		tests, err := contents.ReadStructure(file, data)
		if err != nil {
			return nil, err
		}
		results, err := tests.Run(ctx, view)
		if err != nil {
			return nil, err
		}
		out = append(out, results...)
	}
	return out, nil
}
