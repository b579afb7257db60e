package gate

import (
	"fmt"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/inventory"
)

// licences is the gate of licences that nobody wants to ship.
func licences(l Limits, s Subject) *draft {
	if len(l.DeniedLicences) == 0 {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "licences", Limit: "none of " + strings.Join(l.DeniedLicences, ", ")}}
	if s.Packages == nil {
		d.unknown = "the packages of the image are not listed; slipway sbom"
		return d
	}
	var denied diag.Findings
	unlicensed := 0
	for _, p := range s.Packages.Packages {
		if len(p.Licences) == 0 {
			unlicensed++
		}
		by := deniedBy(l.DeniedLicences, p.Licences)
		if by == "" {
			continue
		}
		at := placeOf(p)
		denied = append(denied, diag.Finding{Code: codeLicence, Place: diag.Place{File: at}, Hint: "replace the package",
			Text: fmt.Sprintf("%s%s %s has the licence %s", prefix(s), p.Name, p.Version, by)})
	}
	d.Actual = count(len(denied), "package")
	if unlicensed > 0 {
		d.Actual += fmt.Sprintf(", %d without a known licence", unlicensed)
	}
	d.add(0, diag.Error, denied...)
	return d
}

// placeOf is where a package is in the image, else its name.
func placeOf(p inventory.Package) string {
	if p.Path == "" {
		return p.Name
	}
	return "/" + strings.Trim(p.Path, "/")
}

// deniedBy returns the licence that rules a package out, "" when none does. All of the
// expressions apply at once; within one, OR is the taker's choice.
func deniedBy(denied, expressions []string) string {
	for _, text := range expressions {
		e := expression{tokens: licenceTokens(text), denied: denied}
		if by := e.or(); by != "" {
			return by
		}
	}
	return ""
}

// expression is an SPDX licence expression (SPDX 2.3, annex D) under evaluation. What
// is no expression is taken word by word, which denies rather than allows.
type expression struct {
	tokens []string
	denied []string
	at     int
}

func licenceTokens(text string) []string {
	return strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ", ",", " AND ", "/", " OR ").Replace(text))
}

func (e *expression) next() string {
	if e.at < len(e.tokens) {
		return e.tokens[e.at]
	}
	return ""
}

// or is denied when every alternative is.
func (e *expression) or() string {
	by := e.and()
	for strings.EqualFold(e.next(), "OR") {
		e.at++
		if right := e.and(); right == "" {
			by = ""
		}
	}
	return by
}

// and is denied when one part is.
func (e *expression) and() string {
	by := e.one()
	for e.at < len(e.tokens) && e.next() != ")" && !strings.EqualFold(e.next(), "OR") {
		if strings.EqualFold(e.next(), "AND") {
			e.at++
		}
		if right := e.one(); by == "" {
			by = right
		}
	}
	return by
}

func (e *expression) one() string {
	token := e.next()
	e.at++
	if token == "(" {
		by := e.or()
		if e.next() == ")" {
			e.at++
		}
		return by
	}
	name := token
	if strings.EqualFold(e.next(), "WITH") && e.at+1 < len(e.tokens) { // an exception only permits more; the licence stays
		name = token + " WITH " + e.tokens[e.at+1]
		e.at += 2
	}
	for _, pattern := range e.denied {
		if licenceMatches(pattern, name) || !strings.Contains(name, " WITH ") && licenceMatches(pattern, token) {
			return name
		}
	}
	return ""
}

// licenceMatches compares identifiers as SPDX does, without case; GPL-2.0 means
// GPL-2.0-only and the other way round, and so does GPL-2.0+ with GPL-2.0-or-later.
func licenceMatches(pattern, name string) bool {
	usual := func(s string) string {
		s = strings.ToLower(s)
		if plus, ok := strings.CutSuffix(s, "+"); ok {
			return plus + "-or-later"
		}
		return strings.TrimSuffix(s, "-only")
	}
	ok, err := path.Match(usual(pattern), usual(name))
	if err == nil && !ok {
		ok, err = path.Match(strings.ToLower(pattern), strings.ToLower(name)) // "GPL-3.0-*"
	}
	return ok && err == nil
}
