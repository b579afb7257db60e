package advisory

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// VEX is an OpenVEX document (github.com/openvex/spec, v0.2.0): what somebody says of
// vulnerabilities in products.
type VEX struct {
	Context    string      `json:"@context"`
	Statements []Statement `json:"statements"`
}

// Statement is about one vulnerability.
type Statement struct {
	Vulnerability vexName      `json:"vulnerability"`
	Products      []vexProduct `json:"products"`
	Status        string       `json:"status"`
	Justification string       `json:"justification"`
	Impact        string       `json:"impact_statement"`
}

// vexName is a vulnerability: an object, or a string in older documents.
type vexName struct {
	ID      string   `json:"@id"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
}

// UnmarshalJSON takes both forms.
func (n *vexName) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &n.Name) == nil {
		return nil
	}
	type plain vexName
	return json.Unmarshal(data, (*plain)(n))
}

// vexProduct is a product: an object, or a string in older documents.
type vexProduct struct {
	ID            string            `json:"@id"`
	Identifiers   map[string]string `json:"identifiers"`
	Subcomponents []vexProduct      `json:"subcomponents"`
}

// UnmarshalJSON takes both forms.
func (p *vexProduct) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &p.ID) == nil {
		return nil
	}
	type plain vexProduct
	return json.Unmarshal(data, (*plain)(p))
}

// ParseVEX reads an OpenVEX document, and refuses what would dismiss something without
// a reason.
func ParseVEX(data []byte) (VEX, error) {
	var v VEX
	if err := json.Unmarshal(data, &v); err != nil {
		return VEX{}, err
	}
	if !strings.Contains(v.Context, "openvex") {
		return VEX{}, errors.New("not an OpenVEX document: its @context is not that of openvex.dev")
	}
	for i, s := range v.Statements {
		switch {
		case s.Vulnerability.Name == "" && s.Vulnerability.ID == "":
			return VEX{}, fmt.Errorf("statement %d names no vulnerability", i+1)
		case !slices.Contains([]string{"not_affected", "affected", "fixed", "under_investigation"}, s.Status):
			return VEX{}, fmt.Errorf("statement %d has the unknown status %q", i+1, s.Status)
		case s.Status == "not_affected" && s.Justification == "" && s.Impact == "":
			return VEX{}, fmt.Errorf("statement %d says not_affected without a justification", i+1)
		case len(s.Products) == 0:
			return VEX{}, fmt.Errorf("statement %d names no product", i+1)
		}
	}
	return v, nil
}

// Dismiss marks the hits that the documents say do not count for an image, which is
// named by its package URL, digest or name. A later statement wins.
func Dismiss(hits []Hit, image []string, documents []VEX) []Hit {
	out := slices.Clone(hits)
	for i := range out {
		for _, d := range documents {
			for _, s := range d.Statements {
				if s.about(out[i], image) {
					out[i].Dismissed = s.dismissal()
				}
			}
		}
	}
	return out
}

// dismissal is why a hit does not count, "" when it does.
func (s Statement) dismissal() string {
	switch s.Status {
	case "fixed":
		return "fixed"
	case "not_affected":
		if s.Justification == "" {
			return s.Impact
		}
		return s.Justification
	}
	return ""
}

// about tells whether a statement is about a hit in an image.
func (s Statement) about(h Hit, image []string) bool {
	names := append([]string{h.ID}, h.Aliases...)
	told := append([]string{s.Vulnerability.Name, s.Vulnerability.ID[strings.LastIndexByte(s.Vulnerability.ID, '/')+1:]}, s.Vulnerability.Aliases...)
	if !slices.ContainsFunc(told, func(n string) bool { return n != "" && slices.Contains(names, n) }) {
		return false
	}
	return slices.ContainsFunc(s.Products, func(p vexProduct) bool {
		if p.is(h.Package.URL) {
			return true
		}
		if !slices.ContainsFunc(image, p.is) {
			return false
		}
		return len(p.Subcomponents) == 0 || slices.ContainsFunc(p.Subcomponents, func(c vexProduct) bool { return c.is(h.Package.URL) })
	})
}

// is tells whether a product is the one with a package URL or another name: one
// without version means every version, qualifiers count only where the product has
// them.
func (p vexProduct) is(name string) bool {
	ids := []string{p.ID}
	for _, id := range p.Identifiers {
		ids = append(ids, id)
	}
	return slices.ContainsFunc(ids, func(id string) bool {
		if id == "" {
			return false
		}
		if id == name {
			return true
		}
		bare, _, qualified := strings.Cut(name, "?")
		if qualified && id == bare {
			return true
		}
		at := strings.LastIndexByte(bare, '@')
		return strings.HasPrefix(id, "pkg:") && at > 0 && id == bare[:at]
	})
}
