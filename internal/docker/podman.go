package docker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// Receiver is what takes images from Slipway: a Docker engine or Podman. Close it.
type Receiver interface {
	Load(ctx context.Context, image string, img v1.Image) error
	Platform() string // that it runs without emulation
	String() string   // for messages
	// TooOld says why `docker build` or `podman build` there does not read Dockerfiles
	// that slipway generate writes: COPY --link and here-documents. Empty: it does.
	TooOld(ctx context.Context) string
	Close() error
}

// String names the engine in messages.
func (e *Engine) String() string { return "Docker's engine at " + e.Host() }

// TooOld implements Receiver: Docker has BuildKit 0.11 from 23.0 on, whose API is
// 1.42.
func (e *Engine) TooOld(context.Context) string {
	if versions.GreaterThanOrEqualTo(e.version, "1.42") {
		return ""
	}
	return "Docker there is older than 23"
}

// Podman gives images to the storage of the program podman, which has no engine. It
// is safe for concurrent use.
type Podman struct {
	path string
	sink event.Sink
}

// OpenPodman finds the program podman.
func OpenPodman(sink event.Sink) (*Podman, error) {
	path, err := exec.LookPath("podman")
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "the program podman is missing").WithHint("install podman, or use --to docker")
	}
	return &Podman{path: path, sink: sink}, nil
}

// Platform implements Receiver: Podman runs containers on this machine.
func (p *Podman) Platform() string { return "linux/" + runtime.GOARCH }

// String implements Receiver.
func (p *Podman) String() string { return "Podman" }

// TooOld implements Receiver: Podman reads COPY --link from 5.6 on, with Buildah 1.41
// (containers/buildah#4325).
func (p *Podman) TooOld(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, p.path, "version", "--format", "{{.Client.Version}}").Output()
	version := strings.TrimSpace(string(out))
	if err != nil || version == "" || versions.GreaterThanOrEqualTo(version, "5.6") {
		return ""
	}
	return "Podman " + version + " is older than 5.6"
}

// Close implements Receiver.
func (p *Podman) Close() error { return nil }

// Load gives an image to `podman load`. One that Podman has gets the name alone: it
// calls an image by the digest of its configuration.
func (p *Podman) Load(ctx context.Context, image string, img v1.Image) error {
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	progress := &progress{sink: p.sink, what: "load " + image}
	if progress.total, err = sizeOf(img); err != nil {
		return err
	}
	id, err := img.ConfigName()
	if err != nil {
		return err
	}
	if exec.CommandContext(ctx, p.path, "tag", id.Hex, image).Run() == nil {
		progress.end()
		return nil
	}
	cmd := exec.CommandContext(ctx, p.path, "load", "--quiet")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	failed := tarball.Write(ref, img, io.MultiWriter(in, progress))
	failed = errors.Join(failed, in.Close())
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return diag.Fail(diag.ExitUnexpected, "podman load refuses %s", image).Because(errors.New(strings.TrimSpace(strings.TrimSpace(said.String()) + "\n" + err.Error()))).WithHint("check that it works: podman info")
	}
	if failed != nil { // it ended well without reading everything
		return failed
	}
	progress.end()
	return nil
}
