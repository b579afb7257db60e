//go:build linux

package embedded

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
	"github.com/moby/buildkit/cache"
	cacheconfig "github.com/moby/buildkit/cache/config"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/util/compression"
	"github.com/moby/buildkit/util/contentutil"
	"github.com/moby/buildkit/util/converter"
	"github.com/moby/buildkit/util/converter/tarconverter"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// epochLabel marks a layer in the content store with the time of its files, in
// seconds since 1970.
const epochLabel = "slipway/epoch"

// stamped is a compression of layers that gives every file the same time while
// the layer is written, and compresses on all cores. BuildKit's own way writes
// and compresses a layer first, and reads, rewrites and compresses it again for
// each image that has it.
type stamped struct {
	compression.Type
	epoch time.Time
	keep  *keeper // nil: nobody asks what the layer holds
}

// keeper is told what layers hold. It is behind a pointer because BuildKit
// compares compressions.
type keeper struct {
	keep func(digest string, contents *layer.Index)
}

// Compress implements compression.Type. The digests of what was written are
// known at the end, so the finalizer corrects what BuildKit noted of the
// unstamped layer.
func (s stamped) Compress(context.Context, compression.Config) (compression.Compressor, compression.Finalizer) {
	var done *stampWriter
	start := func(dest io.Writer, _ string) (io.WriteCloser, error) {
		var err error
		done, err = s.writer(dest)
		return done, err
	}
	return start, func(ctx context.Context, store content.Store) (map[string]string, error) {
		if done == nil || !done.closed {
			return nil, errors.New("the layer was not written to its end")
		}
		if s.keep != nil && done.contents != nil {
			s.keep.keep(done.packed.Digest().String(), done.contents)
		}
		diffID := done.plain.Digest().String()
		note := map[string]string{labels.LabelUncompressed: diffID, epochLabel: s.seconds(), unpackedLabel: strconv.FormatInt(done.files, 10)}
		info := content.Info{Digest: done.packed.Digest(), Labels: note}
		_, err := store.Update(ctx, info, "labels."+labels.LabelUncompressed, "labels."+epochLabel, "labels."+unpackedLabel)
		return map[string]string{labels.LabelUncompressed: diffID}, err
	}
}

// NeedsConversion implements compression.Type.
func (s stamped) NeedsConversion(ctx context.Context, store content.Store, desc ocispecs.Descriptor) (bool, error) {
	if info, err := store.Info(ctx, desc.Digest); err != nil || info.Labels[epochLabel] != s.seconds() {
		return true, nil // not in the store, so not written here
	}
	return s.Type.NeedsConversion(ctx, store, desc)
}

// NeedsComputeDiffBySelf implements compression.Type.
func (s stamped) NeedsComputeDiffBySelf(compression.Config) bool { return true }

func (s stamped) seconds() string { return strconv.FormatInt(s.epoch.Unix(), 10) }

// writer takes the tar of a layer and writes it stamped and compressed.
func (s stamped) writer(dest io.Writer) (*stampWriter, error) {
	w := &stampWriter{epoch: s.epoch, plain: digest.Canonical.Digester(), packed: digest.Canonical.Digester(), ended: make(chan error, 1)}
	pack, err := s.compressor(io.MultiWriter(dest, w.packed.Hash()))
	if err != nil {
		return nil, err
	}
	to := []io.Writer{pack, w.plain.Hash()}
	indexed := func() {}
	if s.keep != nil {
		index, end := w.index()
		to, indexed = append(to, index), end
	}
	in, out := io.Pipe()
	w.PipeWriter = out
	go func() {
		tar := tarconverter.NewReader(in, w.stamp)
		_, err := io.Copy(io.MultiWriter(to...), tar)
		_ = in.CloseWithError(err) // the writer stops too
		indexed()
		w.ended <- errors.Join(err, tar.Close(), pack.Close())
	}()
	return w, nil
}

// index notes what the layer holds while it is written. What cannot be read has no
// index: the layer is none the worse for it, and whoever wants one reads it again.
func (w *stampWriter) index() (to io.Writer, end func()) {
	in, out := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.contents, _ = layer.Read(in)
		_, _ = io.Copy(io.Discard, in) // the end of a tar is padded
	}()
	return out, func() {
		_ = out.Close() // never fails
		<-done
	}
}

// compressor compresses on all cores. What it writes depends neither on their
// number nor on timing.
func (s stamped) compressor(w io.Writer) (io.WriteCloser, error) {
	cores := max(2, runtime.GOMAXPROCS(0))
	switch s.Type {
	case compression.Gzip:
		z, err := pgzip.NewWriterLevel(w, pgzip.DefaultCompression)
		if err != nil {
			return nil, err
		}
		return z, z.SetConcurrency(1<<20, cores)
	case compression.Zstd:
		return zstd.NewWriter(w, zstd.WithConcurrentBlocks(true), zstd.WithEncoderConcurrency(cores))
	}
	return nil, fmt.Errorf("layers cannot be compressed with %s", s.Type)
}

// stampWriter is what the tar of a layer is written to.
type stampWriter struct {
	*io.PipeWriter
	epoch         time.Time
	files         int64 // bytes of regular files
	contents      *layer.Index
	plain, packed digest.Digester
	ended         chan error
	closed        bool
}

// stamp gives a file its time.
func (w *stampWriter) stamp(h *tar.Header) {
	h.ModTime, h.AccessTime, h.ChangeTime = w.epoch, time.Time{}, time.Time{}
	if h.Typeflag == tar.TypeReg {
		w.files += h.Size
	}
}

// Close waits until everything is compressed.
func (w *stampWriter) Close() error {
	if w.closed {
		return nil
	}
	err := w.PipeWriter.Close()
	if err = errors.Join(err, <-w.ended); err == nil {
		w.closed = true
	}
	return err
}

// stampedRef is a result whose layers are stamped, but for those of its base.
type stampedRef struct {
	cache.ImmutableRef
	base   []digest.Digest // of the base's layers, uncompressed
	epoch  time.Time
	store  content.Store
	layers *handover // nil: none is given away
	keep   *keeper
}

// GetRemotes implements cache.ImmutableRef.
func (r stampedRef) GetRemotes(ctx context.Context, create bool, cfg cacheconfig.RefConfig, _ bool, s session.Group) ([]*solver.Remote, error) {
	cfg.Compression.Type = stamped{cfg.Compression.Type, r.epoch, r.keep}
	remotes, err := r.ImmutableRef.GetRemotes(ctx, create, cfg, false, s)
	if err != nil {
		return nil, err
	}
	from := remotes[0]
	provider := contentutil.NewMultiProvider(from.Provider)
	descs := slices.Clone(from.Descriptors)
	same := true // as the base, so far
	converted := false
	for i, desc := range descs {
		if same = same && i < len(r.base) && desc.Annotations[labels.LabelUncompressed] == r.base[i].String(); same {
			continue
		}
		convert, err := converter.New(ctx, r.store, desc, cfg.Compression)
		if err != nil {
			return nil, err
		}
		if convert == nil {
			continue
		}
		if lazy, ok := from.Provider.(cache.Unlazier); ok && !converted {
			if err := lazy.Unlazy(ctx); err != nil {
				return nil, err
			}
		}
		to, err := convert(ctx, contentutil.NewStoreWithProvider(r.store, from.Provider), desc)
		if err != nil {
			return nil, fmt.Errorf("giving the files of the layer %s their time: %w", desc.Digest, err)
		}
		converted, descs[i] = true, *to
		provider.Add(to.Digest, r.store)
	}
	r.handOver(ctx, descs)
	if !converted {
		return remotes, nil
	}
	return []*solver.Remote{{Descriptors: descs, Provider: provider}}, nil
}

// handOver gives the layers that are in the engine's store to the image store.
func (r stampedRef) handOver(ctx context.Context, descs []ocispecs.Descriptor) {
	if r.layers == nil {
		return
	}
	for _, desc := range descs {
		if info, err := r.store.Info(ctx, desc.Digest); err == nil {
			r.layers.take(info)
		}
	}
}
