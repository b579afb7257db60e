package advisory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/inventory"
)

// Source finds the records about a package of an ecosystem ("npm", "lodash"); the name
// is a Key.
type Source interface {
	Records(ecosystem, name string) ([]Record, error)
}

// Reacher tells what is known of the way from a program to vulnerable code.
type Reacher func(p inventory.Package, imports []Import) Reach

// Match finds the vulnerabilities of packages, the worst first. Records of one flaw
// under several names are one hit; of a package that is there several times it is
// reported once. reach may be nil.
func Match(packages []inventory.Package, source Source, reach Reacher) ([]Hit, error) {
	var out []Hit
	type identity struct {
		kind                                       inventory.Type
		name, version, source, sourceVersion, path string
	}
	seen := map[identity]bool{}
	for _, p := range packages {
		id := identity{p.Type, p.Name, p.Version, p.Source, p.SourceV, ""}
		if p.Type == inventory.Go { // each program reaches other code
			id.path = p.Path
		}
		if seen[id] || Ecosystem(p.Type) == "" {
			continue
		}
		seen[id] = true
		hits, err := matchOne(p, source, reach)
		if err != nil {
			return nil, err
		}
		out = append(out, hits...)
	}
	slices.SortStableFunc(out, func(a, b Hit) int {
		return cmp.Or(a.Severity.Rank()-b.Severity.Rank(), cmp.Compare(b.Score, a.Score), strings.Compare(a.Package.Name, b.Package.Name), strings.Compare(a.ID, b.ID), strings.Compare(a.Package.Path, b.Package.Path))
	})
	return out, nil
}

// matchOne finds the vulnerabilities of one package.
func matchOne(p inventory.Package, source Source, reach Reacher) ([]Hit, error) {
	ecosystem, name, version := subject(p)
	base, _, _ := strings.Cut(ecosystem, ":")
	records, err := source.Records(base, Key(base, name))
	if err != nil || len(records) == 0 {
		return nil, err
	}
	v, ok := versionsOf(ecosystem, version)
	if !ok {
		return nil, nil
	}
	p.Files = nil
	var hits []Hit
	for _, r := range records {
		if r.Withdrawn != nil {
			continue
		}
		if h, ok := r.hit(p, v, ecosystem, name, reach); ok {
			hits = append(hits, h)
		}
	}
	return merged(hits), nil
}

// hit is what one record says of a package.
func (r Record) hit(p inventory.Package, v versions, ecosystem, name string, reach Reacher) (Hit, bool) {
	h := Hit{ID: r.ID, Package: p, Severity: Unknown, Summary: r.Summary, Published: r.Published, Reach: NotKnown}
	found := false
	for _, a := range r.Affected {
		if !a.covers(ecosystem) || Key(ecosystem, a.Package.Name) != Key(ecosystem, name) {
			continue
		}
		in, fixed := a.affects(v)
		if !in {
			continue
		}
		severity, points := r.severity(a)
		if !found || severity.Rank() < h.Severity.Rank() {
			h.Severity, h.Score = severity, points
		}
		found = true
		h.Fixed = nearest(v.ecosystem, append(h.Fixed, fixed...))
		if imports := append(slices.Clone(a.Own.Imports), a.Database.Imports...); reach != nil && len(imports) > 0 {
			h.Reach = worse(h.Reach, reach(p, imports))
		}
	}
	if h.Severity == Unknown && r.Lent != nil {
		h.Severity, h.Score, h.RatedBy = r.Lent.Severity, r.Lent.Score, r.Lent.From
	}
	h.Aliases = append(h.Aliases, r.Aliases...)
	if len(r.Upstream) == 1 { // a notice about several flaws is none of them
		h.Aliases = append(h.Aliases, r.Upstream...)
	}
	return h, found
}

// worse is the less comforting of two answers; one that is not known says nothing.
func worse(a, b Reach) Reach {
	order := []Reach{Called, Imported, NotCalled, NotKnown}
	return order[min(slices.Index(order, a), slices.Index(order, b))]
}

// merged makes one hit of those that name each other, or a third in common.
func merged(hits []Hit) []Hit {
	var groups [][]Hit
	for _, h := range hits {
		group := []Hit{h}
		var others [][]Hit
		for _, g := range groups {
			if slices.ContainsFunc(g, func(o Hit) bool { return same(o, h) }) {
				group = append(group, g...)
			} else {
				others = append(others, g)
			}
		}
		groups = append(others, group)
	}
	var out []Hit
	for _, g := range groups {
		out = append(out, one(g))
	}
	return out
}

// same tells whether two hits are one flaw.
func same(a, b Hit) bool {
	names := append([]string{a.ID}, a.Aliases...)
	return slices.ContainsFunc(append([]string{b.ID}, b.Aliases...), func(n string) bool { return slices.Contains(names, n) })
}

// one joins the hits of a flaw: the name that most tools know, what any of them knows.
func one(g []Hit) Hit {
	slices.SortFunc(g, func(a, b Hit) int { return cmp.Or(known(a.ID)-known(b.ID), strings.Compare(a.ID, b.ID)) })
	out := g[0]
	for _, h := range g[1:] {
		if h.Severity.Rank() < out.Severity.Rank() {
			out.Severity, out.RatedBy = h.Severity, cmp.Or(h.RatedBy, h.ID)
		}
		out.Score = max(out.Score, h.Score)
		out.Fixed = append(out.Fixed, h.Fixed...)
		out.Aliases = append(append(out.Aliases, h.ID), h.Aliases...)
		out.Reach = worse(out.Reach, h.Reach)
		out.Summary = cmp.Or(out.Summary, h.Summary)
		if out.Published.IsZero() || !h.Published.IsZero() && h.Published.Before(out.Published) {
			out.Published = h.Published
		}
	}
	ecosystem, _, _ := subject(out.Package)
	out.Fixed = nearest(ecosystem, out.Fixed)
	slices.Sort(out.Aliases)
	out.Aliases = slices.DeleteFunc(slices.Compact(out.Aliases), func(a string) bool { return a == out.ID })
	return out
}

// known orders the names of databases.
func known(id string) int {
	for i, prefix := range []string{"GHSA-", "GO-", "RUSTSEC-", "PYSEC-", "MAL-", "CVE-"} {
		if strings.HasPrefix(id, prefix) {
			return i
		}
	}
	return 9
}
