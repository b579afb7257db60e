package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

// Policy says which evidence an image must have.
type Policy struct {
	Keys       []attest.Verifier // of which one must have signed each piece, or an identity
	Identities *Identities       // nil: none counts
	Required   []string          // types of statements, beside the signature of the image
}

// Verdict is what was found of an image.
type Verdict struct {
	Image     string           `json:"image"`
	Platform  string           `json:"platform,omitempty"` // of an image of an index
	Digest    string           `json:"digest"`
	Evidence  []Piece          `json:"evidence"`
	Platforms []Verdict        `json:"platforms,omitempty"` // of an index, when they have what it lacks itself
	checked   []attest.Checked // in the order of Evidence
}

// Called is the name of the image, with the platform that it is for.
func (v Verdict) Called() string { return called(v.Image, v.Platform) }

// Piece is one piece of evidence that was checked.
type Piece struct {
	Type    string `json:"type"` // "signature", "provenance", …, or the type of the predicate
	By      string `json:"signed_by,omitempty"`
	Refused string `json:"refused,omitempty"` // why it does not count
}

// Verify checks all evidence of an image. A statement that nobody made of an index counts
// when each of its images has one: its signature covers which images those are. The error
// says what is missing; it has diag.ExitGate.
func (s *Subject) Verify(ctx context.Context, p Policy, now time.Time) (Verdict, error) {
	for _, k := range p.Keys {
		if err := k.Valid(now); err != nil {
			return Verdict{Image: s.Name, Digest: s.Digest(), Evidence: []Piece{}}, err
		}
	}
	v, err := s.check(ctx, p)
	if err != nil {
		return v, err
	}
	apart := slices.DeleteFunc(slices.Clone(p.Required), v.has)
	if len(apart) > 0 {
		platforms, err := s.Platforms(ctx)
		if err != nil {
			return v, err
		}
		for _, one := range platforms {
			of, err := one.check(ctx, p)
			if err != nil {
				return v, err
			}
			v.Platforms = append(v.Platforms, of)
		}
	}
	var missing []string
	if why := v.lacks(attest.Checked.IsSignature); why != "" {
		missing = append(missing, "no valid signature: "+why)
	}
	for _, predicate := range p.Required {
		kind := func(c attest.Checked) bool { return c.Predicate == predicate }
		why := v.lacks(kind)
		if len(v.Platforms) > 0 && slices.Contains(apart, predicate) {
			why = v.platformsLack(kind)
		}
		if why != "" {
			missing = append(missing, fmt.Sprintf("no valid statement %s: %s", attest.Word(predicate), why))
		}
	}
	if len(missing) == 0 {
		return v, nil
	}
	return v, s.refused(p, missing)
}

// check looks at each piece of evidence of an image, and decides nothing.
func (s *Subject) check(ctx context.Context, p Policy) (Verdict, error) {
	v := Verdict{Image: s.Name, Platform: s.Platform, Digest: s.Digest(), Evidence: []Piece{}}
	v.checked = attest.Check(s.Items, s.Image.Digest, p.Keys)
	if p.Identities != nil {
		if err := p.Identities.check(ctx, s, v.checked); err != nil {
			return v, err
		}
	}
	for _, c := range v.checked {
		v.Evidence = append(v.Evidence, Piece{attest.Word(c.Predicate), c.By, c.Refused})
	}
	for _, broken := range s.Problems {
		v.Evidence = append(v.Evidence, Piece{Type: "unreadable", Refused: diag.Printable(broken.Error())})
	}
	return v, nil
}

// refused is the error about what an image lacks.
func (s *Subject) refused(p Policy, missing []string) error {
	f := diag.Fail(diag.ExitGate, "%s (%s) is refused:\n  %s", s.Name, s.Digest(), strings.Join(missing, "\n  "))
	how := "--key FILE"
	if len(p.Keys) == 0 {
		how = "--keyless"
	}
	switch {
	case len(s.Items) == 0 && s.registry == nil:
		return f.WithHint("sign it: slipway sign %s %s", s.Name, how)
	case len(s.Items) == 0:
		return f.WithHint("sign it and push it with its evidence: slipway sign NAME %s, slipway push", how)
	}
	return f.WithHint("slipway evidence %s lists what there is", s.Name)
}

// has reports a piece of a type, whether it counts or not.
func (v Verdict) has(predicate string) bool {
	return slices.ContainsFunc(v.checked, func(c attest.Checked) bool { return c.Predicate == predicate })
}

// platformsLack says which images of an index lack a piece that counts; empty: none.
func (v Verdict) platformsLack(kind func(attest.Checked) bool) string {
	var why []string
	for _, one := range v.Platforms {
		if lacks := one.lacks(kind); lacks != "" {
			why = append(why, one.Platform+": "+lacks)
		}
	}
	return strings.Join(why, "; ")
}

// lacks says why no piece of a kind counts; empty: one does.
func (v Verdict) lacks(kind func(attest.Checked) bool) string {
	var why []string
	for _, c := range v.checked {
		if !kind(c) {
			continue
		}
		refused := c.Refused
		if refused == "" {
			refused = denies(c)
		}
		if refused == "" {
			return ""
		}
		why = append(why, refused)
	}
	if len(why) == 0 {
		return "there is none"
	}
	slices.Sort(why)
	return strings.Join(slices.Compact(why), "; ")
}

// denies says why a statement itself speaks against the image; empty: it does not.
func denies(c attest.Checked) string {
	var s struct {
		Predicate struct {
			Result  string `json:"result"`
			Scanner struct {
				DB struct {
					Missing []string `json:"missingEcosystems"`
				} `json:"db"`
			} `json:"scanner"`
		} `json:"predicate"`
	}
	if c.Predicate != attest.PredicateTests && c.Predicate != attest.PredicateVulnerabilities {
		return ""
	}
	missing := &s.Predicate.Scanner.DB.Missing
	switch err := json.Unmarshal(c.Payload, &s); {
	case err != nil:
		return "it cannot be read"
	case c.Predicate == attest.PredicateTests && s.Predicate.Result == "FAILED":
		return "it says that tests failed"
	case c.Predicate == attest.PredicateVulnerabilities && len(*missing) > 0:
		return "the scan had no advisories for " + diag.Printable(strings.Join(*missing, ", "))
	}
	return ""
}
