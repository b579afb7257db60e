// Package atomicfile writes files that exist whole or not at all: the content
// goes to a temporary file beside the target, which gets its name when it is
// complete. A reader sees the old file or the new one, and so does a process
// that starts after a kill.
//
// It does not create directories, does not lock, and does not remove temporary
// files that killed processes left behind: their owners know the directory and
// the prefix. The name of a new file is not synced to the directory; after a
// power cut the old file may be back.
//
//	err := atomicfile.Write("slipway.yaml", text, atomicfile.Options{})
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Options say how a file is written; the zero value suits most.
type Options struct {
	Dir    string      // of the temporary file, on the file system of the target; empty: the target's own
	Prefix string      // of the temporary file's name; empty: "." and the target's name
	Mode   fs.FileMode // of the complete file; 0 is 0644
	Sync   bool        // flush the content to the disk before the file gets its name
}

// File is a file that is being written. Every File ends with Commit, CommitAs or
// Discard. It is not safe for concurrent use.
type File struct {
	*os.File
	path string
	opts Options
	done bool
}

// Create opens a temporary file for path.
func Create(path string, o Options) (*File, error) {
	if o.Dir == "" {
		o.Dir = filepath.Dir(path)
	}
	if o.Prefix == "" {
		o.Prefix = "." + filepath.Base(path) + "-"
	}
	if o.Mode == 0 {
		o.Mode = 0o644
	}
	f, err := os.CreateTemp(o.Dir, o.Prefix+"*")
	if err != nil {
		return nil, err
	}
	return &File{File: f, path: path, opts: o}, nil
}

// Commit gives the file its name. After an error there is no file left but the
// one that had the name before. A file that its writer closed already is as good
// as an open one, unless it must be synced.
func (f *File) Commit() error { return f.CommitAs(f.path) }

// CommitAs is Commit for a name that comes from the content.
func (f *File) CommitAs(path string) error {
	err := os.Chmod(f.Name(), f.opts.Mode)
	if err == nil && f.opts.Sync {
		err = f.Sync()
	}
	err = errors.Join(err, f.close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, f.Discard())
	}
	f.done = true
	return nil
}

// Discard closes and removes a file that was not committed; after Commit it does
// nothing, so it can be deferred.
func (f *File) Discard() error {
	if f.done {
		return nil
	}
	f.done = true
	return errors.Join(f.close(), os.Remove(f.Name()))
}

func (f *File) close() error {
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Write gives path this content.
func Write(path string, data []byte, o Options) error {
	return WriteTo(path, o, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

// WriteTo gives path the content that write makes. When write fails, its error
// comes back and path stays as it was.
func WriteTo(path string, o Options, write func(f *os.File) error) error {
	f, err := Create(path, o)
	if err != nil {
		return err
	}
	if err := write(f.File); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit()
}
