package evidence_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/annex/serve"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/test/sigstore"
)

// TestMain answers as slipway-tools when it is started under its name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "slipway-tools" {
		if serve.Answer(context.Background(), os.Stdin, os.Stdout) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// tools is this program under the name of the second one.
func tools(t *testing.T) annex.Tools {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	path := filepath.Join(t.TempDir(), "slipway-tools")
	must(t, os.Symlink(self, path))
	return annex.Tools{Program: func() (string, error) { return path, nil }}
}

const (
	dev    = "dev@example.com"
	issuer = "https://issuer.example"
)

// identified is who signs with an identity, and who verifies it.
func identified(t *testing.T, s *sigstore.Sigstore) (*evidence.Keyless, *evidence.Identities) {
	t.Helper()
	trusted := s.TrustedRoot(t, sigstore.Trust{Log: true})
	return &evidence.Keyless{Tools: tools(t), Token: s.Token(dev, issuer), Services: annex.Services{Fulcio: s.URL, Rekor: s.URL}, TrustedRoot: trusted},
		&evidence.Identities{Tools: tools(t), TrustedRoot: trusted, Accepted: []annex.Identity{{Subject: dev, Issuer: issuer}}}
}

// stated is an image in the store with an SBOM that nobody signed.
func (w world) stated(t *testing.T, name string) *evidence.Subject {
	t.Helper()
	s := w.put(t, name)
	must(t, s.Attach(t.Context(), attest.PredicateCycloneDX, "sbom.json", []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}`)))
	return s
}

// TestAnIdentitySigns: in the store and, after a push, in a registry, with referrers or
// with their tag.
func TestAnIdentitySigns(t *testing.T) {
	sig := sigstore.Start(t)
	signer, identities := identified(t, sig)
	policy := evidence.Policy{Identities: identities, Required: []string{attest.PredicateCycloneDX}}
	for _, referrers := range []bool{true, false} {
		w := newWorld(t, registry.WithReferrersSupport(referrers))
		s := w.stated(t, "shop/web:v1")
		if _, err := s.Verify(t.Context(), policy, time.Now()); diag.ExitOf(err) != diag.ExitGate || !strings.Contains(diag.HintOf(err), "slipway evidence") {
			t.Errorf("unsigned: %v, %s", err, diag.HintOf(err))
		}
		done, err := s.Sign(t.Context(), signer)
		must(t, err)
		if !done.Image || len(done.Statements) != 1 || done.By != dev+" (issuer "+issuer+")" {
			t.Errorf("signed: %+v", done)
		}
		if done, err = s.Sign(t.Context(), signer); err != nil || done.Image || len(done.Statements)+len(done.Artifacts) > 0 {
			t.Errorf("signed again: %+v, %v", done, err)
		}
		v, err := s.Verify(t.Context(), policy, time.Now())
		must(t, err)
		if len(v.Evidence) != 2 || v.Evidence[0].By != dev+" (issuer "+issuer+")" {
			t.Errorf("%+v", v)
		}
		remote := w.host + "/shop/web:v1"
		must(t, w.registry.Push(t.Context(), "shop/web:v1", remote))
		there, err := evidence.InRegistry(t.Context(), w.registry, remote)
		must(t, err)
		_, err = there.Verify(t.Context(), policy, time.Now())
		must(t, err)
		list := there.List()
		if len(list.Evidence) != 2 || list.Evidence[0].Identity != dev || list.Evidence[0].Issuer != issuer || list.Evidence[0].KeyText() != dev {
			t.Errorf("%+v", list)
		}
		if _, err := there.Verify(t.Context(), w.policy(), time.Now()); diag.ExitOf(err) != diag.ExitGate {
			t.Errorf("with a key that signed nothing: %v", err)
		}
		// Beside a key, either suffices.
		both := w.policy()
		both.Identities = identities
		_, err = there.Verify(t.Context(), both, time.Now())
		must(t, err)
	}
}

func TestIdentitiesAreRefused(t *testing.T) {
	w, sig := newWorld(t), sigstore.Start(t)
	signer, identities := identified(t, sig)
	s := w.stated(t, "shop/web:v1")
	_, err := s.Sign(t.Context(), signer)
	must(t, err)
	refused := func(p evidence.Policy, s *evidence.Subject, says string) {
		t.Helper()
		if _, err := s.Verify(t.Context(), p, time.Now()); diag.ExitOf(err) != diag.ExitGate || !strings.Contains(err.Error(), says) || diag.HintOf(err) == "" {
			t.Errorf("%v\ndoes not say %q", err, says)
		}
	}
	other := *identities
	other.Accepted = []annex.Identity{{Subject: "eve@example.com", Issuer: issuer}}
	refused(evidence.Policy{Identities: &other}, s, "no valid signature: dev@example.com (issuer https://issuer.example) signed it, who is not accepted")
	other.Accepted, other.TrustedRoot = identities.Accepted, sigstore.Start(t).TrustedRoot(t, sigstore.Trust{Log: true})
	refused(evidence.Policy{Identities: &other}, s, "is of an authority that the trusted root does not have")
	refused(evidence.Policy{Identities: identities, Required: []string{attest.PredicateProvenance}}, s, "no valid statement provenance: there is none")

	// The evidence of one image beside another.
	second := w.put(t, "shop/other:v1")
	beside, err := w.store.Beside(s.Image.Digest)
	must(t, err)
	must(t, w.store.Attach(t.Context(), second.Image.Digest, beside, nil))
	refused(evidence.Policy{Identities: identities}, w.find(t, "shop/other:v1"), "it is about another image")

	// A signature of a key is none of an identity.
	third := w.put(t, "shop/third:v1")
	_, err = third.Sign(t.Context(), w.key)
	must(t, err)
	refused(evidence.Policy{Identities: identities}, third, "no accepted key or identity signed it")

	broken := *identities
	broken.TrustedRoot = []byte("{}")
	if _, err := s.Verify(t.Context(), evidence.Policy{Identities: &broken}, time.Now()); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("a trusted root that trusts nobody: %v", err)
	}
}

// TestNothingSecretIsKept: neither the store nor what is exported has the token, and the
// program that signs is given it alone.
func TestNothingSecretIsKept(t *testing.T) {
	w, sig := newWorld(t), sigstore.Start(t)
	signer, _ := identified(t, sig)
	s := w.stated(t, "shop/web:v1")
	_, err := s.Sign(t.Context(), signer)
	must(t, err)
	files, err := s.Export(w.dir)
	must(t, err)
	if names := strings.Join(files, " "); !strings.Contains(names, ".signature.sigstore.json") || !strings.Contains(names, ".cyclonedx.sigstore.json") {
		t.Errorf("exported: %s", names)
	}
	secret := strings.Split(signer.Token, ".")[2]
	for _, item := range s.Items {
		if len(item.Bundle) == 0 || bytes.Contains(item.Bundle, []byte(secret)) || bytes.Contains(item.Bundle, []byte("PRIVATE KEY")) {
			t.Errorf("the bundle of %s: %s", item.Predicate, item.Bundle)
		}
	}
	signer.Token = sig.Token("banned@example.com", issuer)
	if _, err := w.put(t, "shop/two:v1").Sign(t.Context(), signer); err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "who is banned") {
		t.Errorf("%v", err)
	}
}

func TestIdentityTokens(t *testing.T) {
	w := newWorld(t)
	variables := map[string]string{}
	w.keys.Lookup = func(name string) (string, bool) { v, ok := variables[name]; return v, ok }
	must(t, os.WriteFile(filepath.Join(w.dir, "token"), []byte("a.b.c\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(w.dir, "no-token"), []byte("hello"), 0o600))
	if token, _, err := w.keys.IdentityToken("token"); err != nil || token != "a.b.c" {
		t.Errorf("of a file: %q, %v", token, err)
	}
	if _, _, err := w.keys.IdentityToken("no-token"); diag.ExitOf(err) != diag.ExitUsage || strings.Contains(err.Error(), "hello") {
		t.Errorf("of no token: %v", err)
	}
	if _, _, err := w.keys.IdentityToken("none"); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
		t.Errorf("of no file: %v", err)
	}
	variables["ACTIONS_ID_TOKEN_REQUEST_URL"], variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "https://a", "b"
	if token, ambient, err := w.keys.IdentityToken(""); err != nil || token != "" || *ambient != (annex.Ambient{URL: "https://a", Token: "b"}) {
		t.Errorf("of GitHub: %q, %+v, %v", token, ambient, err)
	}
	variables["SIGSTORE_ID_TOKEN"] = "d.e.f"
	if token, _, err := w.keys.IdentityToken(""); err != nil || token != "d.e.f" {
		t.Errorf("of the variable: %q, %v", token, err)
	}
}

func TestPolicyWithIdentities(t *testing.T) {
	w, sig := newWorld(t), sigstore.Start(t)
	w.keys.Tools = tools(t)
	want := &config.Signatures{TrustedRoot: "root.json", Identities: []config.Identity{{Subject: dev, Issuer: issuer}}}
	if _, err := w.keys.Policy(w.dir, want); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "cannot read the trusted root root.json") {
		t.Errorf("without the file: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(w.dir, "root.json"), sig.TrustedRoot(t, sigstore.Trust{Log: true}), 0o600))
	p, err := w.keys.Policy(w.dir, want)
	must(t, err)
	s := w.put(t, "shop/web:v1")
	signer, _ := identified(t, sig)
	_, err = s.Sign(t.Context(), signer)
	must(t, err)
	_, err = s.Verify(t.Context(), p, time.Now())
	must(t, err)
}

// TestCosignAcceptsIdentities: cosign 2.6 and 3 verify what an identity signed here, and what
// cosign signed counts here.
func TestCosignAcceptsIdentities(t *testing.T) {
	for _, cosign := range cosigns(t) {
		w, sig := newWorld(t, registry.WithReferrersSupport(true)), sigstore.Start(t)
		if help := w.peer(t, cosign, "verify", "--help"); !strings.Contains(help, "--trusted-root") {
			t.Logf("%s verifies with no trusted root of others", cosign)
			continue
		}
		signer, identities := identified(t, sig)
		must(t, os.WriteFile(filepath.Join(w.dir, "root.json"), identities.TrustedRoot, 0o600))
		s := w.stated(t, "shop/web:v1")
		_, err := s.Sign(t.Context(), signer)
		must(t, err)
		remote := w.host + "/shop/web:v1"
		must(t, w.registry.Push(t.Context(), "shop/web:v1", remote))
		common := []string{"--trusted-root", "root.json", "--certificate-identity", dev, "--certificate-oidc-issuer", issuer, "--insecure-ignore-sct", remote}
		if out := w.peer(t, cosign, append([]string{"verify"}, common...)...); !strings.Contains(out, s.Digest()) {
			t.Errorf("it names another image:\n%s", out)
		}
		w.peer(t, cosign, append([]string{"verify-attestation", "--type", "cyclonedx"}, common...)...)

		w.put(t, "shop/theirs:v1")
		theirs := w.host + "/shop/theirs:v1"
		must(t, w.registry.Push(t.Context(), "shop/theirs:v1", theirs))
		must(t, os.WriteFile(filepath.Join(w.dir, "config.json"), sig.SigningConfig(t), 0o600))
		must(t, os.WriteFile(filepath.Join(w.dir, "both.json"), sig.TrustedRoot(t, sigstore.Trust{Log: true, Timestamps: true}), 0o600))
		must(t, os.WriteFile(filepath.Join(w.dir, "sbom.json"), []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}`), 0o600))
		with := []string{"--signing-config", "config.json", "--trusted-root", "both.json", "--identity-token", signer.Token, theirs}
		if strings.Contains(w.peer(t, cosign, "sign", "--help"), "--new-bundle-format") { // which cosign 3 does by itself
			with = append(with, "--new-bundle-format")
		}
		w.peer(t, cosign, append([]string{"sign"}, with...)...)
		w.peer(t, cosign, append([]string{"attest", "--type", "cyclonedx", "--predicate", "sbom.json"}, with...)...)
		there, err := evidence.InRegistry(t.Context(), w.registry, theirs)
		must(t, err)
		identities.TrustedRoot = sig.TrustedRoot(t, sigstore.Trust{Log: true, Timestamps: true})
		_, err = there.Verify(t.Context(), evidence.Policy{Identities: identities, Required: []string{attest.PredicateCycloneDX}}, time.Now())
		must(t, err)
	}
}
