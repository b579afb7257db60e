package repository

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// madeAt tells a directory apart from one that has its path later, by its number
// and the time at which it was made, where the file system knows that.
func madeAt(dir string) string {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, dir, 0, unix.STATX_INO|unix.STATX_BTIME, &st) != nil {
		return ""
	}
	if st.Mask&unix.STATX_BTIME == 0 {
		return fmt.Sprintf("inode %d", st.Ino)
	}
	return fmt.Sprintf("inode %d made at %d.%09d", st.Ino, st.Btime.Sec, st.Btime.Nsec)
}
