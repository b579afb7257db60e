package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// The peers, pinned: a figure against another version is another figure.
const (
	buildkitVersion = "v0.33.1"
	buildxVersion   = "v0.35.0"
)

// peers are the compiled programs of the other side.
type peers struct{ buildkitd, buildx, runc string }

// compilePeers compiles what the cache does not have yet. It takes minutes the
// first time and nothing later.
func (b *bench) compilePeers(ctx context.Context) (peers, error) {
	p := peers{
		buildkitd: filepath.Join(b.cache, "bin", "buildkitd-"+buildkitVersion),
		buildx:    filepath.Join(b.cache, "bin", "buildx-"+buildxVersion),
		runc:      filepath.Join(b.work, "runc"),
	}
	if err := unpackRunc(p.runc); err != nil {
		return p, err
	}
	if err := b.compile(ctx, "github.com/moby/buildkit", buildkitVersion, "./cmd/buildkitd", p.buildkitd); err != nil {
		return p, err
	}
	return p, b.compile(ctx, "github.com/docker/buildx", buildxVersion, "./cmd/buildx", p.buildx)
}

// compile builds a program of a module in a copy of the module, as its own
// main module: `go install module@version` refuses a go.mod with exclude
// directives, which BuildKit has.
func (b *bench) compile(ctx context.Context, module, version, program, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	b.say("compiling %s@%s into %s, once; this takes minutes", module, version, filepath.Dir(path))
	out, err := execute(ctx, command{argv: []string{"go", "mod", "download", "-json", module + "@" + version}, dir: b.work})
	if err != nil {
		return err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out.stdout, &downloaded); err != nil {
		return fmt.Errorf("reading what go mod download says about %s: %w", module, err)
	}
	source, err := b.scratch("source")
	if err != nil {
		return err
	}
	defer os.RemoveAll(source)
	if err := os.CopyFS(source, os.DirFS(downloaded.Dir)); err != nil {
		return fmt.Errorf("copying the source of %s: %w", module, err)
	}
	_, err = execute(ctx, command{
		argv: []string{"nice", "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", path + ".new", program},
		dir:  source, env: []string{"GOFLAGS=", "GOWORK=off"}, limit: 30 * time.Minute,
	})
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// unpackRunc takes the runc that slipway carries, so that both sides run their
// steps with the same one.
func unpackRunc(path string) (err error) {
	packed, err := os.Open(filepath.Join("internal", "assets", "bin", "runc-linux-"+runtime.GOARCH+".gz"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; run make build at the root of the repository, and bench/run.sh from there", err)
	}
	if err != nil {
		return err
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// daemon is a running process of a peer.
type daemon struct {
	cmd  *exec.Cmd
	done chan error
	log  string
}

// startDaemon starts a process that lives until stop; its output goes to a file.
func startDaemon(log string, env []string, argv ...string) (*daemon, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := &daemon{cmd: exec.Command(argv[0], argv[1:]...), done: make(chan error, 1), log: log}
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.Stdout, d.cmd.Stderr = f, f
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.done <- d.cmd.Wait() }()
	return d, nil
}

// until waits until ready says yes; it gives up when the process ends or after
// a while.
func (d *daemon) until(ctx context.Context, ready func() bool) error {
	deadline := time.After(30 * time.Second)
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case err := <-d.done:
			d.done <- err
			output, _ := os.ReadFile(d.log)
			return fmt.Errorf("%s ended: %v\n%s", d.cmd.Path, err, tail(output, 2000))
		case <-deadline:
			output, _ := os.ReadFile(d.log)
			return fmt.Errorf("%s is not ready after 30 s\n%s", d.cmd.Path, tail(output, 2000))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
			if ready() {
				return nil
			}
		}
	}
}

// stop ends the process: politely, then for good.
func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(os.Interrupt)
	select {
	case <-d.done:
	case <-time.After(20 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.done
	}
}
