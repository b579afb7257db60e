package registry

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/internal/diag"
)

// start serves a registry until the test ends or stop is called, which returns
// what Serve returned.
func start(t *testing.T, dir string, log *bytes.Buffer) (addr string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan string, 1), make(chan error, 1)
	opts := Options{Addr: "127.0.0.1:0", Dir: dir, Ready: func(addr string) { ready <- addr }}
	if log != nil {
		opts.Log = log
	}
	go func() { done <- Serve(ctx, opts) }()
	stop = func() error { cancel(); return <-done }
	select {
	case addr := <-ready:
		return addr, stop
	case err := <-done:
		t.Fatal(err)
		return "", nil
	}
}

func TestImagesOutliveTheRegistry(t *testing.T) {
	dir, log := t.TempDir(), &bytes.Buffer{}
	img, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	addr, stop := start(t, dir, log)
	ref, _ := name.ParseReference(addr + "/shop/web:v1")
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	addr, stop = start(t, dir, log)
	ref, _ = name.ParseReference(addr + "/shop/web:v1")
	got, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	digest, _ := img.Digest()
	if err := remote.Delete(ref.Context().Digest(digest.String())); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if log.Len() > 0 {
		t.Errorf("log:\n%s", log)
	}
}

func TestOneRegistryADirectory(t *testing.T) {
	dir := t.TempDir()
	_, stop := start(t, dir, nil)
	err := Serve(t.Context(), Options{Addr: "127.0.0.1:0", Dir: dir})
	want := fmt.Sprintf("another registry (process %d) serves %s", os.Getpid(), dir)
	if err == nil || err.Error() != want || diag.ExitOf(err) != diag.ExitRun || diag.HintOf(err) == "" {
		t.Errorf("error %v, exit %d, want %s", err, diag.ExitOf(err), want)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestPortInUse(t *testing.T) {
	addr, stop := start(t, t.TempDir(), nil)
	err := Serve(t.Context(), Options{Addr: addr, Dir: t.TempDir()})
	if err == nil || err.Error() != "something else listens on "+addr || diag.ExitOf(err) != diag.ExitRun {
		t.Errorf("error %v, exit %d", err, diag.ExitOf(err))
	}
	if !strings.Contains(diag.HintOf(err), "--addr") {
		t.Errorf("hint %q", diag.HintOf(err))
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := Serve(t.Context(), Options{Addr: "nonsense", Dir: t.TempDir()}); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("bad address: %v", err)
	}
}

func TestFailuresAreLogged(t *testing.T) {
	log := &bytes.Buffer{}
	h := logFailures(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			http.Error(w, "no space left on device", http.StatusInternalServerError)
		}
	}), log)
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, "/v2/x", nil))
	}
	if want := "PUT /v2/x: 500 no space left on device\n"; log.String() != want {
		t.Errorf("log %q, want %q", log, want)
	}
}

func TestCatalogCanBeReadInPages(t *testing.T) {
	addr, stop := start(t, t.TempDir(), nil)
	resp, err := http.Get("http://" + addr + "/v2/_catalog?n=100")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("_catalog?n=100 answers %s", resp.Status)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
