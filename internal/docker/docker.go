// Package docker gives images to Docker's own engine, as `docker load` does, and to
// Podman. The engine is the one that DOCKER_HOST names, with DOCKER_TLS_VERIFY and
// DOCKER_CERT_PATH, else the one at /var/run/docker.sock. It starts no engine,
// reads no Docker context, and knows neither ssh:// nor image indexes: one
// platform of an image is what an engine gets.
//
//	e, err := docker.Open(ctx, sink)
//	defer e.Close()
//	err = e.Load(ctx, "shop/web:v1", img)
package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// answerTime bounds how long an engine may take to say who it is.
const answerTime = 10 * time.Second

// Engine is a Docker engine. Close it. It is safe for concurrent use.
type Engine struct {
	api      *client.Client
	platform string
	version  string // of its API
	sink     event.Sink
}

// Open asks the engine who it is; the sink is told how far loads are.
func Open(ctx context.Context, sink event.Sink) (*Engine, error) {
	if host := os.Getenv(client.EnvOverrideHost); strings.HasPrefix(host, "ssh://") {
		return nil, diag.Fail(diag.ExitUsage, "slipway does not load images over %s", host).
			WithHint("ssh -NL /tmp/docker.sock:/var/run/docker.sock %s, then set DOCKER_HOST=unix:///tmp/docker.sock", strings.TrimPrefix(host, "ssh://"))
	}
	api, err := client.New(client.FromEnv)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "Docker's engine cannot be reached with the environment's settings").Because(err).
			WithHint("check DOCKER_HOST, DOCKER_CERT_PATH and DOCKER_API_VERSION")
	}
	e := &Engine{api: api, sink: sink}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := e.greet(ctx); err != nil {
		return nil, errors.Join(err, api.Close())
	}
	return e, nil
}

// greet finds out what listens, and for which platform.
func (e *Engine) greet(ctx context.Context) error {
	host := e.api.DaemonHost()
	if socket, ok := strings.CutPrefix(host, "unix://"); ok { // the client tells why only as text
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		if err != nil {
			return unreachable(host, socket, err)
		}
		if err := conn.Close(); err != nil {
			return err
		}
	}
	version, err := e.api.ServerVersion(ctx, client.ServerVersionOptions{})
	switch {
	case client.IsErrConnectionFailed(err), errors.Is(err, context.DeadlineExceeded):
		return diag.Fail(diag.ExitUsage, "Docker's engine at %s does not answer", host).Because(err).WithHint("docker version; or name another engine with DOCKER_HOST")
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && (version.Os == "" || version.Arch == ""):
		err = errors.New("it does not report its platform")
	}
	if err != nil {
		return diag.Fail(diag.ExitUsage, "the program that listens at %s is not a Docker engine", host).Because(err).WithHint("check DOCKER_HOST: docker version")
	}
	if version.Os != "linux" {
		return diag.Fail(diag.ExitUsage, "Docker's engine at %s runs %s containers, but Slipway builds Linux images", host, version.Os).
			WithHint("switch it to Linux containers, or name another engine with DOCKER_HOST")
	}
	e.platform, e.version = version.Os+"/"+version.Arch, version.APIVersion
	return nil
}

// unreachable says why a socket cannot be used.
func unreachable(host, socket string, err error) error {
	fail := diag.Fail(diag.ExitUsage, "Docker's engine at %s cannot be reached", host).Because(err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return diag.Fail(diag.ExitUsage, "no permission to use Docker's engine at %s", host).Because(err).
			WithHint("sudo usermod -aG docker $USER, then log in again; ls -l %s shows its permissions", socket)
	case errors.Is(err, fs.ErrNotExist):
		return fail.WithHint("start it: systemctl start docker; or name another with DOCKER_HOST (docker context inspect shows which one docker uses)")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail.WithHint("nothing listens there: systemctl start docker")
	}
	return fail.WithHint("check DOCKER_HOST: docker version")
}

// Platform is what the engine runs without emulation, such as "linux/amd64".
func (e *Engine) Platform() string { return e.platform }

// Zstd tells whether the engine reads layers in zstd: from Docker 23 on, whose API
// has version 1.42 (moby/moby#41759).
func (e *Engine) Zstd() bool { return versions.GreaterThanOrEqualTo(e.version, "1.42") }

// Host is where the engine listens.
func (e *Engine) Host() string { return e.api.DaemonHost() }

// Close ends the connections.
func (e *Engine) Close() error { return e.api.Close() }

// Load gives an image to the engine under a name. One that the engine has gets
// the name alone; Docker's image store calls an image by the digest of its
// configuration. With containerd's store images are always sent.
func (e *Engine) Load(ctx context.Context, image string, img v1.Image) error {
	err := e.load(ctx, image, img)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return diag.Fail(diag.ExitUnexpected, "loading %s into Docker's engine at %s", image, e.Host()).Because(err).
		WithHint("see its log: journalctl -u docker; the image is in Slipway's store, so the same command only sends it again")
}

func (e *Engine) load(ctx context.Context, image string, img v1.Image) error {
	id, err := img.ConfigName()
	if err != nil {
		return err
	}
	if has, err := e.api.ImageInspect(ctx, id.String()); err != nil || has.ID != id.String() {
		return e.send(ctx, image, img) // whatever else is wrong, this will say it
	}
	_, err = e.api.ImageTag(ctx, client.ImageTagOptions{Source: id.String(), Target: image})
	return err
}

// send streams the image as `docker save` writes it.
func (e *Engine) send(ctx context.Context, image string, img v1.Image) error {
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	progress := &progress{sink: e.sink, what: "load " + image}
	if progress.total, err = sizeOf(img); err != nil {
		return err
	}
	body, archive := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := tarball.Write(ref, img, io.MultiWriter(archive, progress))
		written <- errors.Join(err, archive.CloseWithError(err))
	}()
	err = e.post(ctx, body)
	_ = body.Close() // ends the writer, if the engine did not read to the end
	if failed := <-written; failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
		err = failed // the engine's error is its echo
	}
	if err == nil {
		progress.end()
	}
	return err
}

// post sends the archive and reads the engine's answers.
func (e *Engine) post(ctx context.Context, archive io.Reader) error {
	answer, err := e.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer answer.Close()
	for lines := json.NewDecoder(answer); ; {
		var m jsonstream.Message
		switch err := lines.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the engine's answer: %w", err)
		case m.Error != nil:
			return m.Error
		}
	}
}

// sizeOf is the size of an image's layers.
func sizeOf(img v1.Image) (int64, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return 0, err
	}
	var bytes int64
	for _, l := range manifest.Layers {
		bytes += l.Size
	}
	return bytes, nil
}

// reportEvery is how many bytes pass between two events.
const reportEvery = 1 << 20

// progress is a writer that tells how much it was given.
type progress struct {
	sink           event.Sink
	what           string
	total          int64
	sent, reported int64
}

// Write implements io.Writer.
func (p *progress) Write(b []byte) (int, error) {
	p.sent += int64(len(b))
	if p.sent-p.reported >= reportEvery {
		p.reported = p.sent
		p.sink.Emit(event.Transfer{What: p.what, Current: min(p.sent, p.total), Total: p.total})
	}
	return len(b), nil
}

func (p *progress) end() {
	p.sink.Emit(event.Transfer{What: p.what, Current: p.total, Total: p.total, Done: true})
}
