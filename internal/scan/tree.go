package scan

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// Tree scans the file system of an image that is being built: installed packages,
// programs and secrets. Other directories than those named are the kernel's.
func Tree(name string, root fs.FS, o Options) (Result, error) {
	index, err := indexOf(root)
	if err != nil {
		return Result{}, fmt.Errorf("reading the files of %s: %w", name, err)
	}
	s := Subject{Name: name, Layers: []inventory.Layer{{Index: index}}}
	r, err := Image(s, nil, o)
	r.Directory, r.Image = name, ""
	return r, err
}

// kernel are the directories at the root that hold no files of the image.
func kernel() []string { return []string{"dev", "proc", "run", "sys", "tmp"} }

// itself is where the base slipway/scan has the scanner, which no image keeps.
const itself = "usr/local/bin/security-scan"

// indexOf reads a file system as the layer that it would be.
func indexOf(root fs.FS) (*layer.Index, error) {
	in, out := io.Pipe()
	go func() {
		w := tar.NewWriter(out)
		err := fs.WalkDir(root, ".", func(p string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrPermission):
				return nil
			case err != nil:
				return err
			case p == ".", p == itself:
				return nil
			case e.IsDir() && slices.Contains(kernel(), p):
				return fs.SkipDir
			}
			return pack(w, root, p, e)
		})
		if err == nil { // a tar that ends is whole
			err = w.Close()
		}
		_ = out.CloseWithError(err) // the reader gets it
	}()
	index, err := layer.Read(in)
	return index, errors.Join(err, in.Close())
}

// pack writes an entry of a file system into a tar. A file that only another user may
// read is left out: the image's user cannot use it either.
func pack(w *tar.Writer, root fs.FS, p string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = fs.ReadLink(root, p); err != nil {
			return err
		}
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	h.Name = p
	if !info.Mode().IsRegular() {
		return w.WriteHeader(h)
	}
	f, err := root.Open(p)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, info.Size())
	return err
}
