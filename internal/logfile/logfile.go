// Package logfile writes a log of bounded size: a file that has grown too large moves to
// FILE.1, and the one that was there is lost.
//
//	f, err := logfile.Open("/var/log/service/log", 32<<20)
//	_, err = f.Write(line)
package logfile

import (
	"errors"
	"io"
	"os"
)

// Older is the suffix of the file before.
const Older = ".1"

// File is a log. Each Write is one line, or several, and none is torn by a new file. It is
// not safe for concurrent use; several processes may have the same log open.
type File struct {
	path string
	most int64 // bytes
	file *os.File
	size int64
}

// Open opens a log for further lines, and makes it when there is none: readable by its
// owner only. It moves when it has more than most bytes.
func Open(path string, most int64) (*File, error) {
	f := &File{path: path, most: most}
	return f, f.open(os.O_APPEND)
}

// Create is Open with an empty log.
func Create(path string, most int64) (*File, error) {
	f := &File{path: path, most: most}
	return f, f.open(os.O_APPEND | os.O_TRUNC)
}

func (f *File) open(flags int) error {
	file, err := os.OpenFile(f.path, flags|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, size
	return nil
}

// Write adds lines.
func (f *File) Write(lines []byte) (int, error) {
	if f.size > f.most {
		f.next()
	}
	n, err := f.file.Write(lines)
	f.size += int64(n)
	return n, err
}

// next begins a new file, or goes on with that of a process that has begun one. When that
// fails, this one is emptied: no log is worth a full disk.
func (f *File) next() {
	old := f.file
	if f.moved() || os.Rename(f.path, f.path+Older) == nil {
		if f.open(os.O_APPEND) == nil {
			_ = old.Close()
			return
		}
	}
	_ = old.Truncate(0)
	f.size = 0
}

// moved reports that the file is no longer the one of its path.
func (f *File) moved() bool {
	mine, err := f.file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.path)
	return err == nil && !os.SameFile(mine, named)
}

// Close closes the log.
func (f *File) Close() error { return f.file.Close() }
