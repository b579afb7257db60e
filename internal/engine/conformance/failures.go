package conformance

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

func failedStep(t *testing.T, s Subject) {
	rec := &Recorder{}
	_, err := s.Builder.Build(t.Context(), engine.Request{
		Name: "fails", Context: Busybox(t), Dockerfile: []byte(BusyboxBase + "RUN echo one; echo two >&2; exit 7\nFROM scratch\nCOPY --from=base /bin /bin\n"),
	}, rec)
	var step *engine.StepError
	if !errors.As(err, &step) {
		t.Fatalf("error %v, want a StepError", err)
	}
	if step.ExitCode != 7 || step.Stage != "base" || step.Service != "fails" || !strings.HasPrefix(step.Step, "RUN echo one") {
		t.Errorf("exit %d, stage %q, service %q, step %q", step.ExitCode, step.Stage, step.Service, step.Step)
	}
	if log := string(step.Log); !strings.Contains(log, "one\n") || !strings.Contains(log, "two\n") {
		t.Errorf("log %q", log)
	}
	if n := strings.Count(rec.Log(), "one\n"); n != 1 {
		t.Errorf("the step ran %d times, want once: what a step does wrong is not tried again", n)
	}
}

func cancelled(t *testing.T, s Subject) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var once sync.Once
	var asked time.Time
	rec := &Recorder{On: func(e event.Event) {
		if l, ok := e.(event.StepLog); ok && strings.Contains(string(l.Data), "started") {
			once.Do(func() { asked = time.Now(); cancel() })
		}
	}}
	_, err := s.Builder.Build(ctx, engine.Request{Name: "cancel", Context: Busybox(t), Dockerfile: []byte(BusyboxBase + "RUN echo started; exec sleep 600\n")}, rec)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	if took := time.Since(asked); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	s.build(t, engine.Request{Name: "after", Context: folder(t, map[string]string{"a": "A"}), Dockerfile: []byte("FROM scratch\nCOPY a /a\n")})
}

// unreadableFile mounts a file of a process that is gone over one of the context:
// root can read everything else.
func unreadableFile(t *testing.T, s Subject) {
	dir := folder(t, map[string]string{"a": "A", "secret": "text"})
	path := filepath.Join(dir, "secret")
	process := exec.Command("sleep", "600")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("mount", "--bind", fmt.Sprintf("/proc/%d/maps", process.Process.Pid), path).CombinedOutput()
	if err = errors.Join(err, process.Process.Kill()); err != nil {
		t.Skipf("needs to mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", path).Run(); err != nil {
			t.Error(err)
		}
	})
	_ = process.Wait()
	if f, err := os.Open(path); err == nil {
		_ = f.Close()
		t.Skip("this kernel opens the files of processes that are gone")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_, err = s.Builder.Build(ctx, engine.Request{Name: "unreadable", Context: dir, Dockerfile: []byte("FROM scratch\nCOPY . /\n")}, event.Discard{})
	if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(fmt.Sprint(err), "the file secret of the build context") || !strings.Contains(diag.HintOf(err), ".dockerignore") {
		t.Errorf("error %v, hint %q", err, diag.HintOf(err))
	}
}

func together(t *testing.T, s Subject) {
	var wait sync.WaitGroup
	for _, name := range []string{"left", "right"} {
		dir := Busybox(t)
		write(t, filepath.Join(dir, "name"), []byte(name), 0o644)
		wait.Go(func() {
			rec := &Recorder{}
			res, err := s.Builder.Build(t.Context(), engine.Request{
				Name: name, Context: dir, Platforms: []string{platform()},
				Dockerfile: []byte(BusyboxBase + "COPY name /name\nRUN " + fresh(t) + "echo I am $(cat /name)\nFROM scratch\nCOPY --from=base /name /name\n"),
			}, rec)
			if err != nil {
				t.Error(err)
				return
			}
			if _, files := s.stored(t, res.Digest); files["name"] != name {
				t.Errorf("%s has %q", name, files)
			}
			for _, e := range rec.Events() {
				if e, ok := e.(event.StepStarted); ok && e.Service != name {
					t.Errorf("%s was told of a step of %s", name, e.Service)
				}
			}
			if log := rec.Log(); !strings.Contains(log, "I am "+name+"\n") {
				t.Errorf("%s: log %q", name, log)
			}
		})
	}
	wait.Wait()
}

func registryCache(t *testing.T, s Subject) {
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, word, _ := r.BasicAuth(); user != "me" || word != "pass" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		images.ServeHTTP(w, r)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	logins := folder(t, map[string]string{"config.json": `{"auths":{"` + host + `":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("me:pass")) + `"}}}`})
	t.Setenv("DOCKER_CONFIG", logins)
	ref := host + "/cache:conformance"
	req := engine.Request{
		Name: "cache", Context: Busybox(t), CacheTo: []string{"type=registry,mode=max,ref=" + ref},
		Dockerfile: []byte(BusyboxBase + "RUN date > /stamp\nFROM scratch\nCOPY --from=base /stamp /stamp\n"),
	}
	first, _ := s.build(t, req)
	req.CacheTo, req.CacheFrom = nil, []string{ref}
	second, rec := s.build(t, req)
	imported := false
	for _, e := range rec.Events() {
		if e, ok := e.(event.StepStarted); ok && strings.Contains(e.Step, "importing cache manifest from "+ref) {
			imported = true
		}
	}
	if second.Digest != first.Digest || !imported {
		t.Errorf("digests %s and %s; the cache was imported: %v", first.Digest, second.Digest, imported)
	}
}

func unknownCache(t *testing.T, s Subject) {
	_, err := s.Builder.Build(t.Context(), engine.Request{Name: "cache", Context: t.TempDir(), Dockerfile: []byte("FROM scratch\n"), CacheFrom: []string{"type=s3,ref=x"}}, event.Discard{})
	if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), "type=registry") {
		t.Errorf("error %v, hint %q", err, diag.HintOf(err))
	}
}
