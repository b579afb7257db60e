package state

import "golang.org/x/sys/unix"

// DiskSpace returns the bytes that are free for everybody, and all bytes, of
// the file system of a directory.
func DiskSpace(dir string) (free, total int64, err error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, 0, err
	}
	return int64(fs.Bavail) * fs.Bsize, int64(fs.Blocks) * fs.Bsize, nil
}
