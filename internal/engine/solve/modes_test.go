package solve

import (
	"io/fs"
	"testing"

	fstypes "github.com/tonistiigi/fsutil/types"
)

func TestModesOfACheckoutAreThoseOfGit(t *testing.T) {
	for given, want := range map[fs.FileMode]fs.FileMode{
		0o600:                    0o644,
		0o664:                    0o644,
		0o700:                    0o755,
		0o777:                    0o755,
		fs.ModeDir | 0o700:       fs.ModeDir | 0o755,
		fs.ModeSymlink | 0o777:   fs.ModeSymlink | 0o777,
		fs.ModeNamedPipe | 0o600: fs.ModeNamedPipe | 0o600,
	} {
		st := &fstypes.Stat{Mode: uint32(given)}
		gitMode("name", st)
		if got := fs.FileMode(st.Mode); got != want {
			t.Errorf("%v becomes %v, want %v", given, got, want)
		}
	}
}
