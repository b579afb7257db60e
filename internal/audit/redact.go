package audit

import (
	"cmp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/secret"
)

// hidden stands where a secret was.
const hidden = "[secret]"

// shortest is the shortest value, in bytes, that is hidden within a text. A shorter one would blot out
// ordinary words; it is hidden where it is the whole text.
const shortest = 4

// redactor hides the values that the caller names, and what has the form of a secret.
type redactor []string

// add takes values, and the lines of those that have several.
func (r *redactor) add(values ...string) {
	for _, v := range values {
		for _, word := range append(strings.Split(v, "\n"), v) {
			if word = strings.TrimSpace(word); word != "" {
				*r = append(*r, word)
			}
		}
	}
	slices.SortFunc(*r, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	*r = slices.Compact(*r)
}

// text hides what is secret in a text; the name of a detail may say that it is one.
func (r redactor) text(name, text string) string {
	words := redactor(nil)
	words.add(append(secret.Words(name, text), r...)...)
	for _, w := range words {
		if len(w) >= shortest || text == w {
			text = strings.ReplaceAll(text, w, hidden)
		}
	}
	text = secret.Hide(plaintext.WithoutLogins(text))
	if len(text) > maxValue {
		text = strings.ToValidUTF8(text[:maxValue], "") + "… (cut)"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// record returns a copy in which nothing is secret.
func (r redactor) record(in Record) Record {
	out := in
	for _, field := range []*string{&out.Origin.URL, &out.Origin.Commit, &out.Environment, &out.Fleet, &out.Version, &out.Result} {
		*field = r.text("", *field)
	}
	out.Details, out.Digests = nil, nil
	for name, value := range in.Details {
		put(&out.Details, r.text("", name), r.text(name, value))
	}
	for service, digest := range in.Digests {
		put(&out.Digests, r.text("", service), r.text("", digest))
	}
	return out
}

func put(m *map[string]string, name, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
}
