package keyless

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/test/sigstore"
)

const (
	dev    = "dev@example.com"
	issuer = "https://issuer.example"
	image  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	other  = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func statement(sha256 string) []byte {
	return []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + sha256 + `"}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}`)
}

// request is one to sign a statement about the image.
func request(s *sigstore.Sigstore) annex.SignRequest {
	return annex.SignRequest{
		Token: s.Token(dev, issuer), Services: annex.Services{Fulcio: s.URL, Rekor: s.URL},
		Statements: []annex.Unsigned{{Payload: statement(image)}},
	}
}

func signed(t *testing.T, r annex.SignRequest) annex.SignAnswer {
	t.Helper()
	a, err := Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err, diag.HintOf(err))
	}
	return a
}

// verified says what came of the check of one bundle.
func verified(t *testing.T, trustedRoot []byte, bundle json.RawMessage, who ...annex.Identity) annex.BundleResult {
	t.Helper()
	if len(who) == 0 {
		who = []annex.Identity{{Subject: dev, Issuer: issuer}}
	}
	a, err := Verify(t.Context(), annex.VerifyRequest{TrustedRoot: trustedRoot, Identities: who, SHA256: image, Bundles: []json.RawMessage{bundle}})
	if err != nil {
		t.Fatal(err, diag.HintOf(err))
	}
	return a.Results[0]
}

func TestSignAndVerify(t *testing.T) {
	s := sigstore.Start(t)
	trusted := s.TrustedRoot(t, sigstore.Trust{Log: true, Timestamps: true})
	ways := map[string]func(*annex.SignRequest){
		"log":            func(*annex.SignRequest) {},
		"log and time":   func(r *annex.SignRequest) { r.Services.Timestamp = s.URL + "/timestamp" },
		"configuration":  func(r *annex.SignRequest) { r.Services = annex.Services{Config: s.SigningConfig(t)} },
		"verified there": func(r *annex.SignRequest) { r.TrustedRoot = trusted },
	}
	for name, change := range ways {
		t.Run(name, func(t *testing.T) {
			r := request(s)
			change(&r)
			a := signed(t, r)
			if a.Identity != dev || a.Issuer != issuer || len(a.Bundles) != 1 {
				t.Fatalf("%+v", a)
			}
			if got := verified(t, trusted, a.Bundles[0]); got.By != dev+" (issuer "+issuer+")" || got.Refused != "" {
				t.Errorf("%+v", got)
			}
		})
	}
	// Without a log, a timestamp says when the certificate was used.
	r := request(s)
	r.Services = annex.Services{Fulcio: s.URL, Timestamp: s.URL + "/timestamp"}
	stamped := signed(t, r).Bundles[0]
	if got := verified(t, s.TrustedRoot(t, sigstore.Trust{Timestamps: true}), stamped); got.Refused != "" {
		t.Errorf("a timestamp: %+v", got)
	}
	if got := verified(t, trusted, stamped); got.Refused != "it has no entry in a transparency log" {
		t.Errorf("no entry in the log: %+v", got)
	}
}

// TestRefusals: whatever speaks against a bundle, it is refused with the cause.
func TestRefusals(t *testing.T) {
	s := sigstore.Start(t)
	trusted := s.TrustedRoot(t, sigstore.Trust{Log: true})
	good := signed(t, request(s)).Bundles[0]
	refused := func(t *testing.T, got annex.BundleResult, says string) {
		t.Helper()
		if got.By != "" || !strings.Contains(got.Refused, says) {
			t.Errorf("%+v does not say %q", got, says)
		}
	}
	for name, c := range map[string]struct {
		who  annex.Identity
		says string // empty: it counts
	}{
		"both literally":         {annex.Identity{Subject: dev, Issuer: issuer}, ""},
		"regular expressions":    {annex.Identity{SubjectRegexp: `.*@example\.com`, IssuerRegexp: `https://issuer\..*`}, ""},
		"another identity":       {annex.Identity{Subject: "eve@example.com", Issuer: issuer}, "dev@example.com (issuer https://issuer.example) signed it, who is not accepted"},
		"another issuer":         {annex.Identity{Subject: dev, Issuer: "https://other.example"}, "signed it, and the issuer is not accepted"},
		"a part of the identity": {annex.Identity{SubjectRegexp: `dev@`, Issuer: issuer}, "who is not accepted"},
		"a part of the issuer":   {annex.Identity{Subject: dev, IssuerRegexp: `issuer\.example`}, "the issuer is not accepted"},
		"an alternative":         {annex.Identity{SubjectRegexp: `eve@example.com|dev`, Issuer: issuer}, "who is not accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := verified(t, trusted, good, c.who); c.says != "" {
				refused(t, got, c.says)
			} else if got.Refused != "" {
				t.Errorf("%+v", got)
			}
		})
	}
	if got := verified(t, trusted, good, annex.Identity{Subject: "eve@example.com", Issuer: issuer}, annex.Identity{Subject: dev, Issuer: issuer}); got.Refused != "" {
		t.Errorf("the second of two: %+v", got)
	}

	refused(t, verified(t, sigstore.Start(t).TrustedRoot(t, sigstore.Trust{Log: true}), good), "is of an authority that the trusted root does not have")
	refused(t, verified(t, s.TrustedRoot(t, sigstore.Trust{Timestamps: true}), good), "neither a timestamp nor a transparency log of the trusted root says when")
	refused(t, verified(t, s.TrustedRoot(t, sigstore.Trust{Log: true, CertificateLog: true}), good), "signed certificate timestamp")
	refused(t, verified(t, trusted, json.RawMessage(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`)), "its bundle cannot be read")
	refused(t, verified(t, trusted, json.RawMessage(`nonsense`)), "its bundle cannot be read")

	payload := base64.StdEncoding.EncodeToString(statement(image))
	tampered := bytes.Replace(good, []byte(payload), []byte(base64.StdEncoding.EncodeToString(statement(other))), 1)
	if bytes.Equal(tampered, good) {
		t.Fatal("the bundle has another form")
	}
	refused(t, verified(t, trusted, tampered), "it was altered after it was signed")

	r := request(s)
	r.Statements[0].Payload = statement(other)
	refused(t, verified(t, trusted, signed(t, r).Bundles[0]), "it does not hold")

	s.Late(30 * time.Minute)
	refused(t, verified(t, trusted, signed(t, request(s)).Bundles[0]), "was not valid when it was signed, at ")
	s.Late(0)

	// An entry of a true log for another signature.
	again := signed(t, request(s)).Bundles[0]
	refused(t, verified(t, trusted, swap(t, good, again, "tlogEntries")), "it does not hold")
	// A certificate of another key.
	refused(t, verified(t, trusted, swap(t, good, again, "certificate")), "it was altered after it was signed")
}

// swap is a bundle with a part of the material of another.
func swap(t *testing.T, to, from json.RawMessage, part string) json.RawMessage {
	t.Helper()
	var a, b map[string]any
	if err := json.Unmarshal(to, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(from, &b); err != nil {
		t.Fatal(err)
	}
	material := a["verificationMaterial"].(map[string]any)
	if material[part] == nil {
		t.Fatalf("there is no %s", part)
	}
	material[part] = b["verificationMaterial"].(map[string]any)[part]
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestWhatWasSignedIsNotSignedAgain, by the same identity, if the signature holds.
func TestWhatWasSignedIsNotSignedAgain(t *testing.T) {
	s := sigstore.Start(t)
	r := request(s)
	r.Statements = append(r.Statements, annex.Unsigned{Payload: statement(other)})
	first := signed(t, r)
	r.Statements[0].Bundles = first.Bundles[:1]
	if again := signed(t, r); again.Bundles[0] != nil || again.Bundles[1] == nil {
		t.Errorf("%+v", again)
	}
	r.Token = s.Token("eve@example.com", issuer)
	if eve := signed(t, r); eve.Bundles[0] == nil || eve.Identity != "eve@example.com" {
		t.Errorf("another identity: %+v", eve)
	}
	r.Token = s.Token(dev, issuer)
	r.Statements[0].Bundles = []json.RawMessage{swap(t, first.Bundles[0], first.Bundles[1], "tlogEntries"), json.RawMessage(`{}`)}
	r.Statements[0].Bundles[0] = bytes.Replace(r.Statements[0].Bundles[0], []byte(`"sig":"`), []byte(`"sig":"AAAA`), 1)
	if broken := signed(t, r); broken.Bundles[0] == nil {
		t.Error("a signature that does not hold counts")
	}
}

// TestTokens come from GitHub Actions where none is given, and are in no error.
func TestTokens(t *testing.T) {
	s := sigstore.Start(t)
	r := request(s)
	r.Token = ""
	address, bearer := s.Actions()
	r.Ambient = &annex.Ambient{URL: address, Token: bearer}
	if a := signed(t, r); !strings.HasPrefix(a.Identity, "https://github.com/acme/") && !strings.Contains(a.Identity, "acme") {
		t.Errorf("%+v", a)
	}
	for name, c := range map[string]struct {
		change func(*annex.SignRequest)
		says   string
		exit   diag.ExitCode
	}{
		"no token":                      {func(r *annex.SignRequest) { r.Ambient = nil }, "requires an identity token, and there is none", diag.ExitUsage},
		"a bearer that is refused":      {func(r *annex.SignRequest) { r.Ambient.Token = "CANARY-wrong" }, "it answered 403", diag.ExitUnexpected},
		"an address that anybody reads": {func(r *annex.SignRequest) { r.Ambient.URL = "http://actions.example/x" }, "is not encrypted", diag.ExitUsage},
		"no answer":                     {func(r *annex.SignRequest) { r.Ambient.URL = "http://127.0.0.1:1/x" }, "GitHub Actions gave no identity token", diag.ExitUnexpected},
		"Fulcio refuses":                {func(r *annex.SignRequest) { r.Token = s.Token("banned@example.com", issuer) }, "gave no certificate: Fulcio returned 400: not for ***: who is banned", diag.ExitUnexpected},
		"no token at all":               {func(r *annex.SignRequest) { r.Token = "CANARY.CANARY.CANARY" }, "gave no certificate", diag.ExitUnexpected},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(s)
			r.Token, r.Ambient = "", &annex.Ambient{URL: address, Token: bearer}
			c.change(&r)
			_, err := Sign(t.Context(), r)
			if diag.ExitOf(err) != c.exit || !strings.Contains(err.Error(), c.says) || diag.HintOf(err) == "" {
				t.Errorf("%v (%s), exit %d", err, diag.HintOf(err), diag.ExitOf(err))
			}
			for _, secret := range append(strings.Split(s.Token("banned@example.com", issuer), ".")[2:], "CANARY-bearer", "CANARY-wrong") {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%v holds %s", err, secret)
				}
			}
		})
	}
}

// TestServices: no address is built in, and none may be read along.
func TestServices(t *testing.T) {
	s := sigstore.Start(t)
	for name, c := range map[string]struct {
		services annex.Services
		says     string
	}{
		"none":             {annex.Services{}, "requires the address of Fulcio"},
		"Fulcio alone":     {annex.Services{Fulcio: s.URL}, "requires the address of Rekor or of a timestamp authority"},
		"not encrypted":    {annex.Services{Fulcio: "http://fulcio.example", Rekor: s.URL}, "http://fulcio.example is not encrypted"},
		"a password":       {annex.Services{Fulcio: "https://a:b@fulcio.example", Rekor: s.URL}, "has a password"},
		"no address":       {annex.Services{Fulcio: s.URL, Rekor: "rekor.example"}, `"rekor.example" is not the address`},
		"no configuration": {annex.Services{Config: json.RawMessage(`{"mediaType":"x"}`)}, "signing configuration cannot be read"},
		"an empty one":     {annex.Services{Config: json.RawMessage(`{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}`)}, "requires the address of Fulcio"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(s)
			r.Services = c.services
			before := s.Requests()
			_, err := Sign(t.Context(), r)
			if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), c.says) || diag.HintOf(err) == "" {
				t.Errorf("%v (%s)", err, diag.HintOf(err))
			}
			if s.Requests() != before {
				t.Error("a token was sent before the addresses were checked")
			}
		})
	}
	for name, root := range map[string]string{"nothing": `{}`, "no root": `[`, "no authority": `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`} {
		_, err := Verify(t.Context(), annex.VerifyRequest{TrustedRoot: json.RawMessage(root), SHA256: image, Identities: []annex.Identity{{Subject: dev, Issuer: issuer}}})
		if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "the trusted root cannot be used") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, expression := range []string{"(", "dev)|(.*"} {
		_, err := Verify(t.Context(), annex.VerifyRequest{TrustedRoot: s.TrustedRoot(t, sigstore.Trust{Log: true}), SHA256: image, Identities: []annex.Identity{{SubjectRegexp: expression, Issuer: issuer}}})
		if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "the regular expression of the identity, \""+expression+"\"") {
			t.Errorf("%v", err)
		}
	}
}

// FuzzVerify: whatever a registry keeps as a bundle, checking it ends, and nothing counts
// whose statement the identity did not sign.
func FuzzVerify(f *testing.F) {
	s := sigstore.Start(f)
	trusted := s.TrustedRoot(f, sigstore.Trust{Log: true})
	a, err := Sign(f.Context(), request(s))
	if err != nil {
		f.Fatal(err)
	}
	payload := base64.StdEncoding.EncodeToString(statement(image))
	f.Add([]byte(a.Bundles[0]))
	f.Add(bytes.Replace(a.Bundles[0], []byte(payload), []byte("e30="), 1))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":"AA=="}},"dsseEnvelope":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Verify(t.Context(), annex.VerifyRequest{
			TrustedRoot: trusted, Identities: []annex.Identity{{Subject: dev, Issuer: issuer}}, SHA256: image, Bundles: []json.RawMessage{data},
		})
		if err != nil || (got.Results[0].By == "") == (got.Results[0].Refused == "") || got.Results[0].By != "" && !bytes.Contains(data, []byte(payload)) {
			t.Errorf("%+v, %v: %s", got, err, data)
		}
	})
}
