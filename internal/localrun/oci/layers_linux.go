package oci

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/archive"
	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/logfile"
	"github.com/slipway-build/slipway/internal/quota"
)

// unpack makes sure that every layer of an image is unpacked, and returns their
// directories from the lowest up. A directory is named by the layer's chain ID
// (OCI image specification, config.md) and appears complete or not at all.
// The diff IDs are those of the configuration: asking a layer would unpack it.
func unpack(ctx context.Context, dir string, img Image, diffIDs []v1.Hash, room *quota.Quota) ([]string, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading the layers: %w", err)
	}
	if len(layers) == 0 {
		return nil, errors.New("the image has no layers")
	}
	if len(layers) != len(diffIDs) {
		return nil, fmt.Errorf("the image has %d layers, but its configuration names %d", len(layers), len(diffIDs))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("unpacking layers: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if _, err := lock.TryLockContext(ctx, pollInterval); err != nil {
		return nil, fmt.Errorf("waiting for another slipway that unpacks layers: %w", err)
	}
	defer lock.Unlock()
	var dirs []string
	chain := ""
	for i, l := range layers {
		diffID := diffIDs[i]
		chain = chainID(chain, diffID.String())
		path := filepath.Join(dir, chain)
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			err = unpackLayer(ctx, l, diffID, path, dirs, room)
			if large := (*quota.Exceeded)(nil); errors.As(err, &large) {
				return nil, diag.Fail(diag.ExitRun, "unpacking the image").Because(large).
					WithHint("if you trust the image, allow more: --max-unpacked 100GB")
			}
			if err != nil {
				return nil, fmt.Errorf("unpacking layer %s: %w", diffID, err)
			}
		}
		if err := os.WriteFile(path+usedSuffix, nil, 0o600); err != nil {
			return nil, fmt.Errorf("unpacking layer %s: %w", diffID, err)
		}
		dirs = append(dirs, path)
	}
	return dirs, nil
}

// usedSuffix ends the name of the file beside a layer that was written when the
// layer was used last; layerAge is how long an unused one stays.
const (
	usedSuffix = ".used"
	layerAge   = 7 * 24 * time.Hour
)

// pruneLayers removes layers that were not used for layerAge and that no container has,
// and what interrupted unpacking has left.
func pruneLayers(stateDir string, now time.Time) error {
	dir := layersDir(stateDir)
	lock := flock.New(filepath.Join(dir, "lock"))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return err // someone unpacks: next time
	}
	defer lock.Unlock()
	inUse, err := layersInUse(stateDir)
	if err != nil {
		return fmt.Errorf("looking for unused layers: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking for unused layers: %w", err)
	}
	var problems []error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() || inUse(e.Name()) {
			continue
		}
		used, err := os.Stat(path + usedSuffix)
		if err == nil && now.Sub(used.ModTime()) < layerAge {
			continue
		}
		// First out of sight, because removing takes time and may be interrupted.
		gone := filepath.Join(dir, ".new-gone-"+e.Name())
		problems = append(problems, os.Rename(path, gone), os.RemoveAll(gone), os.RemoveAll(path+usedSuffix))
	}
	return errors.Join(problems...)
}

// layersInUse tells whether a container has a layer. A container's links say so: what the
// kernel tells of a mount names the links, and only mounts of this process's namespace.
// Earlier versions of Slipway (until 0.3) made no links for an image of few layers.
func layersInUse(stateDir string) (func(chainID string) bool, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	links, err := filepath.Glob(filepath.Join(serviceDir(filepath.Join(groupsDir(stateDir), "*"), "*"), linksDir, "*"))
	if err != nil {
		return nil, err
	}
	linked := map[string]bool{}
	for _, link := range links {
		layer, err := os.Readlink(link)
		if errors.Is(err, os.ErrNotExist) {
			continue // its container has just ended
		}
		if err != nil {
			return nil, err
		}
		linked[filepath.Base(layer)] = true
	}
	return func(chainID string) bool { return linked[chainID] || strings.Contains(string(mounts), chainID) }, nil
}

// chainID combines the chain below with a layer; names are short because the
// options of an overlay mount fit in a page.
func chainID(below, diffID string) string {
	sum := sha256.Sum256([]byte(below + " " + diffID))
	return hex.EncodeToString(sum[:12])
}

// unpackLayer writes one layer in the form that overlayfs reads, its digest
// checked. Directories that it only passes through look as in the parents.
func unpackLayer(ctx context.Context, l v1.Layer, want v1.Hash, path string, parents []string, room *quota.Quota) (err error) {
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	r, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	in := io.TeeReader(r, hash.Hash(sum))
	newestFirst := make([]string, 0, len(parents))
	for i := len(parents) - 1; i >= 0; i-- {
		newestFirst = append(newestFirst, parents[i])
	}
	take := func(h *tar.Header) (bool, error) {
		dropRights(h)
		return true, room.Take(h.Size)
	}
	if _, err := archive.Apply(ctx, tmp, in, archive.WithConvertWhiteout(archive.OverlayConvertWhiteout), archive.WithParents(newestFirst), archive.WithFilter(take)); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // padding behind the end of the archive
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); want.Algorithm == "sha256" && got != want.Hex {
		return fmt.Errorf("its content has the digest sha256:%s", got)
	}
	return os.Rename(tmp, path)
}

// dropRights takes from a file what would give its user rights on this machine:
// setuid and setgid bits and capabilities. In a container they have no effect
// (NoNewPrivileges). A directory's setgid bit has another meaning and stays.
func dropRights(h *tar.Header) {
	if h.Typeflag != tar.TypeDir {
		h.Mode &^= 0o6000
		delete(h.PAXRecords, "SCHILY.xattr.security.capability")
	}
}

// mountRootfs mounts a writable file system over layers at dir/rootfs.
func mountRootfs(dir string, layers []string) (string, error) {
	rootfs, upper, work := filepath.Join(dir, "rootfs"), filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{rootfs, upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", fmt.Errorf("preparing the file system: %w", err)
		}
	}
	lower, err := lowerOption(dir, layers)
	if err != nil {
		return "", err
	}
	// Nothing in a container gains rights (NoNewPrivileges), so the machine need
	// not honour setuid bits and devices of an image either.
	m := mount.Mount{Type: "overlay", Source: "overlay", Options: []string{"nosuid", "nodev", lower, "upperdir=" + upper, "workdir=" + work}}
	if err := m.Mount(rootfs); err != nil {
		f := diag.Fail(diag.ExitRun, "mounting the file system of a container at %s", rootfs).Because(err)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV) {
			return "", f.WithHint("overlayfs must be able to write there; set SLIPWAY_STATE_DIR to a directory on ext4, xfs, btrfs or tmpfs")
		}
		return "", f
	}
	return rootfs, nil
}

// maxLayers is how many layers overlayfs joins (OVL_MAX_STACK of the kernel).
const maxLayers = 500

// lowerOption names the layers, the newest first. The options of a mount fit in a
// page, which the names of a hundred layers fill: links with short names stand for them,
// below one directory, where package mount shortens them again. The links also keep the
// layers from being removed as long as the container has them.
func lowerOption(dir string, layers []string) (string, error) {
	if len(layers) > maxLayers {
		return "", diag.Fail(diag.ExitRun, "the image has %d layers; the kernel joins %d", len(layers), maxLayers).
			WithHint("build it with fewer layers: each COPY, ADD and RUN makes one")
	}
	names := slices.Clone(layers)
	slices.Reverse(names)
	links := filepath.Join(dir, linksDir)
	if err := errors.Join(os.RemoveAll(links), os.MkdirAll(links, 0o711)); err != nil {
		return "", fmt.Errorf("preparing the file system: %w", err)
	}
	for i, layer := range names {
		names[i] = filepath.Join(links, strconv.Itoa(i))
		if err := os.Symlink(layer, names[i]); err != nil {
			return "", fmt.Errorf("preparing the file system: %w", err)
		}
	}
	return "lowerdir=" + strings.Join(names, ":"), nil
}

// linksDir has short names for the layers of one container.
const linksDir = "l"

// removeRootfs undoes mountRootfs; it may be called when there is none.
func removeRootfs(dir string) error {
	err := unmount(filepath.Join(dir, "rootfs"))
	if err != nil {
		return err // never remove through a mount
	}
	for _, d := range []string{"rootfs", "upper", "work", linksDir} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, d)))
	}
	return err
}

// removeAllButLogs removes what a service has on the disk, except what it wrote to its
// log: its configuration holds the values of variables, and copies of secrets lie beside
// it. A file that a later version adds goes too.
func removeAllButLogs(dir string) error {
	if err := removeRootfs(dir); err != nil {
		return err // never remove through a mount
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Name() != logFile && e.Name() != logFile+logfile.Older {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// unmount unmounts a path if something is mounted there.
func unmount(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("unmounting %s: %w", path, err)
}
