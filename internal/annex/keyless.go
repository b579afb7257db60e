package annex

import "encoding/json"

// SignRequest asks for signatures of an identity: a certificate of Fulcio for a key that
// exists only while the question is answered.
type SignRequest struct {
	Token       string          `json:"token,omitempty"`   // of OpenID Connect
	Ambient     *Ambient        `json:"ambient,omitempty"` // where to get one, when Token is empty
	Services    Services        `json:"services"`
	TrustedRoot json.RawMessage `json:"trusted_root,omitempty"` // the signatures are verified with; none: they are not
	Statements  []Unsigned      `json:"statements"`
}

// Ambient is what GitHub Actions gives a job with the permission id-token: write.
type Ambient struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// Services are the addresses of a Sigstore. Each that is not empty replaces those of the
// configuration.
type Services struct {
	Config    json.RawMessage `json:"config,omitempty"` // a signing configuration (sigstore, protobuf-specs, SigningConfig)
	Fulcio    string          `json:"fulcio,omitempty"`
	Rekor     string          `json:"rekor,omitempty"` // of version 1
	Timestamp string          `json:"timestamp,omitempty"`
}

// Unsigned is a statement to sign, and the bundles that sign it already.
type Unsigned struct {
	Payload []byte            `json:"payload"`
	Bundles []json.RawMessage `json:"bundles,omitempty"`
}

// SignAnswer has a bundle for each statement, in their order; null where the identity had
// signed it before.
type SignAnswer struct {
	Identity string            `json:"identity"`
	Issuer   string            `json:"issuer"`
	Bundles  []json.RawMessage `json:"bundles"`
}

// VerifyRequest asks which bundles an identity signed.
type VerifyRequest struct {
	TrustedRoot json.RawMessage   `json:"trusted_root"`
	Identities  []Identity        `json:"identities"` // of which one suffices
	SHA256      string            `json:"sha256"`     // of the image that they must be about
	Bundles     []json.RawMessage `json:"bundles"`
}

// Identity is who may have signed: a subject and the issuer that vouches for it, each
// literally or as a regular expression for the whole of it.
type Identity struct {
	Subject       string `json:"subject,omitempty"`
	SubjectRegexp string `json:"subject_regexp,omitempty"`
	Issuer        string `json:"issuer,omitempty"`
	IssuerRegexp  string `json:"issuer_regexp,omitempty"`
}

// VerifyAnswer has a result for each bundle, in their order.
type VerifyAnswer struct {
	Results []BundleResult `json:"results"`
}

// BundleResult says who signed, or why that does not count.
type BundleResult struct {
	By      string `json:"by,omitempty"`
	Refused string `json:"refused,omitempty"`
}
