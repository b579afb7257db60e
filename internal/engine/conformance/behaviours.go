package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

func fromScratch(t *testing.T, s Subject) {
	req := engine.Request{
		Name: "scratch", Platforms: []string{platform()}, Context: folder(t, map[string]string{"a": "A\n", "ignored": "no\n"}), Ignore: []string{"ignored"},
		Dockerfile: []byte("# syntax=docker/dockerfile:1\nFROM scratch\nCOPY . /app/\nENV NAME=value\nCMD [\"/app/a\"]\n"),
	}
	first, rec := s.build(t, req)
	c, files := s.stored(t, first.Digest)
	if diff := cmp.Diff(map[string]string{"app/a": "A\n"}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/app/a"}, c.Config.Cmd); diff != "" || !slices.Contains(c.Config.Env, "NAME=value") || !strings.HasPrefix(c.Created, "1970-01-01T00:00:00") {
		t.Errorf("settings %+v\n%s", c, diff)
	}
	if first.MediaType == "" || first.SizeBytes <= 0 || first.Steps != 1 {
		t.Errorf("result %+v, want media type, size and one step", first)
	}
	var started, finished []string
	for _, e := range rec.Events() {
		switch e := e.(type) {
		case event.StepStarted:
			if e.Index > 0 {
				started = append(started, fmt.Sprintf("%s %d/%d", e.Step, e.Index, e.Total))
			}
		case event.StepFinished:
			if strings.HasPrefix(e.Step, "COPY") {
				finished = append(finished, e.Step+e.Err)
			}
		}
	}
	if diff := cmp.Diff([]string{"COPY . /app/ 1/1", "COPY . /app/"}, append(started, finished...)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	second, _ := s.build(t, req)
	if second.Digest != first.Digest || second.CachedSteps != second.Steps {
		t.Errorf("built again: %+v, want %s and every step cached", second, first.Digest)
	}
}

// base builds an image with a shell into the store and returns its digest.
func (s Subject) base(t *testing.T) string {
	t.Helper()
	res, _ := s.build(t, engine.Request{Name: "base", Context: Busybox(t), Platforms: []string{platform()}, Dockerfile: []byte(BusyboxBase + "ENV PATH=/bin\n")})
	return res.Digest
}

func onBase(t *testing.T, s Subject) {
	res, rec := s.build(t, engine.Request{
		Name: "onbase", Context: t.TempDir(), Platforms: []string{platform()}, Bases: map[string]string{"slipway/busybox:1-test": s.base(t)},
		Dockerfile: []byte("FROM slipway/busybox:1-test AS build\nRUN " + fresh(t) + "echo made here; echo content > /made\nFROM scratch\nCOPY --from=build /made /x/made\n"),
	})
	_, files := s.stored(t, res.Digest)
	if diff := cmp.Diff(map[string]string{"x/made": "content\n"}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if !strings.Contains(rec.Log(), "made here\n") {
		t.Errorf("log %q", rec.Log())
	}
}

func namedContext(t *testing.T, s Subject) {
	other, _ := s.build(t, engine.Request{
		Name: "other", Context: folder(t, map[string]string{"m": "other\n"}), Platforms: []string{platform()}, Dockerfile: []byte("FROM scratch\nCOPY m /m\n"),
	})
	res, _ := s.build(t, engine.Request{
		Name: "named", Context: folder(t, map[string]string{"m": "own\n"}), Platforms: []string{platform()}, Bases: map[string]string{"manifests": other.Digest},
		Dockerfile: []byte("FROM scratch AS manifests\nCOPY m /m\nFROM scratch\nCOPY --from=manifests /m /got\n"),
	})
	_, files := s.stored(t, res.Digest)
	if diff := cmp.Diff(map[string]string{"got": "other\n"}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func memoryContext(t *testing.T, s Subject) {
	dir := folder(t, map[string]string{"m": "own\n"})
	for _, text := range []string{"first\n", "other\n"} { // of equal size
		res, _ := s.build(t, engine.Request{
			Name: "memory", Context: dir, Platforms: []string{platform()},
			Contexts:   map[string]func() (map[string][]byte, error){"manifests": func() (map[string][]byte, error) { return map[string][]byte{"m": []byte(text)}, nil }},
			Dockerfile: []byte("FROM scratch AS manifests\nCOPY m /m\nFROM scratch\nCOPY --from=manifests /m /got\n"),
		})
		_, files := s.stored(t, res.Digest)
		if diff := cmp.Diff(map[string]string{"got": text}, files); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
	}
}

func arguments(t *testing.T, s Subject) {
	res, _ := s.build(t, engine.Request{
		Name: "args", Context: folder(t, map[string]string{"a": "A", "b": "B"}), Platforms: []string{platform()},
		Dockerfile: []byte("FROM scratch AS first\nARG FILE=a\nARG LEFT=alone\nCOPY $FILE /file\nENV LEFT=$LEFT\nFROM scratch\nCOPY a /last\n"),
		Target:     "first", Args: map[string]string{"FILE": "b"}, Labels: map[string]string{"org.example.who": "me"},
	})
	c, files := s.stored(t, res.Digest)
	if diff := cmp.Diff(map[string]string{"file": "B"}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if c.Config.Labels["org.example.who"] != "me" || !slices.Contains(c.Config.Env, "LEFT=alone") {
		t.Errorf("settings %+v", c)
	}
}

func twoPlatforms(t *testing.T, s Subject) {
	res, _ := s.build(t, engine.Request{
		Name: "platforms", Context: t.TempDir(), Platforms: []string{"linux/amd64", "linux/arm64"},
		Dockerfile: []byte("FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\n"),
	})
	var index manifest
	s.decode(t, res.Digest, &index)
	var got []string
	for _, m := range index.Manifests {
		c, _ := s.stored(t, m.Digest)
		got = append(got, c.Architecture+" "+strings.Join(c.Config.Env, " "))
	}
	slices.Sort(got)
	for i, arch := range []string{"amd64", "arm64"} {
		if len(got) != 2 || !strings.HasPrefix(got[i], arch+" ") || !strings.Contains(got[i], "ARCH="+arch) {
			t.Fatalf("images %q", got)
		}
	}
}

func secret(t *testing.T, s Subject) {
	const word = "hunter2-hunter2"
	t.Setenv("CONFORMANCE_SECRET", word)
	out := t.TempDir()
	_, rec := s.build(t, engine.Request{
		Name: "secret", Context: Busybox(t), Secrets: []engine.Secret{{ID: "token", Env: "CONFORMANCE_SECRET"}},
		Dockerfile: []byte(BusyboxBase + "RUN --mount=type=secret,id=token " + fresh(t) + "[ $(wc -c < /run/secrets/token) = 15 ] && echo it is $(cat /run/secrets/token)\nRUN rm -rf /bin\n"),
		Output:     engine.Output{Kind: engine.OutputLocal, Path: out},
	})
	if log := rec.Log(); strings.Contains(log, word) || !strings.Contains(log, "it is [secret]") {
		t.Errorf("log %q", log)
	}
	if contains(t, out, word) {
		t.Error("the secret is in the image")
	}
}

func localOutput(t *testing.T, s Subject) {
	out := t.TempDir()
	res, _ := s.build(t, engine.Request{
		Name: "local", Context: folder(t, map[string]string{"a": "A"}), Dockerfile: []byte("FROM scratch\nCOPY a /d/a\n"),
		Output: engine.Output{Kind: engine.OutputLocal, Path: out},
	})
	if data, err := os.ReadFile(filepath.Join(out, "d", "a")); string(data) != "A" || err != nil || res.Digest != "" {
		t.Errorf("read %q, %v; digest %q", data, err, res.Digest)
	}
}

func tarOutput(t *testing.T, s Subject) {
	dir := t.TempDir()
	path := filepath.Join(dir, "image.tar")
	req := engine.Request{
		Name: "tar", Context: folder(t, map[string]string{"a": "A"}), Platforms: []string{platform()}, Dockerfile: []byte("FROM scratch\nCOPY a /a\n"),
		Output: engine.Output{Kind: engine.OutputOCI, Path: path}, Tag: "example.test/tar:1",
	}
	s.build(t, req)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := archive(t, f, false)
	if !strings.Contains(files["index.json"], "example.test/tar:1") || files["oci-layout"] == "" {
		t.Errorf("index %q, layout %q", files["index.json"], files["oci-layout"])
	}
	req.Dockerfile = []byte("FROM scratch\nCOPY nowhere /a\n")
	req.Output.Path = filepath.Join(dir, "failed.tar")
	if _, err := s.Builder.Build(t.Context(), req, event.Discard{}); err == nil {
		t.Error("a missing file was built")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left %v, %v; want the complete file only", left, err)
	}
}
