package gauge_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/annex/serve"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/gauge"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/ledger"
	"github.com/slipway-build/slipway/internal/pipeline"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// part is a layer with one file, and the line of history that made it.
type part struct {
	by, name string
	size     int
}

func layerOf(t *testing.T, p part) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	content := bytes.Repeat([]byte("x"), p.size)
	if err := w.WriteHeader(&tar.Header{Name: p.name, Mode: 0o755, Size: int64(p.size), Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return static.NewLayer(b.Bytes(), types.DockerUncompressedLayer)
}

func put(t *testing.T, store *image.Store, name string, parts ...part) {
	t.Helper()
	img := v1.Image(empty.Image)
	for _, p := range parts {
		var err error
		if img, err = mutate.Append(img, mutate.Addendum{Layer: layerOf(t, p), History: v1.History{CreatedBy: p.by}}); err != nil {
			t.Fatal(err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file.OS, file.Architecture, file.Config.User = "linux", "amd64", "1001"
	file.Config.Env = []string{"TOKEN=hunter2"}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write(t.Context(), name, img); err != nil {
		t.Fatal(err)
	}
}

func yard(t *testing.T) (gauge.Gauge, gauge.Target) {
	t.Helper()
	root := t.TempDir()
	store, err := image.Open(filepath.Join(t.TempDir(), "images"))
	if err != nil {
		t.Fatal(err)
	}
	g := gauge.Gauge{Store: store, Ledger: ledger.Open(t.TempDir(), t.Logf), Now: func() time.Time { return now }}
	return g, gauge.Target{
		Service: "web", Image: "shop/web:latest", Platform: "linux/amd64", Root: root, Dir: "web", Dockerfile: "web/Dockerfile",
		Text: []byte("FROM scratch\nCOPY server /srv/server\nCOPY node_modules /app/node_modules\n"), About: gate.About{Type: "worker"},
	}
}

func gated(t *testing.T, g gauge.Gauge, target gauge.Target) gate.Outcome {
	t.Helper()
	l, err := g.Limits(target)
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.Subject(t.Context(), target, l)
	if err != nil {
		t.Fatal(err)
	}
	o := pipeline.Gate(l, s, target.Waivers, now)
	if err := g.Keep(target, s, o); err != nil {
		t.Fatal(err)
	}
	return o
}

func verdict(t *testing.T, o gate.Outcome, name string) gate.Verdict {
	t.Helper()
	for _, v := range o.Verdicts {
		if v.Gate == name {
			return v
		}
	}
	t.Fatalf("no gate %s", name)
	return gate.Verdict{}
}

// TestGrowthAgainstTheLastGreen: the first image passes and is kept; the next one is
// compared with it, and does not take its place while it fails.
func TestGrowthAgainstTheLastGreen(t *testing.T) {
	g, target := yard(t)
	server := part{"COPY server /srv/server # buildkit", "srv/server", 800_000}
	modules := func(size int) part {
		return part{"COPY node_modules /app/node_modules # buildkit", "app/node_modules/sharp/lib.node", size}
	}
	put(t, g.Store, target.Image, server, modules(200_000))
	if v := verdict(t, gated(t, g, target), "growth"); v.Result != gate.NotKnown {
		t.Errorf("without an earlier image: %+v", v)
	}
	if v := verdict(t, gated(t, g, target), "growth"); v.Result != gate.Passed || v.Change != "none" {
		t.Errorf("unchanged: %+v", v)
	}
	put(t, g.Store, target.Image, server, modules(500_000))
	for range 2 {
		o := gated(t, g, target)
		v := verdict(t, o, "growth")
		if v.Result != gate.Failed || v.Findings[0].Place.String() != "web/Dockerfile:3" || !strings.Contains(v.Findings[0].Text, "sharp (/app/node_modules/sharp) grew: +300 kB in layer 2 (COPY node_modules /app/node_modules)") {
			t.Errorf("a third larger: %+v", v)
		}
		if o.Since != "web:latest of 2026-11-29 12:00 UTC" {
			t.Errorf("since %q", o.Since)
		}
	}
	put(t, g.Store, target.Image, server, modules(220_000))
	for range 2 { // once it is kept, the one before it still tells the change
		if v := verdict(t, gated(t, g, target), "growth"); v.Result != gate.Passed || v.Change != "+20 kB (+2.0 %)" {
			t.Errorf("2 %% larger: %+v", v)
		}
	}
	if err := g.Ledger.View(func(v ledger.View) error {
		if raw := v.Green(target.Root, "web"); len(raw) == 0 || bytes.Contains(raw, []byte("hunter2")) {
			t.Errorf("kept: %s", raw)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestWhatScansAndStartsSay reaches the gates; an image that does not become healthy is
// a finding, and any other error is the command's.
func TestWhatScansAndStartsSay(t *testing.T) {
	g, target := yard(t)
	put(t, g.Store, target.Image, part{"COPY", "a", 3})
	g.Scan = func(context.Context, gauge.Target) (gauge.Scanned, error) {
		return gauge.Scanned{Secrets: []gate.Secret{{Rule: "private-key", File: "a", Where: "layer"}}}, nil
	}
	g.Start = func(context.Context, gauge.Target) (gate.Running, error) {
		return gate.Running{}, diag.Fail(diag.ExitRun, "web ended")
	}
	l := gate.Limits{Supply: gate.Supply{Secrets: new(0)}, Runtime: gate.Runtime{StartUp: time.Second}}
	s, err := g.Subject(t.Context(), target, l)
	if err != nil {
		t.Fatal(err)
	}
	if all := gate.Check(l, s); all[0].Result != gate.Failed || all[1].Result != gate.Failed || !strings.Contains(all[1].Findings[0].Text, "web ended") {
		t.Errorf("%+v", all)
	}
	g.Start = func(context.Context, gauge.Target) (gate.Running, error) {
		return gate.Running{}, diag.Fail(diag.ExitUnexpected, "no runc")
	}
	if _, err := g.Subject(t.Context(), target, l); err == nil || !strings.Contains(err.Error(), "measuring the started image of web: no runc") {
		t.Errorf("%v", err)
	}
}

// TestDiveFile: rules beside the service count, and a broken file is refused.
func TestDiveFile(t *testing.T) {
	g, target := yard(t)
	file := filepath.Join(target.Root, "web", ".dive-ci")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("rules:\n  lowestEfficiency: 0.99\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if l, err := g.Limits(target); err != nil || *l.Efficiency != 0.99 {
		t.Errorf("%v, %v", l.Efficiency, err)
	}
	if err := os.WriteFile(file, []byte("rules:\n  lowest: 0.99\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Limits(target); err == nil || !strings.Contains(err.Error(), `web/.dive-ci:2: error: dive has no rule "lowest" [SLP626]`) {
		t.Errorf("%v", err)
	}
}

// TestStructureTestsReadTheImage: contents come from the layers of the stored image.
func TestStructureTestsReadTheImage(t *testing.T) {
	g, target := yard(t)
	put(t, g.Store, target.Image, part{"COPY", "etc/app.conf", 3}, part{"COPY", "etc/app.conf", 4})
	text := "schemaVersion: 2.0.0\nfileContentTests:\n  - {name: four, path: /etc/app.conf, expectedContents: [\"^x{4}$\"]}\n  - {name: five, path: /etc/app.conf, expectedContents: [\"x{5}\"]}\n"
	if err := os.WriteFile(filepath.Join(target.Root, "s.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	l := gate.Limits{Hardening: gate.Hardening{Structure: []string{"s.yaml"}}}
	s, err := g.Subject(t.Context(), target, l)
	if err != nil {
		t.Fatal(err)
	}
	v := gate.Check(l, s)[0]
	if v.Actual != "1 of 2 pass" || v.Findings[0].Place.String() != "s.yaml:4" {
		t.Errorf("%+v", v)
	}
	l.Structure = []string{"none.yaml"}
	if _, err := g.Subject(t.Context(), target, l); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
		t.Errorf("%v", err)
	}
}

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
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "slipway-tools")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return annex.Tools{Program: func() (string, error) { return path, nil }}
}

// TestPoliciesInCEL: the second program evaluates them, beside those of conftest.
func TestPoliciesInCEL(t *testing.T) {
	g, target := yard(t)
	put(t, g.Store, target.Image, part{"COPY", "a", 3})
	g.Tools = tools(t)
	t.Setenv("PATH", t.TempDir()) // no conftest
	check := func(policy string, others ...string) (gate.Verdict, error) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(target.Root, "p.cel"), []byte(policy), 0o644); err != nil {
			t.Fatal(err)
		}
		l := gate.Limits{Supply: gate.Supply{Policies: append([]string{"p.cel"}, others...)}}
		s, err := g.Subject(context.Background(), target, l)
		if err != nil {
			return gate.Verdict{}, err
		}
		return gate.Check(l, s)[0], nil
	}
	const holds = `image.user == "1001" && service == "web" && previous == null`
	if v, err := check(holds); err != nil || v.Result != gate.Passed || v.Actual != "0 denials" {
		t.Errorf("what holds: %+v, %v", v, err)
	}
	v, err := check(holds + "\n\n// Every image names its owner.\n\"owner\" in image.labels\n")
	if err != nil || v.Result != gate.Failed || v.Findings[0].Place.String() != "p.cel:4" || v.Findings[0].Text != "web: Every image names its owner." {
		t.Errorf("what does not: %+v, %v", v, err)
	}
	if v, err = check(holds, "p.rego"); err != nil || v.Result != gate.NotKnown || v.Actual != "p.rego was not evaluated" {
		t.Errorf("beside Rego without conftest: %+v, %v", v, err)
	}
	if v, err = check("false", "p.rego"); err != nil || v.Result != gate.Failed {
		t.Errorf("a denial beside Rego without conftest: %+v, %v", v, err)
	}
	if _, err = check("image.sise > 3"); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "p.cel:1:6: undefined field 'sise'") || diag.HintOf(err) == "" {
		t.Errorf("broken: %v", err)
	}
	g.Tools.Program = func() (string, error) { return "", errors.New("there is none") }
	if _, err = check(holds); err == nil || err.Error() != "the policies p.cel were not evaluated: there is none" {
		t.Errorf("without the program: %v", err)
	}
	if err := os.Remove(filepath.Join(target.Root, "p.cel")); err != nil {
		t.Fatal(err)
	}
	l := gate.Limits{Supply: gate.Supply{Policies: []string{"p.cel"}}}
	if _, err := g.Subject(context.Background(), target, l); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "p.cel cannot be read") {
		t.Errorf("without the file: %v", err)
	}
}

// TestPolicies: conftest's answer is read, and without conftest the gate is not known.
func TestPolicies(t *testing.T) {
	g, target := yard(t)
	put(t, g.Store, target.Image, part{"COPY", "a", 3})
	l := gate.Limits{Supply: gate.Supply{Policies: []string{"p.rego"}}}
	check := func(script string) (gate.Verdict, error) {
		t.Helper()
		dir := t.TempDir()
		if script != "" {
			if err := os.WriteFile(filepath.Join(dir, "conftest"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", dir)
		s, err := g.Subject(context.Background(), target, l)
		if err != nil {
			return gate.Verdict{}, err
		}
		return gate.Check(l, s)[0], nil
	}
	if v, err := check(""); err != nil || v.Result != gate.NotKnown {
		t.Errorf("without conftest: %+v, %v", v, err)
	}
	v, err := check(`echo '[{"filename":"-","namespace":"main","successes":1,"failures":[{"msg":"an owner is missing"}],"warnings":[{"msg":"old"}]}]'; exit 1`)
	if err != nil || v.Result != gate.Failed || v.Actual != "1 denial" || len(v.Findings) != 2 {
		t.Errorf("denied: %+v, %v", v, err)
	}
	if v, err = check(`echo '[{"filename":"-","successes":2}]'`); err != nil || v.Result != gate.Passed {
		t.Errorf("allowed: %+v, %v", v, err)
	}
	if _, err = check("echo 'Error: rego_parse_error' >&2; exit 1"); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "rego_parse_error") {
		t.Errorf("broken: %v", err)
	}
}
