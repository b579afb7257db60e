package evidence_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/image"
)

// world is a store with an image, a registry and a key.
type world struct {
	store    *image.Store
	host     string
	registry *image.Pusher
	dir      string
	key      *attest.Signer
	keys     evidence.Keyring
}

func newWorld(t *testing.T, options ...registry.Option) world {
	t.Helper()
	store, err := image.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return worldOf(t, store, registry.New(append(options, registry.Logger(log.New(io.Discard, "", 0)))...))
}

func worldOf(t *testing.T, store *image.Store, handler http.Handler) world {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w := world{store: store, host: strings.TrimPrefix(server.URL, "http://"), dir: t.TempDir()}
	var err error
	if w.registry, err = image.NewPusher(store, image.PushOptions{}); err != nil {
		t.Fatal(err)
	}
	w.keys = evidence.Keyring{
		Lookup: func(name string) (string, bool) { return "CANARY-password", name == "SLIPWAY_KEY_PASSWORD" },
		Path:   func(p string) string { return filepath.Join(w.dir, p) },
	}
	w.key = w.newKey(t, "release")
	return w
}

// newKey makes a key without a password, which takes a second to check.
func (w world) newKey(t *testing.T, name string) *attest.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(w.dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	key, err := w.keys.Private(name + ".key")
	must(t, err)
	return key
}

// put keeps an image in the store.
func (w world) put(t *testing.T, name string) *evidence.Subject {
	t.Helper()
	img, err := random.Image(300, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Write(t.Context(), name, img); err != nil {
		t.Fatal(err)
	}
	return w.find(t, name)
}

func (w world) find(t *testing.T, name string) *evidence.Subject {
	t.Helper()
	s, err := evidence.Stored(t.Context(), w.store, name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w world) policy(required ...string) evidence.Policy {
	return evidence.Policy{Keys: []attest.Verifier{w.key.Verifier}, Required: required}
}

// signed is an image with a signed SBOM and provenance, in the store.
func (w world) signed(t *testing.T, name string) *evidence.Subject {
	t.Helper()
	s := w.put(t, name)
	must(t, s.Attach(t.Context(), attest.PredicateCycloneDX, "sbom.json", []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}`)))
	must(t, s.Keep(t.Context(), attest.PredicateProvenance, attest.Provenance(attest.Build{Version: "v1", Service: "web", Dockerfile: strings.Repeat("0", 64)})))
	done, err := s.Sign(t.Context(), w.key)
	must(t, err)
	if diff := cmp.Diff([]string{attest.PredicateCycloneDX, attest.PredicateProvenance}, done.Statements); diff != "" || !done.Image || done.By != w.key.ID() {
		t.Fatalf("signed %+v (-want +got):\n%s", done, diff)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err, diag.HintOf(err))
	}
}

func TestEvidenceGoesWithTheImage(t *testing.T) {
	for name, options := range map[string][]registry.Option{
		"registry with referrers":    {registry.WithReferrersSupport(true)},
		"registry without referrers": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options...)
			s := w.signed(t, "shop/web:v1")
			remote := w.host + "/shop/web:v1"
			for range 2 { // a second push changes nothing
				must(t, w.registry.Push(t.Context(), "shop/web:v1", remote))
			}
			r, err := evidence.InRegistry(t.Context(), w.registry, remote)
			must(t, err)
			if r.Digest() != s.Digest() || len(r.Items) != len(s.Items) || len(r.Problems) > 0 {
				t.Errorf("%d pieces of %s in the store, %d of %s in the registry; problems %v", len(s.Items), s.Digest(), len(r.Items), r.Digest(), r.Problems)
			}
			for _, subject := range []*evidence.Subject{s, r} {
				v, err := subject.Verify(t.Context(), w.policy(attest.PredicateProvenance, attest.PredicateCycloneDX), time.Now())
				must(t, err)
				for _, e := range v.Evidence {
					if e.Refused != "" || e.By != "release.key" {
						t.Errorf("%+v", e)
					}
				}
			}
			done, err := r.Sign(t.Context(), w.key)
			if err != nil || done.Image || len(done.Statements) > 0 {
				t.Errorf("signed again: %+v, %v", done, err)
			}
		})
	}
}

// An image under two names has one list of evidence, which both pushes change.
func TestPushesOfOneImageSideBySide(t *testing.T) {
	w := newWorld(t)
	s := w.signed(t, "shop/web:v1")
	must(t, w.store.Tag(t.Context(), "shop/web:latest", s.Image))
	var group errgroup.Group
	for _, tag := range []string{"v1", "latest"} {
		group.Go(func() error { return w.registry.Push(t.Context(), "shop/web:"+tag, w.host+"/shop/web:"+tag) })
	}
	must(t, group.Wait())
	r, err := evidence.InRegistry(t.Context(), w.registry, w.host+"/shop/web:latest")
	must(t, err)
	if len(r.Items) != len(s.Items) {
		t.Errorf("%d of %d pieces of evidence arrived", len(r.Items), len(s.Items))
	}
	ref, err := name.ParseReference(w.host + "/shop/web:" + strings.Replace(s.Digest(), ":", "-", 1))
	must(t, err)
	index, err := remote.Index(ref)
	must(t, err)
	manifest, err := index.IndexManifest()
	must(t, err)
	if len(manifest.Manifests) != 3 {
		t.Errorf("the list has %d entries, not a signature and two statements", len(manifest.Manifests))
	}
}

func TestSignaturesOfOthersStay(t *testing.T) {
	w := newWorld(t)
	w.signed(t, "shop/web:v1")
	remote := w.host + "/shop/web:v1"
	must(t, w.registry.Push(t.Context(), "shop/web:v1", remote))
	other := w.newKey(t, "other")
	r, err := evidence.InRegistry(t.Context(), w.registry, remote)
	must(t, err)
	done, err := r.Sign(t.Context(), other)
	must(t, err)
	if !done.Image || len(done.Statements) != 0 {
		t.Errorf("the second key signed %+v; the words of the first are not its own", done)
	}
	r, err = evidence.InRegistry(t.Context(), w.registry, remote)
	must(t, err)
	for _, key := range []*attest.Signer{w.key, other} {
		_, err := r.Verify(t.Context(), evidence.Policy{Keys: []attest.Verifier{key.Verifier}}, time.Now())
		must(t, err)
	}
	_, err = r.Verify(t.Context(), evidence.Policy{Keys: []attest.Verifier{other.Verifier}, Required: []string{attest.PredicateProvenance}}, time.Now())
	refused(t, err, "no valid statement provenance: another key signed it, or it was altered", "")
}

func TestImagesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	s := w.put(t, "shop/bare:v1")
	_, err := s.Verify(t.Context(), w.policy(), time.Now())
	refused(t, err, "no valid signature: there is none", "sign it: slipway sign shop/bare:v1 --key FILE")

	must(t, s.Keep(t.Context(), attest.PredicateTests, map[string]any{"result": "FAILED"}))
	_, err = s.Verify(t.Context(), w.policy(attest.PredicateTests), time.Now())
	refused(t, err, "no valid statement tests: it is not signed", "slipway evidence shop/bare:v1 lists what there is")
	_, err = s.Sign(t.Context(), w.key)
	must(t, err)
	_, err = s.Verify(t.Context(), w.policy(attest.PredicateTests), time.Now())
	refused(t, err, "no valid statement tests: it says that tests failed", "")
	_, err = s.Verify(t.Context(), w.policy(), time.Now())
	must(t, err)

	other := w.newKey(t, "other")
	_, err = s.Verify(t.Context(), evidence.Policy{Keys: []attest.Verifier{other.Verifier}}, time.Now())
	refused(t, err, "another key signed it, or it was altered", "")
}

// What was signed of one image says nothing of another one.
func TestASignatureOfAnotherImage(t *testing.T) {
	w := newWorld(t)
	first := w.signed(t, "shop/web:v1")
	second := w.put(t, "shop/web:v2")
	beside, err := w.store.Beside(first.Image.Digest)
	must(t, err)
	must(t, w.store.Attach(t.Context(), second.Image.Digest, beside, nil))
	second = w.find(t, "shop/web:v2")
	_, err = second.Verify(t.Context(), w.policy(attest.PredicateProvenance), time.Now())
	refused(t, err, "no valid signature: it is about another image", "")
	refused(t, err, "no valid statement provenance: it is about another image", "")
	done, err := second.Sign(t.Context(), w.key)
	must(t, err)
	if len(done.Statements) != 0 {
		t.Errorf("signed %v, which are about another image", done.Statements)
	}
}

// refused checks an error of a gate.
func refused(t *testing.T, err error, text, hint string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) || diag.ExitOf(err) != diag.ExitGate || hint != "" && diag.HintOf(err) != hint {
		t.Errorf("error %v, hint %q, exit %d; want %q, %q", err, diag.HintOf(err), diag.ExitOf(err), text, hint)
	}
}

func TestGarbageCollectionKeepsEvidenceWithItsImage(t *testing.T) {
	w := newWorld(t)
	w.signed(t, "shop/web:v1")
	gone := w.signed(t, "shop/web:v2")
	must(t, w.store.Remove(t.Context(), "shop/web:v2"))
	_, err := w.store.GC(t.Context(), -time.Hour, nil)
	must(t, err)
	_, err = w.find(t, "shop/web:v1").Verify(t.Context(), w.policy(attest.PredicateProvenance), time.Now())
	must(t, err)
	left, err := w.store.Beside(gone.Image.Digest)
	if err != nil || len(left) > 0 {
		t.Errorf("%d pieces of evidence of a removed image are left, %v", len(left), err)
	}
	blobs, err := os.ReadDir(filepath.Join(w.store.Dir(), "blobs", "sha256"))
	must(t, err)
	_, err = w.store.GC(t.Context(), -time.Hour, nil)
	must(t, err)
	again, err := os.ReadDir(filepath.Join(w.store.Dir(), "blobs", "sha256"))
	if err != nil || len(again) != len(blobs) {
		t.Errorf("%d blobs, then %d", len(blobs), len(again))
	}
}

// A piece whose blob is lost or altered does not hide the others.
func TestDamagedEvidence(t *testing.T) {
	w := newWorld(t)
	s := w.signed(t, "shop/web:v1")
	beside, err := w.store.Beside(s.Image.Digest)
	must(t, err)
	manifest, err := beside[len(beside)-1].Manifest()
	must(t, err)
	blob := filepath.Join(w.store.Dir(), "blobs", "sha256", manifest.Layers[0].Digest.Hex)
	must(t, os.Chmod(blob, 0o600))
	must(t, os.WriteFile(blob, []byte(`{}`), 0o600))
	s = w.find(t, "shop/web:v1")
	if len(s.Problems) == 0 {
		t.Error("the damage is not reported")
	}
	_, err = s.Verify(t.Context(), w.policy(attest.PredicateCycloneDX), time.Now())
	must(t, err)
	_, err = s.Verify(t.Context(), w.policy(attest.PredicateProvenance), time.Now())
	refused(t, err, "no valid statement provenance: there is none", "")
	must(t, s.Keep(t.Context(), attest.PredicateProvenance, map[string]string{}))
	_, err = s.Sign(t.Context(), w.key)
	must(t, err)
	_, err = s.Verify(t.Context(), w.policy(attest.PredicateProvenance), time.Now())
	must(t, err)
	if len(s.Problems) > 0 {
		t.Error(s.Problems)
	}
}

// A registry answers with what it likes.
func TestARegistryThatLies(t *testing.T) {
	w := newWorld(t)
	w.signed(t, "shop/web:v1")
	remote := w.host + "/shop/web:v1"
	must(t, w.registry.Push(t.Context(), "shop/web:v1", remote))
	honest := w.host
	for name, lie := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"signatures altered": func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			_, _ = rw.Write([]byte("{}"))
			return true
		},
		"signatures hidden": func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, ".sig") && !strings.HasSuffix(r.URL.Path, ".att") && !strings.Contains(r.URL.Path, "manifests/sha256-") {
				return false
			}
			http.Error(rw, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, http.StatusNotFound)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			liar := worldOf(t, w.store, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if lie(rw, r) {
					return
				}
				forward(t, honest, rw, r)
			}))
			s, err := evidence.InRegistry(t.Context(), liar.registry, liar.host+"/shop/web:v1")
			if err == nil {
				_, err = s.Verify(t.Context(), w.policy(), time.Now())
			}
			refused(t, err, "no valid signature: there is none", "")
		})
	}
}

func forward(t *testing.T, host string, rw http.ResponseWriter, r *http.Request) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, "http://"+host+r.URL.RequestURI(), r.Body)
	if err != nil {
		t.Error(err)
		return
	}
	req.Header = r.Header.Clone()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	for k, v := range res.Header {
		rw.Header()[k] = v
	}
	rw.WriteHeader(res.StatusCode)
	_, _ = io.Copy(rw, res.Body)
}

func TestExport(t *testing.T) {
	w := newWorld(t)
	s := w.signed(t, "shop/web:v1")
	dir := filepath.Join(w.dir, "out")
	files, err := s.Export(dir)
	must(t, err)
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	want := []string{"web.cyclonedx.dsse.json", "web.cyclonedx.json", "web.provenance.dsse.json", "web.provenance.json", "web.signature.json", "web.signature.sig"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
