//go:build linux

package embedded

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/engine/solve"
)

// unpackedLabel marks a layer in the content store with the sum of its regular
// files, in bytes.
const unpackedLabel = "slipway/unpacked"

// handover gives the layers of one export to the image store before BuildKit's
// exporter would send them there: through a session's stream, which costs as much
// processor time as compressing them. The exporter then finds them present.
type handover struct {
	from, to string    // directories with blobs by digest
	opened   time.Time // by the engine: what is younger was compared while it was written

	mu       sync.Mutex
	unpacked map[string]int64 // by digest, bytes of regular files
}

// take hands over one layer. A layer that cannot be linked, because it is not in
// the engine's store or that is on another file system, is left to the exporter.
func (h *handover) take(info content.Info) {
	if size, err := strconv.ParseInt(info.Labels[unpackedLabel], 10, 64); err == nil {
		h.mu.Lock()
		h.unpacked[info.Digest.String()] = size
		h.mu.Unlock()
	}
	kind := info.Digest.Algorithm().String()
	blob, to := filepath.Join(h.from, kind, info.Digest.Encoded()), filepath.Join(h.to, kind, info.Digest.Encoded())
	before, err := os.Stat(blob)
	if err != nil || os.MkdirAll(filepath.Join(h.to, kind), 0o700) != nil {
		return
	}
	if atomicfile.Sealed(before) || !before.ModTime().Before(h.opened) {
		err = atomicfile.Seal(blob, time.Now()) // what has no name yet is kept by its age
	} else {
		err = sealWhole(blob)
	}
	if err != nil {
		return
	}
	if err := os.Link(blob, to); errors.Is(err, fs.ErrExist) {
		replaceDamaged(blob, to)
	}
}

// replaceDamaged puts a link to a blob in the place of one that something wrote to.
func replaceDamaged(blob, to string) {
	if there, err := os.Stat(to); err != nil || atomicfile.Sealed(there) {
		return
	}
	if sealWhole(to) == nil {
		return
	}
	fresh := to + ".new"
	_ = os.Remove(fresh)
	if os.Link(blob, fresh) == nil {
		_ = os.Rename(fresh, to)
	}
}

// note adds what is known of the layers to the exporter's answer.
func (h *handover) note(resp map[string]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if data, err := json.Marshal(h.unpacked); err == nil && len(h.unpacked) > 0 {
		resp[solve.UnpackedKey] = string(data)
	}
}
