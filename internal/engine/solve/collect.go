package solve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/slipway-build/slipway/internal/engine"
)

// Bounds of what is collected: a step may leave anything there.
const (
	maxCollectedFiles = 10_000
	maxCollectedDepth = 16
	maxCollectedFile  = 64 << 20
	maxCollectedBytes = 512 << 20
	collectedPart     = 4 << 20 // of one answer; gRPC takes no more than 16 MB
	maxLeftOut        = 20      // that are named
)

// collector solves a build; through BuildKit's gateway, which alone hands out the
// files of a step that failed, if files are wanted.
type collector struct {
	engine.Collect
	hidden *wordList // what no report may show
	done   engine.Collected
	failed error // of the build, before it went through the gateway
}

// solve is Client.Solve, and collects what is wanted.
func (c *collector) solve(ctx context.Context, on *client.Client, opt client.SolveOpt, status chan *client.SolveStatus) (*client.SolveResponse, error) {
	if len(c.From) == 0 {
		return on.Solve(ctx, nil, opt, status)
	}
	front := opt.Frontend
	resp, err := on.Build(ctx, opt, "slipway", func(ctx context.Context, g gateway.Client) (*gateway.Result, error) {
		res, err := g.Solve(ctx, gateway.SolveRequest{Evaluate: true, Frontend: front, FrontendOpt: g.BuildOpts().Opts})
		if err != nil {
			c.failed = err
			c.fromStep(ctx, g, err)
			return nil, err
		}
		ref, err := res.SingleRef()
		if err != nil {
			return nil, fmt.Errorf("collecting %s: %w", c.From[0], err)
		}
		return res, c.from(ctx, result{ref})
	}, status)
	if c.failed != nil {
		return nil, c.failed
	}
	return resp, err
}

// fromStep collects from the file system that a failed step left. What goes wrong
// here does not hide the failure of the step.
func (c *collector) fromStep(ctx context.Context, g gateway.Client, failure error) {
	var failed *errdefs.SolveError
	if !errors.As(failure, &failed) {
		return
	}
	op, ok := failed.GetOp().GetOp().(*pb.Op_Exec)
	if !ok {
		return
	}
	for i, m := range op.Exec.Mounts {
		if m.Dest != pb.RootMount || i >= len(failed.MountIDs) {
			continue
		}
		box, err := g.NewContainer(ctx, gateway.NewContainerRequest{Mounts: []gateway.Mount{{Dest: pb.RootMount, ResultID: failed.MountIDs[i], MountType: pb.MountType_BIND}}})
		if err == nil {
			err = errors.Join(c.from(ctx, container{box}), box.Release(ctx))
		}
		if err != nil {
			c.leaveOut(c.From[0], err.Error())
		}
	}
}

// from collects the first of the wanted directories that exists.
func (c *collector) from(ctx context.Context, files source) error {
	to, err := os.OpenRoot(c.To)
	if err != nil {
		return fmt.Errorf("collecting %s: %w", c.From[0], err)
	}
	defer to.Close()
	for _, dir := range c.From {
		if ok, err := isDir(ctx, files, dir); err != nil || !ok {
			if err != nil {
				return fmt.Errorf("collecting %s: %w", dir, err)
			}
			continue
		}
		if err := c.copyDir(ctx, files, dir, ".", to, 0); err != nil {
			return fmt.Errorf("collecting %s: %w", dir, err)
		}
		return nil
	}
	return nil
}

// isDir reports a directory that is reached without following a link.
func isDir(ctx context.Context, files source, dir string) (bool, error) {
	at := "/"
	for _, name := range strings.Split(strings.Trim(dir, "/"), "/") {
		entries, err := files.list(ctx, at, name)
		if err != nil {
			return false, err
		}
		found := false
		for _, e := range entries {
			found = found || path.Base(e.Path) == name && fs.FileMode(e.Mode).IsDir()
		}
		if !found {
			return false, nil
		}
		at = path.Join(at, name)
	}
	return true, nil
}

// copyDir copies the directory at from to one of the root.
func (c *collector) copyDir(ctx context.Context, files source, from, at string, to *os.Root, depth int) error {
	entries, err := files.list(ctx, from, "")
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Base(e.Path)
		rel := path.Join(at, name)
		why := ""
		switch mode := fs.FileMode(e.Mode); {
		case name == "." || name == ".." || name == "/" || !fs.ValidPath(rel):
			why = "it has no usable name"
		case mode.IsDir() && depth == maxCollectedDepth:
			why = fmt.Sprintf("it lies deeper than %d directories", maxCollectedDepth)
		case mode.IsDir():
			if err := to.Mkdir(rel, 0o755); err != nil {
				return err
			}
			if err := c.copyDir(ctx, files, path.Join(from, name), rel, to, depth+1); err != nil {
				return err
			}
			continue
		case !mode.IsRegular():
			why = "it is no regular file"
		case c.done.Files == maxCollectedFiles:
			why = fmt.Sprintf("there are more than %d files", maxCollectedFiles)
		case e.Size > maxCollectedFile:
			why = fmt.Sprintf("it is larger than %d MB", maxCollectedFile>>20)
		case c.done.SizeBytes+e.Size > maxCollectedBytes:
			why = fmt.Sprintf("all files are larger than %d MB", maxCollectedBytes>>20)
		}
		if why != "" {
			c.leaveOut(rel, why)
			continue
		}
		if err := c.copyFile(ctx, files, path.Join(from, name), rel, e.Size, to); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies one file of a known size, without the secrets that its step printed.
// A file that is no text would be no file of its kind afterwards, and stays as it is.
func (c *collector) copyFile(ctx context.Context, files source, from, rel string, size int64, to *os.Root) error {
	f, err := to.OpenFile(rel, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	var done int64
	mask := masker{words: c.hidden}
	for done < size {
		part, err := files.read(ctx, from, done, min(collectedPart, size-done))
		if err == nil && len(part) == 0 {
			err = errors.New("it is shorter than its directory says")
		}
		if err == nil {
			if done == 0 && bytes.IndexByte(part, 0) >= 0 {
				mask.words = nil
			}
			done += int64(len(part))
			_, err = f.Write(mask.pass(part, done >= size))
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	c.done.Files++
	c.done.SizeBytes += size
	return f.Close()
}

// leaveOut notes what does not come, and why.
func (c *collector) leaveOut(rel, why string) {
	if len(c.done.LeftOut) < maxLeftOut {
		c.done.LeftOut = append(c.done.LeftOut, rel+": "+why)
	} else if len(c.done.LeftOut) == maxLeftOut {
		c.done.LeftOut = append(c.done.LeftOut, "and more")
	}
}

// source is a file system inside BuildKit. Its list may have more than the entry of
// the name, and has all entries without one.
type source interface {
	list(ctx context.Context, dir, name string) ([]*fstypes.Stat, error)
	read(ctx context.Context, file string, offset, length int64) ([]byte, error)
}

// result is the file system of a result.
type result struct{ gateway.Reference }

func (r result) list(ctx context.Context, dir, name string) ([]*fstypes.Stat, error) {
	return r.ReadDir(ctx, gateway.ReadDirRequest{Path: dir, IncludePattern: name})
}

func (r result) read(ctx context.Context, file string, offset, length int64) ([]byte, error) {
	return r.ReadFile(ctx, gateway.ReadRequest{Filename: file, Range: &gateway.FileRange{Offset: int(offset), Length: int(length)}})
}

// container is the file system of a step that failed, in a container that never
// starts.
type container struct{ gateway.Container }

func (c container) list(ctx context.Context, dir, name string) ([]*fstypes.Stat, error) {
	return c.ReadDir(ctx, gateway.ReadDirContainerRequest{ReadDirRequest: gateway.ReadDirRequest{Path: dir, IncludePattern: name}})
}

func (c container) read(ctx context.Context, file string, offset, length int64) ([]byte, error) {
	return c.ReadFile(ctx, gateway.ReadContainerRequest{ReadRequest: gateway.ReadRequest{Filename: file, Range: &gateway.FileRange{Offset: int(offset), Length: int(length)}}})
}
