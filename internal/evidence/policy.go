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
	Image    string           `json:"image"`
	Digest   string           `json:"digest"`
	Evidence []Piece          `json:"evidence"`
	checked  []attest.Checked // in the same order
}

// Piece is one piece of evidence that was checked.
type Piece struct {
	Type    string `json:"type"` // "signature", "provenance", …, or the type of the predicate
	By      string `json:"signed_by,omitempty"`
	Refused string `json:"refused,omitempty"` // why it does not count
}

// Verify checks all evidence of an image. The error says what is missing; it has
// diag.ExitGate.
func (s *Subject) Verify(ctx context.Context, p Policy, now time.Time) (Verdict, error) {
	v := Verdict{Image: s.Name, Digest: s.Digest(), Evidence: []Piece{}}
	for _, k := range p.Keys {
		if err := k.Valid(now); err != nil {
			return v, err
		}
	}
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
	var missing []string
	if why := v.lacks(attest.Checked.IsSignature); why != "" {
		missing = append(missing, "no valid signature: "+why)
	}
	for _, predicate := range p.Required {
		if why := v.lacks(func(c attest.Checked) bool { return c.Predicate == predicate }); why != "" {
			missing = append(missing, fmt.Sprintf("no valid statement %s: %s", attest.Word(predicate), why))
		}
	}
	if len(missing) == 0 {
		return v, nil
	}
	f := diag.Fail(diag.ExitGate, "%s (%s) is refused:\n  %s", s.Name, s.Digest(), strings.Join(missing, "\n  "))
	how := "--key FILE"
	if len(p.Keys) == 0 {
		how = "--keyless"
	}
	switch {
	case len(s.Items) == 0 && s.registry == nil:
		return v, f.WithHint("sign it: slipway sign %s %s", s.Name, how)
	case len(s.Items) == 0:
		return v, f.WithHint("sign it and push it with its evidence: slipway sign NAME %s, slipway push", how)
	}
	return v, f.WithHint("slipway evidence %s lists what there is", s.Name)
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
