package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/image"
)

// MaxBytes bounds a statement's content.
const MaxBytes = 48 << 20 // in base64 within what is read of it later

// List is what there is beside an image.
type List struct {
	Image    string   `json:"image"`
	Platform string   `json:"platform,omitempty"` // of an image of an index
	Digest   string   `json:"digest"`
	Evidence []Entry  `json:"evidence"`
	Problems []string `json:"problems,omitempty"` // evidence that cannot be read
}

// Entry is one piece of evidence, not checked.
type Entry struct {
	Type      string   `json:"type"`
	Predicate string   `json:"predicate_type,omitempty"`
	Keys      []string `json:"key_sha256,omitempty"` // as the signatures name them
	Identity  string   `json:"identity,omitempty"`   // that its certificate names, without a key
	Issuer    string   `json:"issuer,omitempty"`     // of the identity
	Signed    bool     `json:"signed"`
	SizeBytes int      `json:"size_bytes"`
	Stored    string   `json:"manifest"` // digest of the manifest that holds it
}

// Called is the name of the image, with the platform that it is for.
func (l List) Called() string { return called(l.Image, l.Platform) }

// KeyText names the keys for people, or the identity.
func (e Entry) KeyText() string {
	switch {
	case !e.Signed:
		return "unsigned"
	case e.Identity != "":
		return e.Identity
	}
	if len(e.Keys) == 0 {
		return "not named"
	}
	var short []string
	for _, k := range e.Keys {
		short = append(short, k[:min(12, len(k))])
	}
	return strings.Join(short, ", ")
}

// List lists the evidence.
func (s *Subject) List() List {
	l := List{Image: s.Name, Platform: s.Platform, Digest: s.Digest(), Evidence: []Entry{}}
	for _, item := range s.Items {
		e := Entry{Type: diag.Printable(attest.Word(item.Predicate)), Predicate: diag.Printable(item.Predicate), Signed: len(item.Signatures) > 0, SizeBytes: len(item.Payload), Stored: item.Stored.String()}
		subject, issuer := item.Identity()
		e.Identity, e.Issuer = diag.Printable(subject), diag.Printable(issuer)
		for _, m := range item.Signatures {
			if m.KeyID != "" {
				e.Keys = append(e.Keys, diag.Printable(m.KeyID))
			}
		}
		l.Evidence = append(l.Evidence, e)
	}
	for _, p := range s.Problems {
		l.Problems = append(l.Problems, diag.Printable(p.Error()))
	}
	return l
}

// Predicate is the predicate type that a word means.
func Predicate(word string) (string, error) {
	types := attest.Types()
	if p, ok := types[word]; ok {
		return p, nil
	}
	if strings.HasPrefix(word, "https://") && len(word) < 300 && word == diag.Printable(word) {
		return word, nil
	}
	words := slices.Sorted(maps.Keys(types))
	f := diag.Fail(diag.ExitUsage, "%q is not a type of statement", word)
	if near := diag.Nearest(word, words); near != "" {
		return "", f.WithHint("did you mean %q?", near)
	}
	return "", f.WithHint("use %s, or the https address of a predicate type", strings.Join(words, ", "))
}

// Attach adds what a file says as a statement about the image.
func (s *Subject) Attach(ctx context.Context, predicate, file string, data []byte) error {
	switch {
	case len(data) > MaxBytes:
		return diag.Fail(diag.ExitUsage, "%s is larger than %d MB", file, MaxBytes>>20).WithHint("attach an SBOM without the list of files")
	case !json.Valid(data):
		return diag.Fail(diag.ExitUsage, "%s is not JSON", file).WithHint("attach the content of a predicate, such as a CycloneDX document in JSON")
	}
	if st, err := attest.ParseStatement(data); err == nil {
		return diag.Fail(diag.ExitUsage, "%s is a whole statement, not the content of one", file).
			WithHint("attach only its predicate (%s): slipway makes the statement", diag.Printable(st.PredicateType))
	}
	return s.Keep(ctx, predicate, json.RawMessage(data))
}

// Export writes the evidence into a directory, and returns the names of the files.
func (s *Subject) Export(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, diag.Fail(diag.ExitUsage, "cannot write into %s", dir).Because(err)
	}
	short := strings.NewReplacer("/", "-", ":", "-", "@", "-").Replace(strings.TrimSuffix(image.Name(s.Name).Short()+"-"+s.Platform, "-"))
	var written []string
	count := map[string]int{}
	for _, item := range s.Items {
		if item.Predicate == attest.PredicateSigned && item.Bundle == nil {
			continue // the same as the signature, for cosign 3
		}
		word := attest.Word(item.Predicate)
		if strings.Contains(word, "/") {
			word = "statement"
		}
		base := short + "." + word
		if count[base]++; count[base] > 1 {
			base = fmt.Sprintf("%s-%d", base, count[base])
		}
		for suffix, data := range item.Files() {
			path := filepath.Join(dir, base+suffix)
			if err := atomicfile.Write(path, data, atomicfile.Options{}); err != nil {
				return written, errors.Join(diag.Fail(diag.ExitUsage, "cannot write %s", path), err)
			}
			written = append(written, path)
		}
	}
	slices.Sort(written)
	return written, nil
}
