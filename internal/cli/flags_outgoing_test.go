package cli

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/slipway-build/slipway/internal/delivery"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// keyPair is a pair of keys without a password.
func keyPair() (private, public string, err error) {
	open, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	inner, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return "", "", err
	}
	outer, err := x509.MarshalPKIXPublicKey(open)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: inner})), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: outer})), err
}

// madeOf is a build of an image of the store.
func madeOf(t *testing.T, store *image.Store, name string) pipeline.Made {
	t.Helper()
	desc, err := store.Resolve(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Made{
		Job:   pipeline.Job{Image: name},
		Built: pipeline.Built{Result: engine.Result{Digest: desc.Digest.String(), MediaType: string(desc.MediaType), SizeBytes: desc.Size}},
	}
}

// sent is a pusher that remembers names.
type sent []string

func (s *sent) Push(_ context.Context, name string) error { *s = append(*s, name); return nil }

func TestABuildPushesNoImageThatThePolicyRefuses(t *testing.T) {
	a, _, _ := buildApp(t)
	text := "version: 1\nfleet: shop\nsignatures: {keys: env://KEY}\nservices: {web: {type: worker}}\n"
	if err := os.WriteFile(filepath.Join(a.Dir, "slipway.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	private, public, err := keyPair()
	if err != nil {
		t.Fatal(err)
	}
	a.Getenv = func(name string) string { return map[string]string{"KEY": public, "SECRET": private}[name] }
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"registry.example/shop/web:v1", "registry.example/other/job:v1"} {
		if _, err := store.Write(t.Context(), name, img); err != nil {
			t.Fatal(err)
		}
	}
	src := &source{Loader: a.fleets()}
	src.Root = a.Dir
	var f buildFlags
	if p, err := a.policed((*delivery.Delivery)(nil), store, src, f); p != nil || err != nil {
		t.Errorf("without --push: %v, %v", p, err)
	}
	f.push = true
	p, err := a.policed((*delivery.Delivery)(nil), store, src, f)
	if err != nil {
		t.Fatal(err)
	}
	var to sent
	r := p.(refusing)
	r.Pusher = &to
	if err := r.Push(t.Context(), "registry.example/shop/web:v1"); diag.ExitOf(err) != diag.ExitGate {
		t.Error(err)
	}
	if err := r.Push(t.Context(), "registry.example/other/job:v1"); err != nil {
		t.Error(err)
	}
	f.sign, f.key = true, "env://SECRET"
	attester, err := a.attester(store, src, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := attester.Attest(t.Context(), madeOf(t, store, "registry.example/shop/web:v1")); err != nil {
		t.Fatal(err)
	}
	if err := r.Push(t.Context(), "registry.example/shop/web:v1"); err != nil {
		t.Error(err)
	}
	if len(to) != 2 || to[0] != "registry.example/other/job:v1" {
		t.Errorf("pushed %v", to)
	}
	broken := errors.New("no network")
	if err := (refusing{&to, func(context.Context, string) error { return broken }}).Push(t.Context(), "x"); !errors.Is(err, broken) || len(to) != 2 {
		t.Errorf("%v, pushed %v", err, to)
	}
}
