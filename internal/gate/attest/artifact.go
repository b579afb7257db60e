package attest

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// Artifact is a manifest to keep beside an image, and how others find it.
type Artifact struct {
	v1.Image
	Tag       string // TagSignatures or TagAttestations; empty: it refers to the image (OCI 1.1)
	Predicate string // type of the statement that it holds; empty: none
	Signed    bool
}

// Sign makes the signature of an image in both of cosign's forms: what lies under the
// tag, and a manifest that refers to the image.
//
// There is no third one, a bundle of Sigstore, as identities get: where there is a bundle,
// cosign 3 looks at nothing else, also when it is given a key.
func Sign(ctx context.Context, signer *Signer, repository string, subject v1.Descriptor) ([]Artifact, error) {
	payload, err := simpleSigning(repository, subject.Digest)
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", signer.Name, err)
	}
	notes := map[string]string{annotationSignature: base64.StdEncoding.EncodeToString(signature)}
	tagged, err := tagged(static.NewLayer(payload, typeSimpleSigning), notes)
	if err != nil {
		return nil, err
	}
	refers, err := part{payload, typeSimpleSigning, notes}.refersTo(subject, typeSignatures, nil)
	return []Artifact{{Image: tagged, Tag: TagSignatures, Signed: true}, {Image: refers, Signed: true}}, err
}

// Attest signs a statement about an image, in both forms.
func Attest(ctx context.Context, signer *Signer, statement []byte, subject v1.Descriptor) ([]Artifact, error) {
	s, err := ParseStatement(statement)
	if err != nil {
		return nil, err
	}
	sealed, err := seal(ctx, signer, statement)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", signer.Name, err)
	}
	envelope, err := encode(sealed)
	if err != nil {
		return nil, err
	}
	notes := map[string]string{annotationSignature: "", annotationPredicate: s.PredicateType}
	tagged, err := tagged(static.NewLayer(envelope, typeEnvelope), notes)
	if err != nil {
		return nil, err
	}
	refers, err := part{envelope, typeEnvelope, notes}.refersTo(subject, typeEnvelope, map[string]string{annotationPredicate: s.PredicateType})
	return []Artifact{
		{Image: refers, Predicate: s.PredicateType, Signed: true},
		{Image: tagged, Tag: TagAttestations, Predicate: s.PredicateType, Signed: true},
	}, err
}

// Bundled keeps a bundle of Sigstore that signs a statement, in the form of cosign 3.
func Bundled(bundle []byte, predicate string, subject v1.Descriptor) (Artifact, error) {
	img, err := part{bundle, typeBundle, nil}.refersTo(subject, typeBundle, map[string]string{
		annotationBundleContent: "dsse-envelope", annotationBundlePredicate: predicate,
	})
	return Artifact{Image: img, Predicate: predicate, Signed: true}, err
}

// Unsigned keeps a statement that nobody signed yet.
func Unsigned(statement []byte, subject v1.Descriptor) (Artifact, error) {
	s, err := ParseStatement(statement)
	if err != nil {
		return Artifact{}, err
	}
	img, err := part{statement, typeStatement, nil}.refersTo(subject, typeStatement, map[string]string{annotationPredicate: s.PredicateType})
	return Artifact{Image: img, Predicate: s.PredicateType}, err
}

// Wanted tells whether manifests of an artifact type may hold evidence.
func Wanted(artifactType string) bool {
	switch types.MediaType(artifactType) {
	case typeBundle, typeStatement, typeEnvelope, typeSignatures:
		return true
	case "", ocispec.MediaTypeEmptyJSON: // registries that look only at the configuration
		return true
	}
	return false
}

// Key tells items apart: equal ones are the same words with the same signatures.
func (i Item) Key() string {
	var b strings.Builder
	b.WriteString(i.Predicate + "\x00")
	b.Write(i.Payload)
	for _, m := range i.Signatures {
		b.WriteByte(0)
		b.Write(m.Bytes)
	}
	return b.String()
}

func envelopeOf(i Item) dsse.Envelope {
	e := dsse.Envelope{PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(i.Payload)}
	for _, m := range i.Signatures {
		e.Signatures = append(e.Signatures, dsse.Signature{KeyID: m.KeyID, Sig: base64.StdEncoding.EncodeToString(m.Bytes)})
	}
	return e
}

// tagged is an image of one layer, as cosign keeps it under a tag.
func tagged(layer v1.Layer, annotations map[string]string) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	return mutate.Append(base, mutate.Addendum{Layer: layer, Annotations: annotations})
}

// bundle is what cosign 3 writes beside an image (sigstore, protobuf-specs,
// sigstore_bundle.proto, version 0.3), as far as it is read.
type bundle struct {
	Envelope *dsse.Envelope `json:"dsseEnvelope,omitempty"`
	Material struct {
		Certificate certificate `json:"certificate"`
		Chain       struct {
			Certificates []certificate `json:"certificates"`
		} `json:"x509CertificateChain"`
	} `json:"verificationMaterial"`
}

type certificate struct {
	DER []byte `json:"rawBytes"`
}

// Identity is who the certificate in the item's bundle says signed it, and the issuer
// that vouches for it; empty: it has none. Nothing of it is checked.
func (i Item) Identity() (subject, issuer string) {
	var b bundle
	if i.Bundle == nil || json.Unmarshal(i.Bundle, &b) != nil {
		return "", ""
	}
	der := b.Material.Certificate.DER
	if len(der) == 0 && len(b.Material.Chain.Certificates) > 0 {
		der = b.Material.Chain.Certificates[0].DER
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", ""
	}
	names := slices.Concat(cert.EmailAddresses, cert.DNSNames)
	for _, u := range cert.URIs {
		names = append(names, u.String())
	}
	for _, e := range cert.Extensions {
		switch {
		case e.Id.Equal(issuerV1) && issuer == "":
			issuer = string(e.Value)
		case e.Id.Equal(issuerV2):
			_, _ = asn1.Unmarshal(e.Value, &issuer) // else the first one counts
		}
	}
	return clip(strings.Join(names, ", ")), clip(issuer)
}

// Issuers of identities in certificates of Fulcio (fulcio, docs/oid-info.md).
var (
	issuerV1 = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}
	issuerV2 = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}
)

// part is the only blob of a manifest.
type part struct {
	content     []byte
	mediaType   types.MediaType
	annotations map[string]string
}

// refersTo is a manifest that refers to an image (OCI image-spec 1.1, "Guidelines for
// Artifact Usage").
func (p part) refersTo(subject v1.Descriptor, artifactType types.MediaType, annotations map[string]string) (v1.Image, error) {
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: string(artifactType),
		Config:  ocispec.DescriptorEmptyJSON,
		Layers:  []ocispec.Descriptor{{MediaType: string(p.mediaType), Digest: digest.FromBytes(p.content), Size: int64(len(p.content)), Annotations: p.annotations}},
		Subject: &ocispec.Descriptor{MediaType: string(subject.MediaType), Digest: digest.Digest(subject.Digest.String()), Size: subject.Size}, Annotations: annotations,
	})
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(core{manifest, p.content, p.mediaType})
}

// core is a manifest with one blob and an empty configuration.
type core struct {
	manifest, content []byte
	mediaType         types.MediaType
}

func (c core) RawConfigFile() ([]byte, error)      { return []byte("{}"), nil }
func (c core) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (c core) RawManifest() ([]byte, error)        { return c.manifest, nil }
func (c core) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, l := range []v1.Layer{static.NewLayer(c.content, c.mediaType), static.NewLayer([]byte("{}"), ocispec.MediaTypeEmptyJSON)} {
		if d, err := l.Digest(); err == nil && d == h {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no blob %s", h)
}

// Read returns what a manifest holds as evidence; what it holds else is passed over. With
// an error, which joins those of all parts that cannot be read, the others come too.
func Read(img v1.Image) ([]Item, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	stored, err := img.Digest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Layers) > maxItems {
		return nil, fmt.Errorf("%s has %d parts; at most %d are read", stored, len(manifest.Layers), maxItems)
	}
	var items []Item
	var broken []error
	for _, desc := range manifest.Layers {
		read := reader(desc.MediaType)
		if read == nil {
			continue
		}
		data, err := content(img, desc)
		var item Item
		if err == nil {
			item, err = read(data, desc)
		}
		if err != nil {
			broken = append(broken, fmt.Errorf("reading evidence %s: %w", desc.Digest, err))
			continue
		}
		item.Stored = stored
		items = append(items, item)
	}
	return items, errors.Join(broken...)
}

func content(img v1.Image, desc v1.Descriptor) ([]byte, error) {
	if desc.Size > maxItemBytes {
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", desc.Size, maxItemBytes)
	}
	layer, err := img.LayerByDigest(desc.Digest)
	if err != nil {
		return nil, err
	}
	r, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxItemBytes+1))
	if err == nil && digest.FromBytes(data).String() != desc.Digest.String() {
		err = fmt.Errorf("its content has another digest")
	}
	return data, err
}

// reader returns what reads a blob of a media type; nil: nothing.
func reader(mediaType types.MediaType) func([]byte, v1.Descriptor) (Item, error) {
	switch mediaType {
	case typeSimpleSigning:
		return func(data []byte, desc v1.Descriptor) (Item, error) {
			signature, err := base64.StdEncoding.DecodeString(desc.Annotations[annotationSignature])
			if err != nil {
				return Item{}, fmt.Errorf("its signature is not base64")
			}
			return Item{Payload: data, Signatures: []Mark{{Bytes: signature}}}, nil
		}
	case typeEnvelope:
		return func(data []byte, _ v1.Descriptor) (Item, error) {
			var e dsse.Envelope
			if err := json.Unmarshal(data, &e); err != nil {
				return Item{}, err
			}
			return openEnvelope(&e)
		}
	case typeBundle:
		return func(data []byte, _ v1.Descriptor) (Item, error) {
			var b bundle
			if err := json.Unmarshal(data, &b); err != nil {
				return Item{}, err
			}
			if b.Envelope == nil {
				return Item{}, fmt.Errorf("the bundle has no envelope")
			}
			item, err := openEnvelope(b.Envelope)
			item.Bundle = bytes.Clone(data)
			return item, err
		}
	case typeStatement:
		return func(data []byte, _ v1.Descriptor) (Item, error) {
			s, err := ParseStatement(data)
			return Item{Predicate: s.PredicateType, Payload: bytes.Clone(data)}, err
		}
	}
	return nil
}

// openEnvelope reads an envelope and checks nothing.
func openEnvelope(e *dsse.Envelope) (Item, error) {
	if e.PayloadType != payloadType {
		return Item{}, fmt.Errorf("the envelope holds %q, not a statement", e.PayloadType)
	}
	payload, err := e.DecodeB64Payload()
	if err != nil {
		return Item{}, err
	}
	s, err := ParseStatement(payload)
	if err != nil {
		return Item{}, err
	}
	item := Item{Predicate: s.PredicateType, Payload: payload, pae: dsse.PAE(payloadType, payload)}
	for _, m := range e.Signatures {
		signature, err := base64.StdEncoding.DecodeString(m.Sig)
		if err != nil {
			return Item{}, fmt.Errorf("a signature of the envelope is not base64")
		}
		item.Signatures = append(item.Signatures, Mark{m.KeyID, signature})
	}
	return item, nil
}

// Files are the forms in which other tools read an item, by the suffix of their names.
func (i Item) Files() map[string][]byte {
	if i.Predicate == "" {
		files := map[string][]byte{".json": i.Payload}
		for _, m := range i.Signatures {
			files[".sig"] = []byte(base64.StdEncoding.EncodeToString(m.Bytes) + "\n")
		}
		return files
	}
	files := map[string][]byte{".json": i.Payload}
	if envelope, err := encode(envelopeOf(i)); err == nil && len(i.Signatures) > 0 {
		files[".dsse.json"] = envelope
	}
	if i.Bundle != nil {
		files[".sigstore.json"] = i.Bundle
	}
	return files
}
