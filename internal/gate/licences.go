package gate

import (
	"fmt"
	"path"
	"slices"
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
	var unknown []string
	for _, p := range s.Packages.Packages {
		by, known := deniedBy(l.DeniedLicences, p)
		if !known && by == "" {
			unknown = append(unknown, p.Name)
		}
		if by == "" {
			continue
		}
		at := placeOf(p)
		denied = append(denied, diag.Finding{Code: codeLicence, Place: diag.Place{File: at}, Hint: "replace the package",
			Text: fmt.Sprintf("%s%s %s has the licence %s", prefix(s), p.Name, p.Version, by)})
	}
	d.Actual = count(len(denied), "package")
	if len(unknown) > 0 {
		d.Actual += fmt.Sprintf(", %d without a known licence", len(unknown))
	}
	d.add(0, diag.Error, denied...)
	d.add(0, diag.Warning, unlicensed(s, unknown)...)
	return d
}

// unlicensed says which packages the limit was not held against.
func unlicensed(s Subject, names []string) (out diag.Findings) {
	add := func(text string) {
		out = append(out, diag.Finding{Code: codeUnknown, Place: diag.Place{File: "licences"}, Text: prefix(s) + text,
			Hint: "look them up; slipway sbom lists what they state"})
	}
	if len(names) > 0 {
		const shown = 3
		slices.Sort(names)
		names = slices.Compact(names)
		text := strings.Join(names[:min(len(names), shown)], ", ")
		if len(names) > shown {
			text += fmt.Sprintf(" and %d more", len(names)-shown)
		}
		add("no licence is known of " + text)
	}
	if system := s.Packages.Unlisted(); system != "" {
		add("the packages of " + system + " are not listed")
	}
	return out
}

// placeOf is where a package is in the image, else its name.
func placeOf(p inventory.Package) string {
	if p.Path == "" {
		return p.Name
	}
	return "/" + strings.Trim(p.Path, "/")
}

// deniedBy returns the licence that rules a package out, "" when none does, and whether
// its licences are known. All of what it states applies at once; within one expression,
// OR is the taker's choice. Of Debian's packages, whose texts name licences of single
// files by words of their own, one known licence is enough.
func deniedBy(denied []string, p inventory.Package) (by string, known bool) {
	all, some := true, false
	for _, text := range p.Licences {
		found, ok := deniedText(denied, text)
		all, some = all && ok, some || ok
		if by == "" {
			by = found
		}
	}
	return by, some && (all || p.Type == inventory.Debian)
}

// deniedText is deniedBy of one text: an expression, or the name of a licence in words.
func deniedText(denied []string, text string) (by string, known bool) {
	e := expression{tokens: licenceTokens(text), denied: denied}
	if by = e.or(); !e.odd && e.at == len(e.tokens) && len(e.tokens) > 0 {
		return by, true
	}
	ids := read(text)
	if id := spelled(text); id != "" {
		ids = append(ids, id)
	}
	known = len(ids) > 0
	for _, word := range e.tokens { // denied rather than allowed
		if id := identifier(word); !strings.HasSuffix(id, anyVersion) {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if id != "" && isDenied(denied, id) {
			return id + " (" + Clip(text) + ")", known
		}
	}
	return "", known
}

// expression is an SPDX licence expression (SPDX 2.3, annex D) under evaluation. What
// is no expression is odd, and then taken word by word.
type expression struct {
	tokens []string
	denied []string
	at     int
	odd    bool // no expression, or a word of it is no licence
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
		if e.next() == "" || e.next() == ")" { // it ends in the middle, and offers no choice
			e.odd = true
			return by
		}
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
		} else {
			e.odd = true
		}
		if right := e.one(); by == "" {
			by = right
		}
	}
	return by
}

func (e *expression) one() string {
	token := e.next()
	e.at = min(e.at+1, len(e.tokens))
	if token == "(" {
		by := e.or()
		if e.next() == ")" {
			e.at++
		} else {
			e.odd = true
		}
		return by
	}
	id := identifier(token)
	if id == "" {
		id, e.odd = token, true
	}
	name := id
	if strings.EqualFold(e.next(), "WITH") && e.at+1 < len(e.tokens) { // an exception only permits more; the licence stays
		name = id + " WITH " + e.tokens[e.at+1]
		e.at += 2
	}
	if !isDenied(e.denied, name) && (name == id || !isDenied(e.denied, id)) {
		return ""
	}
	if !strings.EqualFold(id, token) {
		name += " (" + token + ")"
	}
	return name
}

func isDenied(denied []string, id string) bool {
	return slices.ContainsFunc(denied, func(pattern string) bool { return licenceMatches(pattern, id) })
}

// licenceMatches compares identifiers as SPDX does, without case; GPL-2.0 means
// GPL-2.0-only and the other way round, and so does GPL-2.0+ with GPL-2.0-or-later. A
// licence without a version may be each of them.
func licenceMatches(pattern, name string) bool {
	if open, ok := strings.CutSuffix(strings.ToLower(name), anyVersion); ok && strings.HasPrefix(strings.ToLower(pattern), open+"-") {
		return true
	}
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
	if err == nil && !ok && bareGNU().MatchString(name) {
		ok, err = path.Match(strings.ToLower(pattern), strings.ToLower(name)+"-only") // it is the old name of that
	}
	return ok && err == nil
}
