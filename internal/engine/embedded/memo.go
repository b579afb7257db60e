//go:build linux

package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/exporter/util/epoch"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/worker/base"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/engine/embedded/outbound"
	"github.com/slipway-build/slipway/internal/engine/solve"
)

// maxMemos bounds the number of remembered exports; beyond it all are dropped.
const maxMemos = 2000

// exportMemo is a worker whose images have stamped layers, and that does not
// repeat an export: when the same cache records were exported with the same
// configuration before, and every blob is still in the image store, the earlier
// answer stands.
//
// Cache records are immutable and their names are never used again, so equal
// names mean equal content.
type exportMemo struct {
	*base.Worker
	dir      string // one file for each remembered export
	blobs    string // directory of the engine's own
	imageDir string
	garbage  *collections
	keep     *keeper         // nil: nobody asks what layers hold
	guard    *outbound.Guard // nil: Dockerfiles add what this machine serves
	git      *gitNetwork     // nil: git has the machine's network
	opened   time.Time

	maxUnpacked int64         // bytes that archives of one ADD unpack to; 0: no limit
	beside      *atomic.Int32 // builds that have companions
	keeping     *atomic.Int32 // builds that keep cache mounts
}

func newExportMemo(ctx context.Context, w *base.Worker, dir, blobs, imageDir string) *exportMemo {
	return &exportMemo{Worker: w, dir: dir, blobs: blobs, imageDir: imageDir, garbage: newCollections(ctx), beside: &atomic.Int32{}, keeping: &atomic.Int32{}}
}

// Prune implements worker.Worker.
func (w *exportMemo) Prune(ctx context.Context, ch chan client.UsageInfo, opt ...client.PruneInfo) error {
	return w.garbage.run(ctx, func(ctx context.Context) error { return w.Worker.Prune(ctx, ch, opt...) })
}

// Close implements worker.Worker.
func (w *exportMemo) Close() error {
	w.garbage.close()
	return errors.Join(w.Worker.Close(), w.git.close())
}

// Exporter returns the worker's exporter; those of images stamp layers, and have
// a memory for what goes into the image store.
func (w *exportMemo) Exporter(name string, sm *session.Manager) (exporter.Exporter, error) {
	e, err := w.Worker.Exporter(name, sm)
	if err != nil || name != client.ExporterOCI && name != client.ExporterDocker {
		return e, err
	}
	return memoExporter{Exporter: e, memo: w}, nil
}

type memoExporter struct {
	exporter.Exporter
	memo *exportMemo
}

// Resolve implements exporter.Exporter.
func (e memoExporter) Resolve(ctx context.Context, id int, attrs map[string]string) (exporter.ExporterInstance, error) {
	own := maps.Clone(attrs)
	delete(own, rewriteTimestamp) // stamped while they are written
	inst, err := e.Exporter.Resolve(ctx, id, own)
	if err != nil || attrs[rewriteTimestamp] != "true" {
		return inst, err
	}
	return memoInstance{ExporterInstance: inst, memo: e.memo, attrs: attrs}, nil
}

// rewriteTimestamp is the exporter's option that gives files the image's time.
const rewriteTimestamp = "rewrite-timestamp"

type memoInstance struct {
	exporter.ExporterInstance
	memo  *exportMemo
	attrs map[string]string
}

// Export answers from memory when it can.
func (i memoInstance) Export(ctx context.Context, src *exporter.Source, info exporter.ExportBuildInfo) (map[string]string, exporter.FinalizeFunc, exporter.DescriptorReference, error) {
	if i.attrs["tar"] != "false" {
		stampedSrc, err := i.memo.stamped(src, nil)
		if err != nil {
			return nil, nil, nil, err
		}
		return i.ExporterInstance.Export(ctx, stampedSrc, info)
	}
	path := filepath.Join(i.memo.dir, exportKey(i.attrs, src))
	if resp, ok := i.memo.recall(path); ok {
		return resp, nil, nil, nil
	}
	layers := &handover{opened: i.memo.opened, from: i.memo.blobs, to: filepath.Join(i.memo.imageDir, "blobs"), unpacked: map[string]int64{}}
	stampedSrc, err := i.memo.stamped(src, layers)
	if err != nil {
		return nil, nil, nil, err
	}
	resp, finalize, ref, err := i.ExporterInstance.Export(ctx, stampedSrc, info)
	if err == nil {
		layers.note(resp)
		i.memo.remember(path, resp)
	}
	return resp, finalize, ref, err
}

// stamped returns the same result with layers whose files have the image's time.
// They are given to layers, unless that is nil.
func (w *exportMemo) stamped(src *exporter.Source, layers *handover) (*exporter.Source, error) {
	platforms, err := exptypes.ParsePlatforms(src.Metadata)
	if err != nil {
		return nil, err
	}
	out := src.Clone()
	wrap := func(ref cache.ImmutableRef, p *exptypes.Platform) (cache.ImmutableRef, error) {
		at, err := epoch.ParseSource(src, p)
		if err != nil || ref == nil || at == nil {
			return ref, err
		}
		s := stampedRef{ImmutableRef: ref, epoch: *at, store: w.ContentStore(), layers: layers, keep: w.keep}
		if config := exptypes.ParseKey(src.Metadata, exptypes.ExporterImageBaseConfigKey, p); len(config) > 0 {
			var base ocispecs.Image
			if err := json.Unmarshal(config, &base); err != nil {
				return nil, fmt.Errorf("reading the configuration of the base: %w", err)
			}
			s.base = base.RootFS.DiffIDs
		}
		return s, nil
	}
	for i := range platforms.Platforms {
		p := &platforms.Platforms[i]
		if ref, ok := out.Refs[p.ID]; ok {
			if out.Refs[p.ID], err = wrap(ref, p); err != nil {
				return nil, err
			}
		}
	}
	if out.Ref != nil {
		var p *exptypes.Platform
		if len(platforms.Platforms) > 0 {
			p = &platforms.Platforms[0]
		}
		out.Ref, err = wrap(out.Ref, p)
	}
	return out, err
}

// exportKey names an export by everything that decides its bytes.
func exportKey(attrs map[string]string, src *exporter.Source) string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		fmt.Fprintf(h, "attr %q %q\n", k, attrs[k])
	}
	for _, k := range slices.Sorted(maps.Keys(src.Metadata)) {
		fmt.Fprintf(h, "meta %q %q\n", k, src.Metadata[k])
	}
	writeRef(h, "", src.Ref)
	for _, k := range slices.Sorted(maps.Keys(src.Refs)) {
		writeRef(h, k, src.Refs[k])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeRef(w io.Writer, platform string, ref cache.ImmutableRef) {
	if ref != nil {
		fmt.Fprintf(w, "ref %q %q\n", platform, ref.ID())
	}
}

// recall returns the remembered answer if the whole image is still stored.
func (w *exportMemo) recall(path string) (map[string]string, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	var resp map[string]string
	if json.Unmarshal(data, &resp) != nil {
		return nil, false
	}
	desc, err := solve.ExportedDescriptor(resp)
	return resp, err == nil && w.complete(desc)
}

// complete tells whether a manifest or index and all that it names are stored.
func (w *exportMemo) complete(desc ocispecs.Descriptor) bool {
	path := filepath.Join(w.imageDir, "blobs", desc.Digest.Algorithm().String(), desc.Digest.Encoded())
	info, err := os.Stat(path)
	if err != nil || info.Size() != desc.Size {
		return false
	}
	switch desc.MediaType {
	case ocispecs.MediaTypeImageIndex, ocispecs.MediaTypeImageManifest:
	default:
		return atomicfile.Sealed(info) || sealWhole(path) == nil
	}
	data, err := os.ReadFile(path)
	if err != nil || digest.FromBytes(data) != desc.Digest {
		return false
	}
	var doc struct {
		Config    *ocispecs.Descriptor
		Layers    []ocispecs.Descriptor
		Manifests []ocispecs.Descriptor
	}
	if json.Unmarshal(data, &doc) != nil {
		return false
	}
	children := append(doc.Layers, doc.Manifests...)
	if doc.Config != nil {
		children = append(children, *doc.Config)
	}
	return !slices.ContainsFunc(children, func(d ocispecs.Descriptor) bool { return !w.complete(d) })
}

// remember keeps an answer. Losing one costs time, never truth, so errors are
// not reported.
func (w *exportMemo) remember(path string, resp map[string]string) {
	if entries, _ := os.ReadDir(w.dir); len(entries) > maxMemos {
		_ = os.RemoveAll(w.dir)
	}
	data, err := json.Marshal(resp)
	if err != nil || os.MkdirAll(w.dir, 0o700) != nil {
		return
	}
	_ = atomicfile.Write(path, data, atomicfile.Options{Mode: 0o600})
}
