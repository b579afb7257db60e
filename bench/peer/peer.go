// Package peer runs what Slipway is compared with, and checked against: docker
// buildx bake on a buildkitd of its own, both compiled from their modules and
// pinned. The benchmark and the end-to-end tests use it; the product never does.
//
//	programs, err := place.Compile(ctx, root)
//	bake, err := place.StartBake(ctx, programs, "127.0.0.1:5000")
package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/xi2/xz"
)

// The peers, pinned: a figure against another version is another figure.
const (
	BuildkitVersion = "v0.33.1"
	BuildxVersion   = "v0.35.0"
)

// Programs are the compiled programs of the other side.
type Programs struct{ buildkitd, buildx, runc string }

// Place is where peers live.
type Place struct {
	Cache string // compiled programs, kept between runs
	Work  string // everything else; whoever made it removes it
	Say   func(format string, args ...any)
}

// programs are where the compiled ones lie.
func (b Place) programs() Programs {
	return Programs{
		buildkitd: filepath.Join(b.Cache, "bin", "buildkitd-"+BuildkitVersion),
		buildx:    filepath.Join(b.Cache, "bin", "buildx-"+BuildxVersion),
		runc:      filepath.Join(b.Work, "runc"),
	}
}

// Compiled tells whether Compile has nothing left to do.
func (b Place) Compiled() bool {
	p := b.programs()
	for _, name := range []string{p.buildkitd, p.buildx} {
		if _, err := os.Stat(name); err != nil {
			return false
		}
	}
	return true
}

// Compile compiles what the cache does not have yet. It takes minutes the first
// time and nothing later. The runc is the one below internal/assets of the
// repository at root.
func (b Place) Compile(ctx context.Context, root string) (Programs, error) {
	p := b.programs()
	if err := unpackRunc(root, p.runc); err != nil {
		return p, err
	}
	if err := b.compile(ctx, "github.com/moby/buildkit", BuildkitVersion, "./cmd/buildkitd", p.buildkitd); err != nil {
		return p, err
	}
	return p, b.compile(ctx, "github.com/docker/buildx", BuildxVersion, "./cmd/buildx", p.buildx)
}

// compile builds a program of a module in a copy of the module, as its own
// main module: `go install module@version` refuses a go.mod with exclude
// directives, which BuildKit has.
func (b Place) compile(ctx context.Context, module, version, program, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	b.Say("compiling %s@%s into %s, once; this takes minutes", module, version, filepath.Dir(path))
	out, err := Execute(ctx, Command{Argv: []string{"go", "mod", "download", "-json", module + "@" + version}, Dir: b.Work})
	if err != nil {
		return err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out.Stdout, &downloaded); err != nil {
		return fmt.Errorf("reading what go mod download says about %s: %w", module, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	source, err := os.MkdirTemp(b.Work, "source-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(source)
	if err := os.CopyFS(source, os.DirFS(downloaded.Dir)); err != nil {
		return fmt.Errorf("copying the source of %s: %w", module, err)
	}
	_, err = Execute(ctx, Command{
		Argv: []string{"nice", "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", path + ".new", program},
		Dir:  source, Env: []string{"GOFLAGS=", "GOWORK=off"}, Limit: 30 * time.Minute,
	})
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// unpackRunc takes the runc that slipway carries, so that both sides run their
// steps with the same one.
func unpackRunc(root, path string) (err error) {
	packed, err := os.Open(filepath.Join(root, "internal", "assets", "bin", "runc-linux-"+runtime.GOARCH+".xz"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; run make build at the root of the repository, and bench/run.sh from there", err)
	}
	if err != nil {
		return err
	}
	defer packed.Close()
	r, err := xz.NewReader(bufio.NewReader(packed), 0)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
