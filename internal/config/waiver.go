package config

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/invopop/jsonschema"

	"github.com/slipway-build/slipway/internal/diag"
)

// checkWaivers reports waivers that say too little, or that nothing can use. Only
// what is found in an image or by a gate can be waived: without what a plan refuses
// there is no image.
func (d *decoder) checkWaivers(at string, all []waiver) {
	if len(all) == 0 {
		return
	}
	known := diag.Codes()
	for i, w := range all {
		at := fmt.Sprintf("%s/waivers/%d", at, i)
		if d.hasFindingIn(at) {
			continue
		}
		n := slices.IndexFunc(known, func(c diag.Code) bool { return c.Code == w.Finding })
		switch {
		case w.Finding == "":
			d.report(codeWaiver, at, "finding: SLP365", "the waiver names no finding")
		case n < 0:
			d.report(codeWaiver, at+"/finding", "write the code that the finding ends with, such as SLP365", "there is no finding %q", clip(w.Finding))
		case known[n].Package != "proof" && known[n].Package != "gate":
			d.report(codeWaiver, at+"/finding", "delete the waiver and fix the finding; only findings about images and of gates can be waived", "%s (%s) cannot be waived", w.Finding, known[n].Name)
		}
		if !strings.ContainsFunc(w.Reason, unicode.IsLetter) && !d.hasFindingIn(at+"/reason") {
			d.report(codeWaiver, at+"/reason", `such as reason: "only the Windows build loads it"`, "the waiver of %s has no reason", clip(w.Finding))
		}
		if _, err := path.Match(w.At, ""); err != nil {
			d.report(codeWaiver, at+"/at", "write the place of the finding without its line", "%q is not a pattern of paths", clip(w.At))
		}
		if slices.IndexFunc(all, func(o waiver) bool { return o.Finding == w.Finding && o.At == w.At }) < i {
			d.report(codeWaiver, at, "delete one", "%s is waived twice for one place", clip(w.Finding))
		}
	}
}

// waivers resolves those of a service.
func (d *decoder) waivers(service string, all []waiver) (out []Waiver) {
	if len(all) == 0 { // the table of codes takes longer to make than the rest of the service
		return nil
	}
	codes := diag.Codes()
	for i, w := range all {
		out = append(out, Waiver{
			Gate:    packageOf(codes, w.Finding) == "gate",
			Finding: w.Finding,
			At:      w.At,
			Reason:  strings.TrimSpace(w.Reason),
			Until:   time.Time(w.Until),
			Line:    d.at[fmt.Sprintf("services/%s/waivers/%d", service, i)].Line,
		})
	}
	return out
}

// packageOf is the package that reports a code, "" when nobody does.
func packageOf(codes []diag.Code, code string) string {
	if n := slices.IndexFunc(codes, func(c diag.Code) bool { return c.Code == code }); n >= 0 {
		return codes[n].Package
	}
	return ""
}

// date is a day.
type date time.Time

func (t *date) decodeNode(d *decoder, n ast.Node, path string) {
	s, ok := text(n)
	if !ok {
		s = n.GetToken().Value
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		d.report(codeWaiver, path, "write year, month and day: 2027-03-31", "%q is not a date", clip(s))
		return
	}
	*t = date(day)
}

// JSONSchema makes the schema of a date.
func (date) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`}
}
