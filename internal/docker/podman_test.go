package docker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// podmanOf puts a program podman without images into PATH that keeps what it reads.
func podmanOf(t *testing.T, script string) (archive string) {
	t.Helper()
	dir := t.TempDir()
	archive = filepath.Join(dir, "archive")
	text := "#!/bin/sh\n[ \"$1\" = tag ] && exit 125\n[ \"$*\" = 'load --quiet' ] || { echo \"unexpected: $*\" >&2; exit 9; }\n" + strings.ReplaceAll(script, "ARCHIVE", archive) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "podman"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return archive
}

func TestPodmanGetsTheImageUnderItsName(t *testing.T) {
	archive := podmanOf(t, "cat > ARCHIVE; echo 'Loaded image: x'")
	sink := &events{}
	p, err := OpenPodman(sink)
	if err != nil {
		t.Fatal(err)
	}
	img, id := image(t)
	if err := p.Load(t.Context(), "slipway/node:22-trixie", img); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("slipway/node:22-trixie")
	if err != nil {
		t.Fatal(err)
	}
	got, err := tarball.ImageFromPath(archive, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if config, err := got.ConfigName(); err != nil || config.String() != id {
		t.Errorf("podman got %v, want %s (%v)", config, id, err)
	}
	if last, ok := sink.last.(event.Transfer); !ok || !last.Done || last.What != "load slipway/node:22-trixie" {
		t.Errorf("the last event is %+v", sink.last)
	}
}

func TestAnImageThatPodmanHasGetsOnlyTheName(t *testing.T) {
	dir := t.TempDir()
	asked := filepath.Join(dir, "asked")
	if err := os.WriteFile(filepath.Join(dir, "podman"), []byte("#!/bin/sh\necho \"$*\" >> "+asked+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	p, err := OpenPodman(event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	img, id := image(t)
	if err := p.Load(t.Context(), "slipway/node:22-trixie", img); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(asked)
	if want := "tag " + strings.TrimPrefix(id, "sha256:") + " slipway/node:22-trixie\n"; err != nil || string(got) != want {
		t.Errorf("podman was asked %q, want %q (%v)", got, want, err)
	}
}

func TestOldBuildersAreNamed(t *testing.T) {
	for version, want := range map[string]string{"4.3.1": "Podman 4.3.1 is older than 5.6", "5.5.2": "Podman 5.5.2 is older than 5.6", "5.6.0": "", "6.0.1": "", "": ""} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "podman"), []byte("#!/bin/sh\n[ \"$1\" = version ] && echo "+version+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+":/usr/bin:/bin")
		p, err := OpenPodman(event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.TooOld(t.Context()); got != want {
			t.Errorf("podman %s: %q, want %q", version, got, want)
		}
	}
	f := &fake{}
	f.listen(t)
	if got := open(t, event.Discard{}).TooOld(t.Context()); got != "Docker there is older than 23" {
		t.Errorf("Docker 20.10: %q", got)
	}
	f = &fake{version: `{"Version":"28.2.2","ApiVersion":"1.50","Os":"linux","Arch":"amd64"}`}
	f.listen(t)
	if got := open(t, event.Discard{}).TooOld(t.Context()); got != "" {
		t.Errorf("Docker 28: %q", got)
	}
}

func TestPodmanThatRefuses(t *testing.T) {
	podmanOf(t, "head -c 100 > /dev/null; echo 'Error: no space left' >&2; exit 125")
	p, err := OpenPodman(event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	img, _ := image(t)
	err = p.Load(t.Context(), "x", img)
	if err == nil || !strings.Contains(err.Error(), "Error: no space left\nexit status 125") || !strings.Contains(diag.HintOf(err), "podman info") {
		t.Errorf("%v", err)
	}
	podmanOf(t, "exit 0") // says that all is well, and reads nothing
	if p, err = OpenPodman(event.Discard{}); err != nil {
		t.Fatal(err)
	}
	if err := p.Load(t.Context(), "x", img); err == nil {
		t.Error("an image that was not read counts as loaded")
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := OpenPodman(event.Discard{}); err == nil || !strings.Contains(diag.HintOf(err), "--to docker") {
		t.Errorf("without podman: %v", err)
	}
}
