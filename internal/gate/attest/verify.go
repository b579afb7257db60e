package attest

import (
	"encoding/json"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// signed is what a signature of cosign is over (containers/image,
// docs/containers-signature.5.md).
type signed struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

const signedType = "cosign container image signature"

func simpleSigning(repository string, image v1.Hash) ([]byte, error) {
	var s signed
	s.Critical.Identity.Reference, s.Critical.Image.Digest, s.Critical.Type = repository, image.String(), signedType
	return encode(s)
}

// Checked is an item and what came of checking it.
type Checked struct {
	Item
	By      string // name of the key that signed it; empty: none of ours did
	Refused string // why it does not count; empty: it does
}

// Check tells of each item whether one of the keys signed it, about this image.
func Check(items []Item, image v1.Hash, keys []Verifier) []Checked {
	out := make([]Checked, len(items))
	for i, item := range items {
		out[i] = Checked{Item: item}
		out[i].By, out[i].Refused = item.check(image, keys)
	}
	return out
}

func (i Item) check(image v1.Hash, keys []Verifier) (by, refused string) {
	if len(i.Signatures) == 0 {
		return "", "it is not signed"
	}
	for _, key := range keys {
		for _, m := range i.Signatures {
			if key.Verifies(i.message(), m.Bytes) {
				if other := i.about(image); other != "" {
					return "", other
				}
				return key.Name, ""
			}
		}
	}
	for _, key := range keys {
		for _, m := range i.Signatures {
			if strings.EqualFold(m.KeyID, key.id) {
				return "", fmt.Sprintf("it was altered after %s signed it", key.Name)
			}
		}
	}
	return "", "another key signed it, or it was altered"
}

// Unsigned are the statements about the image to sign, each once, without those of which
// the content is in ours. In a registry, the words of others are not ours.
func (e Evidence) Unsigned(ours map[string]bool) []Item {
	var out []Item
	seen := map[string]bool{}
	for _, item := range e.Items {
		text := string(item.Payload)
		if item.IsSignature() || ours[text] || seen[text] || !item.About(e.Image.Digest) || len(item.Signatures) > 0 && e.Registry {
			continue
		}
		seen[text] = true
		out = append(out, item)
	}
	return out
}

// message is what the signatures are over.
func (i Item) message() []byte {
	if i.pae != nil {
		return i.pae
	}
	return i.Payload
}

// About tells whether the item is about an image, whoever says so.
func (i Item) About(image v1.Hash) bool { return i.about(image) == "" }

// about says of what other image the item is; empty: of this one.
func (i Item) about(image v1.Hash) string {
	if i.Predicate != "" {
		s, err := ParseStatement(i.Payload)
		if err != nil || !s.About(image.Hex) {
			return "it is about another image"
		}
		return ""
	}
	var s signed
	switch err := json.Unmarshal(i.Payload, &s); {
	case err != nil || s.Critical.Type != signedType:
		return "its payload is no signature of an image"
	case s.Critical.Image.Digest != image.String():
		return "it is about another image, " + clip(s.Critical.Image.Digest)
	}
	return ""
}

// clip shortens what somebody else wrote.
func clip(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
