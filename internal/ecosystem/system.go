package ecosystem

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/plan"
)

// System is what a package of a language wants of the machine beyond what its
// registry brings.
type System struct {
	Build   []string // Debian packages that its installation needs
	Runtime []string // Debian packages that it needs while it runs
	Why     string   // what for, in words
	Source  string   // where its authors say so
}

// Need is a package that is among the service's dependencies, with what it wants.
type Need struct {
	Package string
	File    string
	Line    int
	System
}

// AddSystem notes what packages want of Debian, and adds what slipway.yaml asks
// for. The bases of the service get it with Extend.
func (s *Service) AddSystem(needs []Need) {
	p := &s.Want.Packages
	if all := slices.Concat(p.Build, p.Runtime); len(all) > 0 {
		s.Configured("system packages", strings.Join(all, ", "))
	}
	for _, n := range needs {
		all := slices.Concat(n.Build, n.Runtime)
		if len(all) == 0 {
			continue
		}
		p.Build, p.Runtime = slices.Concat(p.Build, n.Build), slices.Concat(p.Runtime, n.Runtime)
		s.Fact("system packages", strings.Join(all, ", "), n.Package+" needs "+n.Why+" ("+n.Source+")", n.File, n.Line)
	}
	for _, list := range []*[]string{&p.Build, &p.Runtime} {
		*list = slices.Compact(slices.Sorted(slices.Values(*list)))
	}
}

// Extend gives the bases the service's Debian packages; bases that Slipway does
// not assemble have to bring them.
func (s *Service) Extend(b Bases) Bases {
	p := s.Want.Packages
	if len(p.Build)+len(p.Runtime) == 0 || !b.Toolchain.Assembled {
		return b
	}
	if len(p.Build) > 0 {
		b.Toolchain.Ref = plan.WithPackages(b.Toolchain.Ref, p.Build)
		b.Toolchain.OnTarget = true
	}
	if b.ShellFrom != "" {
		b.ShellFrom = b.Toolchain.Ref
	}
	b.Runtime.Ref = plan.WithPackages(b.Runtime.Ref, p.Runtime)
	return b
}
