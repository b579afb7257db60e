package attest_test

import (
	"crypto/elliptic"
	"io"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

// FuzzRead: whatever a registry keeps beside an image, reading and checking it ends, and
// nothing counts that the key did not sign.
func FuzzRead(f *testing.F) {
	kinds := []types.MediaType{
		"application/vnd.dev.cosign.simplesigning.v1+json", "application/vnd.dsse.envelope.v1+json",
		"application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.in-toto+json",
	}
	signer, err := attest.ParsePrivate("a.key", pkcs8(p256(f)), nil)
	if err != nil {
		f.Fatal(err)
	}
	statement, err := attest.NewStatement("web", subject().Digest.Hex, attest.PredicateTests, map[string]string{"result": "PASSED"})
	if err != nil {
		f.Fatal(err)
	}
	signed, err := attest.Sign(f.Context(), signer, "web", subject())
	if err != nil {
		f.Fatal(err)
	}
	said, err := attest.Attest(f.Context(), signer, statement, subject())
	if err != nil {
		f.Fatal(err)
	}
	for _, a := range append(signed, said...) {
		for i := range kinds {
			f.Add(blobOf(f, a.Image), "c2ln", uint8(i))
		}
	}
	f.Add(statement, "", uint8(3))
	f.Add([]byte(`{"dsseEnvelope":{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":"!"}]}}`), "", uint8(2))
	f.Add([]byte(`{"verificationMaterial":{"certificate":{"rawBytes":"MIIB"}},"dsseEnvelope":{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}}`), "", uint8(2))
	f.Add([]byte(`null`), "=", uint8(1))
	other, err := attest.ParsePublic("other", public(&ec(f, elliptic.P256()).PublicKey))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, signature string, kind uint8) {
		img, err := mutate.Append(empty.Image, mutate.Addendum{
			Layer: static.NewLayer(data, kinds[int(kind)%len(kinds)]), Annotations: map[string]string{"dev.cosignproject.cosign/signature": signature},
		})
		if err != nil {
			t.Fatal(err)
		}
		items, err := attest.Read(img)
		for _, item := range items {
			item.Identity()
		}
		if (err == nil) == (len(items) == 0) {
			t.Errorf("%d items, %v", len(items), err)
		}
		for _, c := range attest.Check(items, subject().Digest, []attest.Verifier{other}) {
			if c.Refused == "" {
				t.Errorf("it counts: %s", c.Payload)
			}
		}
	})
}

func blobOf(tb testing.TB, img v1.Image) []byte {
	tb.Helper()
	layers, err := img.Layers()
	if err != nil {
		tb.Fatal(err)
	}
	r, err := layers[0].Compressed()
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// FuzzKeys: any text is a key or is refused with a hint.
func FuzzKeys(f *testing.F) {
	key := p256(f)
	f.Add(pkcs8(key))
	f.Add(public(&key.PublicKey))
	f.Add([]byte("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\neyJrZGYiOnsibmFtZSI6InNjcnlwdCJ9fQ==\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN EC PARAMETERS-----\n-----END EC PARAMETERS-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := attest.ParsePrivate("k", text, func() (string, bool) { return "", true })
		_, err2 := attest.ParsePublic("k", text)
		if err == nil && err2 == nil {
			t.Error("both a private and a public key")
		}
		for _, err := range []error{err, err2} {
			if err != nil && diag.HintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
		}
	})
}
