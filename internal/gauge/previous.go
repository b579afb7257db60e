package gauge

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/ledger"
)

// keptGreens are how many images of a service are kept: the last that passed, and the
// one before, with which the last compares.
const keptGreens = 2

// recall finds the last image of the target that passed its gates: another one than
// the target's own where there is one.
func (g Gauge) recall(t Target, s *gate.Subject) error {
	all, err := g.greens(t)
	if err != nil || len(all) == 0 {
		return err
	}
	s.Previous = &all[0]
	if all[0].Image.Digest == s.Image.Digest && len(all) > 1 {
		s.Previous = &all[1]
	}
	return nil
}

// greens are the images that passed, the newest first. A record that cannot be read
// counts as none: it only tells what to compare with.
func (g Gauge) greens(t Target) ([]gate.Previous, error) {
	var raw json.RawMessage
	fleet, name := key(t)
	if err := g.Ledger.View(func(v ledger.View) error { raw = v.Green(fleet, name); return nil }); err != nil {
		return nil, err
	}
	var all []gate.Previous
	if json.Unmarshal(raw, &all) != nil {
		return nil, nil
	}
	return all, nil
}

// Started is how long an image of a target took to become healthy, when its gates were
// looked at and passed; 0 when nobody measured it. Only Ledger of the Gauge is used.
func (g Gauge) Started(t Target, digest string) (time.Duration, error) {
	all, err := g.greens(t)
	for _, p := range all {
		if p.Image.Digest == digest && p.Running != nil {
			return p.Running.StartUp, err
		}
	}
	return 0, err
}

// key names a target in the record: a service of a fleet, or an image without its tag.
func key(t Target) (fleet, name string) {
	if t.Service != "" {
		return t.Root, t.Service
	}
	name, _, _ = strings.Cut(t.Image, "@")
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
		name = name[:at]
	}
	return "", name
}

// Keep remembers an image that passed its gates; one that failed changes nothing.
func (g Gauge) Keep(t Target, s gate.Subject, o gate.Outcome) error {
	if o.Failed() || s.Image == nil {
		return nil
	}
	all, err := g.greens(t)
	if err != nil {
		return err
	}
	now := gate.Previous{Version: fmt.Sprintf("%s of %s", shortName(t.Image), s.Today.UTC().Format("2006-01-02 15:04 UTC")), Image: *s.Image, Running: s.Running, Packages: names(s.Packages)}
	now.Image.Env = nil // which may hold what nobody keeps
	if s.Tests != nil {
		now.Coverage, _ = gate.CoveredPercent(s.Tests.Coverage)
	}
	if len(all) > 0 && all[0].Image.Digest == now.Image.Digest {
		if now.Image.BuildTime == 0 { // found unchanged
			now.Image.BuildTime, now.Image.Steps, now.Image.Cached = all[0].Image.BuildTime, all[0].Image.Steps, all[0].Image.Cached
		}
		all = all[1:]
	}
	all = append([]gate.Previous{now}, all...)
	raw, err := json.Marshal(all[:min(len(all), keptGreens)])
	if err != nil {
		return err
	}
	fleet, name := key(t)
	return g.Ledger.KeepGreen(fleet, name, raw)
}

func shortName(image string) string { return image[strings.LastIndexByte(image, '/')+1:] }

// names reduces an inventory to what a comparison reads.
func names(list *inventory.Inventory) *inventory.Inventory {
	if list == nil {
		return nil
	}
	out := &inventory.Inventory{}
	for _, p := range list.Packages {
		out.Packages = append(out.Packages, inventory.Package{Type: p.Type, Name: p.Name, Version: p.Version, Path: p.Path})
	}
	return out
}
