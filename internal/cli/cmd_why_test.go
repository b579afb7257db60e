package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// TestAPredictionIsForTheBuilderThatIsNamed records a build on a builder elsewhere,
// and asks what one there and one here would find.
func TestAPredictionIsForTheBuilderThatIsNamed(t *testing.T) {
	const address = "tcp://builder.example:1234" // nobody asks it
	dir, state := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "web"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"slipway.yaml": "version: 1\nfleet: shop\nservices:\n  web: {}\n", "web/Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"} {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"SLIPWAY_STATE_DIR": state, "NO_COLOR": "1"}
	a := newApp(World{Getenv: func(name string) string { return env[name] }, Dir: dir}, state)
	recordBuild(t, a, builderFlags{addresses: []string{address}})
	for _, c := range []struct {
		args []string
		env  string
		want string
	}{
		{[]string{"why", "web", "--builder", address}, "", "next       unchanged"},
		{[]string{"why", "web", "--builder", "tcp://other.example:1234"}, "", "next       unchanged"},
		{[]string{"why", "web"}, address, "next       unchanged"},
		{[]string{"why", "web"}, "", "next       Slipway's recipe changed: "},
		{[]string{"why", "web", "--json", "--builder", address}, "", `"unchanged": true`},
		{[]string{"plan", "web", "--builder", address}, "", "next build       unchanged"},
		{[]string{"plan", "web"}, "", "next build       Slipway's recipe changed: "},
	} {
		env["SLIPWAY_BUILDER"] = c.env
		var out, errs bytes.Buffer
		code := Main(c.args, World{Stdout: &out, Stderr: &errs, Getenv: a.Getenv, Dir: dir})
		if code != 0 || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v with SLIPWAY_BUILDER=%s: code %d, want %q in:\n%s%s", c.args, c.env, code, c.want, out.String(), errs.String())
		}
	}
}

// recordBuild notes that the only service of a fleet was built.
func recordBuild(t *testing.T, a *app, where builderFlags) {
	t.Helper()
	fl, err := a.fleets().Load(fleet.Target{Root: a.Dir}, fleet.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := fl.Jobs(engine.Request{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	platform, err := v1.ParsePlatform(jobs[0].Request.Platforms[0])
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: platform.OS, Architecture: platform.Architecture, RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write(t.Context(), jobs[0].Image, img); err != nil {
		t.Fatal(err)
	}
	desc, err := store.Resolve(t.Context(), jobs[0].Image)
	if err != nil {
		t.Fatal(err)
	}
	known := a.history(fl.Root, "", where, store, event.Discard{})
	was := known.Recall(t.Context(), jobs)
	known.Keep(t.Context(), jobs[0], was[0], pipeline.Built{
		Service: "web", Image: jobs[0].Image, Result: engine.Result{Digest: desc.Digest.String(), MediaType: string(desc.MediaType), SizeBytes: desc.Size},
	})
	if err := known.Close(); err != nil {
		t.Fatal(err)
	}
}
