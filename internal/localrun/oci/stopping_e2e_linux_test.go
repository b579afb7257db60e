package oci

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestStopIsGraceful stops services with a request in flight: the request ends,
// whichever process is process 1 and whichever signal the image names.
func TestStopIsGraceful(t *testing.T) {
	needRoot(t)
	for name, c := range map[string]struct {
		mode, signal, heard string
	}{
		"process 1":            {"", "", "got terminated"},
		"below an init":        {"init", "", "got terminated"},
		"signal by number":     {"", "12", "got user defined signal 2"},
		"signal below an init": {"init", "SIGUSR2", "got user defined signal 2"},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			rt, w := newRuntime(t, state), &scribe{t: t}
			rt.Grace = 10 * time.Second
			rt.Images = func(context.Context, string, string) (Image, error) {
				return mutate.Config(testImage(t), v1.Config{Entrypoint: []string{"/server"}, User: "app", StopSignal: c.signal})
			}
			run, err := rt.Start(t.Context(), localrun.Group{Name: "g", Services: []localrun.Spec{{Name: "s", Port: 8080,
				Env: map[string]string{"MODE": c.mode}, Publish: []localrun.Publish{free(8080)}, Health: plan.HealthCheck{TCP: true}}}}, false, w)
			if err != nil {
				t.Fatal(err)
			}
			defer run.Stop() //nolint:errcheck // a second call returns what the first did
			if err := run.WaitReady(t.Context(), 10*time.Second); err != nil {
				t.Fatal(err)
			}
			at := fmt.Sprintf("127.0.0.1:%d", run.Statuses()[0].Ports[0].Host)
			answer := make(chan string, 1)
			go func() {
				_, body := get(t, at, "/slow")
				answer <- body
			}()
			for deadline := time.Now().Add(5 * time.Second); !strings.Contains(w.text(), "slow began"); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the request did not begin")
				}
			}
			began := time.Now()
			if err := run.Stop(); err != nil {
				t.Error(err)
			}
			if got := <-answer; got != "finished" {
				t.Errorf("the request in flight got %q", got)
			}
			if took := time.Since(began); took < time.Second || took > 8*time.Second {
				t.Errorf("stopped after %v", took)
			}
			if e := run.Statuses()[0].Exit; e == nil || e.Code != 0 || !e.Stopped {
				t.Errorf("exit %+v", e)
			}
			if text := w.text(); !strings.Contains(text, c.heard) || !strings.Contains(text, "| bye") {
				t.Errorf("log:\n%s", text)
			}
			expectNothingLeft(t, state, "g")
		})
	}
}

// TestStopsSideBySide stops services that ignore the signal: each gets the whole
// grace, and all of them at the same time.
func TestStopsSideBySide(t *testing.T) {
	needRoot(t)
	state := t.TempDir()
	rt := newRuntime(t, state)
	rt.Grace = 2 * time.Second
	var services []localrun.Spec
	for i := range 3 {
		services = append(services, localrun.Spec{Name: fmt.Sprint("s", i), Port: 8080, Env: map[string]string{"MODE": "stubborn"}, Health: plan.HealthCheck{TCP: true}})
	}
	run, err := rt.Start(t.Context(), localrun.Group{Name: "g", Services: services}, false, &scribe{t: t})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Stop() //nolint:errcheck // a second call returns what the first did
	if err := run.WaitReady(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < rt.Grace || took > 2*rt.Grace {
		t.Errorf("three services with a grace of %v were stopped after %v", rt.Grace, took)
	}
	for _, s := range run.Statuses() {
		if s.Exit == nil || s.Exit.Signal != "SIGKILL" || !s.Exit.Stopped {
			t.Errorf("%s: %+v", s.Service, s.Exit)
		}
	}
	expectNothingLeft(t, state, "g")
}
