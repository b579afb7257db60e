package attest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// Types of predicates.
const (
	PredicateProvenance      = "https://slsa.dev/provenance/v1"
	PredicateCycloneDX       = "https://cyclonedx.org/bom"
	PredicateSPDX            = "https://spdx.dev/Document"
	PredicateTests           = "https://in-toto.io/attestation/test-result/v0.1"
	PredicateVulnerabilities = "https://in-toto.io/attestation/vulns/v0.2"
	PredicateSigned          = "https://sigstore.dev/cosign/sign/v1" // cosign 3: a signature is a statement too
)

const (
	statementType  = "https://in-toto.io/Statement/v1"
	statementType0 = "https://in-toto.io/Statement/v0.1" // what older tools sign
	payloadType    = string(typeStatement)
)

// Types are the short words for predicates, as people write them.
func Types() map[string]string {
	return map[string]string{
		"provenance": PredicateProvenance, "cyclonedx": PredicateCycloneDX, "spdx": PredicateSPDX,
		"tests": PredicateTests, "vulnerabilities": PredicateVulnerabilities,
	}
}

// Word is the short word of a predicate type, else the type itself.
func Word(predicate string) string {
	for word, t := range Types() {
		if t == predicate {
			return word
		}
	}
	if predicate == PredicateSigned || predicate == "" {
		return "signature"
	}
	return predicate
}

// Descriptor names something by its digest (in-toto, "ResourceDescriptor").
type Descriptor struct {
	Name        string            `json:"name,omitempty"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

// Statement is what is said of an image (in-toto attestation framework v1).
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Descriptor    `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// NewStatement says something of the image of a digest ("sha256:…" without its prefix).
func NewStatement(image, sha256, predicateType string, predicate any) ([]byte, error) {
	raw, err := encode(predicate)
	if err != nil {
		return nil, fmt.Errorf("encoding the predicate %s: %w", predicateType, err)
	}
	return encode(Statement{
		Type: statementType, PredicateType: predicateType, Predicate: raw,
		Subject: []Descriptor{{Name: image, Digest: map[string]string{"sha256": sha256}}},
	})
}

// encode is json.Marshal that leaves <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

var errNoStatement = errors.New("it is no in-toto statement")

// ParseStatement reads a statement.
func ParseStatement(data []byte) (Statement, error) {
	var s Statement
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("reading a statement: %w", err)
	}
	if s.Type != statementType && s.Type != statementType0 || s.PredicateType == "" || len(s.Subject) == 0 {
		return s, errNoStatement
	}
	return s, nil
}

// About tells whether a statement is about an image.
func (s Statement) About(sha256 string) bool {
	for _, subject := range s.Subject {
		if subject.Digest["sha256"] == sha256 {
			return true
		}
	}
	return false
}

// seal signs a statement.
func seal(ctx context.Context, signer *Signer, statement []byte) (*dsse.Envelope, error) {
	es, err := dsse.NewEnvelopeSigner(signer)
	if err != nil {
		return nil, err
	}
	return es.SignPayload(ctx, payloadType, statement)
}
