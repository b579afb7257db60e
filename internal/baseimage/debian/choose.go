package debian

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
)

// Choose picks the packages of a base from an index: the newest version of each
// and of what they depend on, when it wants closure and for More always.
// A package that has another name in this release counts by that. The result is sorted by name.
func Choose(base spec.Base, x *Index) ([]Pin, error) {
	chosen := map[string]candidate{}
	queue := slices.Clone(base.Debian)
	base.More = slices.Clone(base.More)
	for i, name := range base.More {
		now, ok := x.Find(name)
		if !ok {
			return nil, x.missing(name, base)
		}
		base.More[i] = now
		queue = append(queue, now)
	}
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
			return nil, x.missing(name, base)
		}
		chosen[name] = c
		if !base.Closure && i < len(base.Debian) {
			continue
		}
		for _, or := range c.depends {
			next, err := x.pick(or, chosen, base)
			if err != nil {
				return nil, fmt.Errorf("package %s of %s: %w", name, base.Ref, err)
			}
			if next != "" {
				queue = append(queue, next)
			}
		}
	}
	var pins []Pin
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		pins = append(pins, chosen[name].pin)
	}
	return pins, nil
}

// pick returns the package that fulfils one of the alternatives: one that the
// base wants or that is chosen already before a new one, a real package before
// a virtual one. "" means that the base leaves it out on purpose.
func (x *Index) pick(or []relation, chosen map[string]candidate, base spec.Base) (string, error) {
	for _, r := range or {
		for _, name := range append([]string{r.name}, x.provides[r.name]...) {
			if _, have := chosen[name]; have || slices.Contains(base.Debian, name) || slices.Contains(base.More, name) {
				return name, nil
			}
		}
	}
	for _, r := range or {
		if slices.Contains(base.Without, r.name) {
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
