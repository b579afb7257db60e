// Package sigstore is a Sigstore on the loopback for tests: Fulcio, Rekor, a timestamp
// authority and the issuer of GitHub Actions' tokens, with the authorities and the log of
// sigstore-go's own tests. It checks what a client proves to Fulcio, but believes every
// token.
//
//	s := sigstore.Start(t)
//	token := s.Token("dev@example.com", "https://issuer.example")
package sigstore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
)

// Sigstore is one that runs until the test ends.
type Sigstore struct {
	URL string // of Fulcio and Rekor, and of the other services below it

	mu   sync.Mutex
	late time.Duration // by which Rekor's clock is ahead
	seen []string      // bearer tokens of requests

	log                 *ca.VirtualSigstore
	authority           *root.FulcioCertificateAuthority
	authorityKey        *ecdsa.PrivateKey
	timestamping        *root.SigstoreTimestampingAuthority
	timestampingKey     *ecdsa.PrivateKey
	certificateLog      *ecdsa.PrivateKey
	actionsBearer       string
	actionsTokenSubject string
}

// Start runs one.
func Start(t testing.TB) *Sigstore {
	t.Helper()
	s := &Sigstore{actionsBearer: "CANARY-bearer", actionsTokenSubject: "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main"}
	if err := s.found(); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/signingCert", s.fulcio)
	mux.HandleFunc("POST /api/v1/log/entries", s.rekor)
	mux.HandleFunc("POST /timestamp", s.timestamp)
	mux.HandleFunc("GET /actions", s.actions)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// found makes the authorities.
func (s *Sigstore) found() (err error) {
	if s.log, err = ca.NewVirtualSigstore(); err != nil {
		return err
	}
	top, topKey, err := ca.GenerateRootCa()
	if err != nil {
		return err
	}
	middle, middleKey, err := ca.GenerateFulcioIntermediate(top, topKey)
	if err != nil {
		return err
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	s.authorityKey = middleKey
	s.authority = &root.FulcioCertificateAuthority{Root: top, Intermediates: []*x509.Certificate{middle}, ValidityPeriodStart: from, ValidityPeriodEnd: to, URI: "https://fulcio.localhost"}
	stamps, stampsKey, err := ca.GenerateTSAIntermediate(top, topKey)
	if err != nil {
		return err
	}
	if s.timestampingKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	leaf, err := ca.GenerateTSALeafCert(time.Now().Add(-time.Minute), s.timestampingKey, stamps, stampsKey)
	if err != nil {
		return err
	}
	s.timestamping = &root.SigstoreTimestampingAuthority{Root: top, Intermediates: []*x509.Certificate{stamps}, Leaf: leaf, ValidityPeriodStart: from, ValidityPeriodEnd: to, URI: "https://tsa.localhost"}
	s.certificateLog, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return err
}

// Trust says what a trusted root names beside the authority of certificates.
type Trust struct{ Log, Timestamps, CertificateLog bool }

// TrustedRoot is the file that says whom to trust.
func (s *Sigstore) TrustedRoot(t testing.TB, trust Trust) []byte {
	t.Helper()
	logs, certificates := map[string]*root.TransparencyLog{}, map[string]*root.TransparencyLog{}
	stamps := []root.TimestampingAuthority{}
	if trust.Log {
		for id, l := range s.log.RekorLogs() {
			l.ID, _ = hex.DecodeString(id)
			logs[id] = l
		}
	}
	if trust.Timestamps {
		stamps = append(stamps, s.timestamping)
	}
	if trust.CertificateLog {
		der, err := x509.MarshalPKIXPublicKey(s.certificateLog.Public())
		if err != nil {
			t.Fatal(err)
		}
		id := sha256.Sum256(der)
		certificates[hex.EncodeToString(id[:])] = &root.TransparencyLog{
			BaseURL: "https://ct.localhost", ID: id[:], HashFunc: crypto.SHA256, SignatureHashFunc: crypto.SHA256, PublicKey: s.certificateLog.Public(),
			ValidityPeriodStart: time.Now().Add(-time.Hour), ValidityPeriodEnd: time.Now().Add(time.Hour),
		}
	}
	made, err := root.NewTrustedRoot(root.TrustedRootMediaType01, []root.CertificateAuthority{s.authority}, certificates, stamps, logs)
	if err != nil {
		t.Fatal(err)
	}
	data, err := made.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// SigningConfig is the file that has the addresses.
func (s *Sigstore) SigningConfig(t testing.TB) []byte {
	t.Helper()
	service := func(path string) []root.Service {
		return []root.Service{{URL: s.URL + path, MajorAPIVersion: 1, ValidityPeriodStart: time.Now().Add(-time.Hour), Operator: "test"}}
	}
	any := root.ServiceConfiguration{Selector: 2}
	config, err := root.NewSigningConfig(root.SigningConfigMediaType02, service(""), nil, service(""), any, service("/timestamp"), any)
	if err != nil {
		t.Fatal(err)
	}
	data, err := config.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Token is an identity token of a subject, an address of e-mail.
func (s *Sigstore) Token(subject, issuer string) string {
	part := func(v any) string {
		data, _ := json.Marshal(v) // maps of strings
		return base64.RawURLEncoding.EncodeToString(data)
	}
	return part(map[string]any{"alg": "RS256", "typ": "JWT"}) + "." + part(map[string]any{
		"iss": issuer, "sub": subject, "email": subject, "email_verified": true, "aud": "sigstore", "exp": time.Now().Add(time.Hour).Unix(),
	}) + "." + base64.RawURLEncoding.EncodeToString([]byte("CANARY-signature-of-a-token"))
}

// Late sets by how much Rekor's clock is ahead.
func (s *Sigstore) Late(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = d
}

// Requests counts what was asked with a bearer token.
func (s *Sigstore) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// Actions is where GitHub Actions would give a job a token, and what opens it.
func (s *Sigstore) Actions() (address, bearer string) {
	return s.URL + "/actions?api-version=2", s.actionsBearer
}

func (s *Sigstore) actions(w http.ResponseWriter, r *http.Request) {
	if s.bearer(r) != s.actionsBearer || r.URL.Query().Get("audience") != "sigstore" || r.URL.Query().Get("api-version") != "2" {
		http.Error(w, "no token for "+s.bearer(r), http.StatusForbidden)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"value": s.Token(s.actionsTokenSubject, "https://token.actions.githubusercontent.com")})
}

// bearer is the token of a request, which it remembers.
func (s *Sigstore) bearer(r *http.Request) string {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, token)
	return token
}

// fulcio issues a certificate. Its errors repeat the token, as those of a careless
// server would.
func (s *Sigstore) fulcio(w http.ResponseWriter, r *http.Request) {
	token := s.bearer(r)
	chain, err := s.issue(r.Body, token)
	if err != nil {
		http.Error(w, "not for "+token+": "+err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": chain}}})
}

func (s *Sigstore) issue(body io.Reader, token string) ([]string, error) {
	var claims struct {
		Subject string `json:"email"`
		Issuer  string `json:"iss"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("it has no three parts")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(data, &claims)
	}
	if err != nil || claims.Subject == "" {
		return nil, errors.New("it has no subject")
	}
	if claims.Subject == "banned@example.com" {
		return nil, errors.New("who is banned")
	}
	var q struct {
		Request struct {
			Key struct {
				Content string `json:"content"`
			} `json:"publicKey"`
			Proof []byte `json:"proofOfPossession"`
		} `json:"publicKeyRequest"`
	}
	if err := json.NewDecoder(body).Decode(&q); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(q.Request.Key.Content))
	if block == nil {
		return nil, errors.New("there is no key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(claims.Subject))
	if public, ok := key.(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(public, sum[:], q.Request.Proof) {
		return nil, errors.New("the proof of possession does not hold")
	}
	leaf, err := ca.GenerateLeafCert(claims.Subject, claims.Issuer, time.Now(), holder{key}, s.authority.Intermediates[0], s.authorityKey)
	if err != nil {
		return nil, err
	}
	var chain []string
	for _, c := range []*x509.Certificate{leaf, s.authority.Intermediates[0], s.authority.Root} {
		chain = append(chain, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	}
	return chain, nil
}

// holder is a key of which only the public half is here.
type holder struct{ public crypto.PublicKey }

func (h holder) Public() crypto.PublicKey { return h.public }
func (h holder) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("this key signs nothing")
}

// rekor records an envelope.
func (s *Sigstore) rekor(w http.ResponseWriter, r *http.Request) {
	id, entry, err := s.record(r.Body)
	if err != nil {
		http.Error(w, `{"code":400,"message":"`+err.Error()+`"}`, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", id)
	w.Header().Set("Location", "/api/v1/log/entries/"+id)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{id: entry})
}

func (s *Sigstore) record(body io.Reader) (string, any, error) {
	var q struct {
		Spec struct {
			Content struct {
				Envelope  string   `json:"envelope"`
				Verifiers [][]byte `json:"verifiers"`
			} `json:"proposedContent"`
		} `json:"spec"`
	}
	if err := json.NewDecoder(body).Decode(&q); err != nil {
		return "", nil, err
	}
	var envelope dsse.Envelope
	if err := json.Unmarshal([]byte(q.Spec.Content.Envelope), &envelope); err != nil {
		return "", nil, err
	}
	block, _ := pem.Decode(bytes.Join(q.Spec.Content.Verifiers, nil))
	if block == nil || len(envelope.Signatures) != 1 {
		return "", nil, errors.New("neither certificate nor signature")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", nil, err
	}
	signature, err := base64.StdEncoding.DecodeString(envelope.Signatures[0].Sig)
	if err != nil {
		return "", nil, err
	}
	s.mu.Lock()
	at := time.Now().Add(s.late)
	s.mu.Unlock()
	made, err := s.log.GenerateTlogEntry(leaf, &envelope, signature, at.Unix(), true)
	if err != nil {
		return "", nil, err
	}
	e := made.TransparencyLogEntry()
	promise, err := s.log.RekorSignPayload(tlog.RekorPayload{
		Body: base64.StdEncoding.EncodeToString(e.GetCanonicalizedBody()), IntegratedTime: e.GetIntegratedTime(), LogIndex: e.GetLogIndex(), LogID: hex.EncodeToString(e.GetLogId().GetKeyId()),
	})
	if err != nil {
		return "", nil, err
	}
	proof := e.GetInclusionProof()
	hashes := []string{}
	for _, h := range proof.GetHashes() {
		hashes = append(hashes, hex.EncodeToString(h))
	}
	id := sha256.Sum256(e.GetCanonicalizedBody())
	return hex.EncodeToString(id[:]), map[string]any{
		"body": e.GetCanonicalizedBody(), "integratedTime": e.GetIntegratedTime(), "logIndex": e.GetLogIndex(), "logID": hex.EncodeToString(e.GetLogId().GetKeyId()),
		"verification": map[string]any{
			"signedEntryTimestamp": promise,
			"inclusionProof": map[string]any{
				"checkpoint": proof.GetCheckpoint().GetEnvelope(), "hashes": hashes, "logIndex": proof.GetLogIndex(),
				"rootHash": hex.EncodeToString(proof.GetRootHash()), "treeSize": proof.GetTreeSize(),
			},
		},
	}, nil
}

// timestamp answers as RFC 3161 says.
func (s *Sigstore) timestamp(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q, err := timestamp.ParseRequest(data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Time: time.Now(), Nonce: q.Nonce,
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, ExtraExtensions: q.Extensions, AddTSACertificate: q.Certificates,
	}
	answer, err := stamp.CreateResponseWithOpts(s.timestamping.Leaf, s.timestampingKey, crypto.SHA256)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer)
}
