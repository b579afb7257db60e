//go:build linux

package embedded

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/containerd/continuity/fs"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/snapshot"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/worker"
	"github.com/moby/go-archive/compression"
	fscopy "github.com/tonistiigi/fsutil/copy"

	"github.com/slipway-build/slipway/internal/quota"
)

// addOp is an ADD whose archives unpack to no more than a limit. BuildKit unpacks
// them without a limit and without an end (solver/llbsolver/file/unpack.go, as of
// 0.33), so their headers are read before: a bomb leaves nothing behind. Reading a
// compressed archive twice costs a tenth of the step (32 MB of gzip, 2026-11-29).
type addOp struct {
	solver.Op
	copies []*pb.FileAction
	limit  int64
}

// bounded returns the step with the limit, if it may unpack archives.
func bounded(step solver.Op, op *pb.FileOp, limit int64) solver.Op {
	var copies []*pb.FileAction
	for _, a := range op.GetActions() {
		if limit > 0 && a.GetCopy().GetAttemptUnpackDockerCompatibility() {
			copies = append(copies, a)
		}
	}
	if len(copies) == 0 {
		return step
	}
	return addOp{step, copies, limit}
}

// Exec implements solver.Op.
func (o addOp) Exec(ctx context.Context, job solver.JobContext, inputs []solver.Result) ([]solver.Result, error) {
	room := quota.New(o.limit)
	for _, a := range o.copies {
		if a.SecondaryInput < 0 || int(a.SecondaryInput) >= len(inputs) {
			return nil, fmt.Errorf("adding files: there is no input %d", a.SecondaryInput)
		}
		ref, ok := inputs[a.SecondaryInput].Sys().(*worker.WorkerRef)
		if !ok || ref.ImmutableRef == nil {
			continue // it has no files
		}
		if err := weigh(ctx, ref, job.Session(), a.GetCopy(), room); err != nil {
			return nil, err
		}
	}
	return o.Op.Exec(ctx, job, inputs)
}

// weigh takes room for the archives among the files of an ADD. What it cannot read
// BuildKit cannot read either, and says why.
func weigh(ctx context.Context, from *worker.WorkerRef, group session.Group, action *pb.FileActionCopy, room *quota.Quota) (err error) {
	mountable, err := from.ImmutableRef.Mount(ctx, true, group)
	if err != nil {
		return fmt.Errorf("reading added files: %w", err)
	}
	mounter := snapshot.LocalMounter(mountable)
	dir, err := mounter.Mount()
	if err != nil {
		return fmt.Errorf("reading added files: %w", err)
	}
	defer func() { _ = mounter.Unmount() }()
	return weighIn(ctx, dir, action, room)
}

func weighIn(ctx context.Context, dir string, action *pb.FileActionCopy, room *quota.Quota) error {
	paths := []string{path.Join("/", action.Src)}
	if action.AllowWildcard {
		var err error
		if paths, err = fscopy.ResolveWildcards(dir, paths[0], action.FollowSymlink); err != nil {
			return nil //nolint:nilerr // BuildKit's to say
		}
	}
	for _, p := range paths {
		at, err := fs.RootPath(dir, p)
		if err != nil {
			continue
		}
		if info, err := os.Lstat(at); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := weighArchive(ctx, at, room); err != nil {
			return fmt.Errorf("the archive %s: %w", path.Base(p), err)
		}
	}
	return nil
}

// weighArchive takes room for the entries of a file if it is an archive.
func weighArchive(ctx context.Context, at string, room *quota.Quota) error {
	f, err := os.Open(at)
	if err != nil {
		return nil //nolint:nilerr // BuildKit's to say
	}
	defer f.Close()
	var magic [10]byte
	n, _ := io.ReadFull(f, magic[:])
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	stream := io.Reader(f) // archive/tar seeks over the content of entries
	if compression.Detect(magic[:n]) != compression.None {
		plain, err := compression.DecompressStream(whileRunning{ctx, f})
		if err != nil {
			return ctx.Err() // or BuildKit's to say
		}
		defer plain.Close()
		stream = whileRunning{ctx, plain}
	}
	for entries := tar.NewReader(stream); ; {
		header, err := entries.Next()
		if err != nil {
			return ctx.Err() // it ends here, or BuildKit says what is wrong
		}
		if err := room.Take(header.Size); err != nil {
			return err
		}
	}
}

// whileRunning reads until the context ends.
type whileRunning struct {
	ctx  context.Context //nolint:containedctx // io.Reader has none
	from io.Reader
}

// Read implements io.Reader.
func (r whileRunning) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}
