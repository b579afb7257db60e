// Package attest makes and checks what is signed about an image: signatures as cosign
// writes them, and in-toto statements (provenance, SBOM, results of tests and scans) in
// DSSE envelopes. It reads keys that it is given as text, and neither files, registries
// nor the clock. Nothing secret enters a statement: of build arguments only names and
// harmless values, of addresses no logins.
//
//	signer, err := attest.ParsePrivate("cosign.key", pem, password)
//	if err != nil {
//		return err
//	}
//	signatures, err := attest.Sign(ctx, signer, "registry.example/shop/web", descriptor)
package attest

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Media types and annotations, as cosign 2 and 3 write and read them (cosign,
// specs/SIGNATURE_SPEC.md and specs/BUNDLE_SPEC.md; in-toto, spec v1 "media types").
const (
	typeSimpleSigning types.MediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
	typeEnvelope      types.MediaType = "application/vnd.dsse.envelope.v1+json"
	typeBundle        types.MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	typeStatement     types.MediaType = "application/vnd.in-toto+json"

	// typeSignatures is the artifact type of what refers to an image with signatures.
	typeSignatures types.MediaType = "application/vnd.dev.cosign.artifact.sig.v1+json"

	annotationSignature = "dev.cosignproject.cosign/signature"
	annotationPredicate = "predicateType"

	// Of what refers to an image with a bundle, as cosign 3 writes them (cosign,
	// pkg/oci/remote/write.go).
	annotationBundleContent   = "dev.sigstore.bundle.content"
	annotationBundlePredicate = "dev.sigstore.bundle.predicateType"
)

// Suffixes of the tags that cosign keeps signatures and attestations of a digest under.
const (
	TagSignatures   = "sig"
	TagAttestations = "att"
)

// Limits of what is read from a registry, which may send anything.
const (
	maxItems     = 500      // pieces of evidence of one image
	maxItemBytes = 64 << 20 // of one of them: an SBOM with every file
)

// Item is one piece of evidence of an image, not checked yet.
type Item struct {
	// Predicate is the type of a statement; empty: a signature of the image as
	// cosign's simple signing has it.
	Predicate  string
	Payload    []byte // what is signed: the statement, or the signing payload
	Signatures []Mark // none: unsigned
	Stored     v1.Hash
	Bundle     []byte // of Sigstore, which the item was in; nil: it was in none
	pae        []byte // what signatures are over, when not Payload
}

// Mark is one signature.
type Mark struct {
	KeyID string // SHA-256 of the public key, hex; empty: the signer does not tell
	Bytes []byte
}

// Evidence is an image and what is said of it.
type Evidence struct {
	Repository string // that signatures say the image is called
	Image      v1.Descriptor
	Items      []Item
	Registry   bool // it is in a registry, where others sign too
}

// Sealed is what came of signing an image and the statements about it.
type Sealed struct {
	Image      bool     // it was signed; false: the signer had done so before
	Statements []string // types of the statements that were signed
	Artifacts  []Artifact
	By         string // names the signer: an ID of a key, or an identity
}

// IsSignature reports whether the item says only that somebody signed the image.
func (i Item) IsSignature() bool { return i.Predicate == "" || i.Predicate == PredicateSigned }
