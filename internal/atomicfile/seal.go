package atomicfile

import (
	"io/fs"
	"os"
	"time"
)

// sealed is the part of a modification time below a second that marks a file whose
// content was checked against its name: microseconds, which most file systems keep.
// Whatever writes to the file takes it away, and copies that keep times keep it.
const sealed = 271_828_000

// Seal marks a file with a checked content as such, and as used at a time, to the second.
func Seal(path string, used time.Time) error {
	at := time.Unix(used.Unix(), sealed)
	return os.Chtimes(path, at, at)
}

// Sealed tells whether nothing wrote to a file since it was sealed. A disk that
// loses a byte does not say so: what is given away is read and checked anyway.
func Sealed(info fs.FileInfo) bool { return info.ModTime().Nanosecond() == sealed }
