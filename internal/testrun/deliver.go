package testrun

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/repository"
)

// Deliver copies the reports of a run to a directory below a root, in place of what an
// earlier run left there; reports of earlier attempts go beside it. A directory gets
// its name when it is whole. What is there already is not copied again.
func (k Kept) Deliver(root *os.Root, to string) error {
	record, err := os.ReadFile(filepath.Join(filepath.Dir(k.Dir), recordName))
	if err != nil {
		return err
	}
	have, err := repository.Read(root, path.Join(to, recordName))
	if err == nil && bytes.Equal(have, record) {
		return nil
	}
	for n := 1; ; n++ { // of the run before
		name := fmt.Sprintf("%s.attempt-%d", to, n)
		if _, err := root.Lstat(name); err != nil {
			break
		}
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	for n, dir := range k.EarlierDirs() {
		if err := place(root, dir, fmt.Sprintf("%s.attempt-%d", to, n+1), nil); err != nil {
			return err
		}
	}
	return place(root, k.Dir, to, record)
}

// place copies a directory of this machine to one below a root.
func place(root *os.Root, from, to string, record []byte) error {
	parent := path.Dir(to)
	if err := root.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	temp := path.Join(parent, "."+path.Base(to)+"-"+rand.Text()[:8])
	err := copyTree(root, from, temp)
	if err == nil && record != nil {
		err = root.WriteFile(path.Join(temp, recordName), record, 0o644)
	}
	if err == nil {
		err = root.RemoveAll(to)
	}
	if err == nil {
		err = root.Rename(temp, to)
	}
	if err != nil {
		return errors.Join(err, root.RemoveAll(temp))
	}
	return nil
}

// copyTree copies regular files and directories; a shelf has nothing else.
func copyTree(root *os.Root, from, to string) error {
	return filepath.WalkDir(from, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, at)
		if err != nil {
			return err
		}
		switch target := path.Join(to, filepath.ToSlash(rel)); {
		case e.IsDir():
			return root.Mkdir(target, 0o755)
		case e.Type().IsRegular():
			return copyFile(root, at, target)
		}
		return nil
	})
}

func copyFile(root *os.Root, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := root.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
