//go:build linux

package treecopy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/cache/contenthash"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// TestACopyIsWhatATransferMakes: the same entries, attributes and digests as BuildKit's
// own way from the client to the engine, for a tree of everything that a context may have.
func TestACopyIsWhatATransferMakes(t *testing.T) {
	src := tree(t)
	for name, filter := range map[string]*fsutil.FilterOpt{
		"whole":    {},
		"included": {IncludePatterns: []string{"src", "links/*"}},
		"excluded": {ExcludePatterns: []string{"src/0", "**/*.7", "links/first"}},
		"followed": {FollowPaths: []string{"links/to", "src/1"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := func() fsutil.FS {
				all, err := fsutil.NewFS(src)
				if err == nil {
					all, err = fsutil.NewFilterFS(all, filter)
				}
				if err != nil {
					t.Fatal(err)
				}
				return all
			}
			copied, transferred := t.TempDir(), t.TempDir()
			got, want := newTold(), newTold()
			n, err := Into(t.Context(), copied, files(), contenthash.NewFromStat, got.change)
			if err != nil {
				t.Fatal(err)
			}
			if err := transfer(t.Context(), transferred, files(), want.change); err != nil {
				t.Fatal(err)
			}
			equal(t, "what was told", got.of, want.of)
			a, size := listing(t, copied)
			b, _ := listing(t, transferred)
			equal(t, "the directory", a, b)
			if n != size || n == 0 {
				t.Errorf("%d bytes, want %d", n, size)
			}
		})
	}
}

// tree has files of all sizes and modes, links of both kinds, empty and closed directories,
// names of all sorts, attributes and a pipe.
func tree(t *testing.T) string {
	t.Helper()
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"src/0/deep/er", "src/1", "links", "empty", "closed", "ünïcode \n dir"} {
		must(os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	modes := []fs.FileMode{0o644, 0o755, 0o600, 0o444, 0o000, 0o755 | fs.ModeSetuid, 0o777 | fs.ModeSticky, 0o2644}
	if os.Geteuid() != 0 {
		modes[4] = 0o500 // it could not be read
	}
	for i := range 200 {
		size := []int{0, 1, rng.IntN(3000), chunk - 1, chunk, chunk + 1, 3 * chunk}[rng.IntN(7)]
		data := make([]byte, size)
		for k := range data {
			data[k] = byte(rng.Uint32())
		}
		name := filepath.Join(dir, []string{"src", "src/0", "src/0/deep/er", "src/1", "ünïcode \n dir", "."}[i%6], fmt.Sprintf("f%d.%d", i, i%10))
		must(os.WriteFile(name, data, 0o600), os.Chmod(name, modes[i%len(modes)]), os.Chtimes(name, time.Time{}, time.Unix(int64(i)*1e7, int64(i))))
	}
	must(os.WriteFile(filepath.Join(dir, "links/first"), []byte("twice"), 0o644), os.Link(filepath.Join(dir, "links/first"), filepath.Join(dir, "links/second")),
		os.Link(filepath.Join(dir, "links/first"), filepath.Join(dir, "another")), os.Symlink("../src/0", filepath.Join(dir, "links/to")),
		os.Symlink("/nowhere", filepath.Join(dir, "links/broken")), unix.Mkfifo(filepath.Join(dir, "pipe"), 0o640), os.Chmod(filepath.Join(dir, "closed"), 0o500|fs.ModeSetgid))
	_ = unix.Setxattr(filepath.Join(dir, "links/first"), "user.a", []byte("b"), 0) // not every file system has them
	for _, name := range []string{"able", "able and empty", "able twice"} {        // cap_net_raw+ep; only root may
		must(os.WriteFile(filepath.Join(dir, name), []byte(strings.TrimSuffix(name, "able and empty")), 0o755))
		_ = unix.Setxattr(filepath.Join(dir, name), capability, []byte{1, 0, 0, 2, 0, 32, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0)
	}
	must(os.Link(filepath.Join(dir, "able twice"), filepath.Join(dir, "another able")))
	for i, d := range []string{"src/0/deep", "src", "empty", "links"} {
		must(os.Chtimes(filepath.Join(dir, d), time.Time{}, time.Unix(int64(i+1)*1e8, 5)))
	}
	return dir
}

// transfer is BuildKit's way.
func transfer(ctx context.Context, dest string, files fsutil.FS, told fsutil.ChangeFunc) error {
	group, ctx := errgroup.WithContext(ctx)
	a, b := make(chan *types.Packet, 64), make(chan *types.Packet, 64)
	group.Go(func() error {
		defer close(a)
		return fsutil.Send(ctx, &pipe{ctx, a, b}, files, nil)
	})
	group.Go(func() error {
		return fsutil.Receive(ctx, &pipe{ctx, b, a}, dest, fsutil.ReceiveOpt{NotifyHashed: told, ContentHasher: contenthash.NewFromStat})
	})
	return group.Wait()
}

type pipe struct {
	ctx      context.Context
	out, get chan *types.Packet
}

func (p *pipe) Context() context.Context { return p.ctx }

func (p *pipe) SendMsg(m any) error {
	select {
	case p.out <- m.(*types.Packet).CloneVT():
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

func (p *pipe) RecvMsg(m any) error {
	select {
	case in, more := <-p.get:
		if !more {
			return io.EOF
		}
		data, err := in.MarshalVT()
		if err != nil {
			return err
		}
		to := m.(*types.Packet)
		to.Reset()
		if err := to.UnmarshalVT(data); err != nil {
			return err
		}
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// told keeps what was reported, by path.
type told struct {
	mu sync.Mutex
	of map[string]string
}

func newTold() *told { return &told{of: map[string]string{}} }

func (o *told) change(kind fsutil.ChangeKind, path string, info os.FileInfo, err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	stat := info.Sys().(*types.Stat)
	o.of[path] = fmt.Sprint(kind, " ", fs.FileMode(stat.Mode), " ", stat.Size, " ", stat.Linkname, " ", stat.ModTime, " ", info.(contenthash.Hashed).Digest(), " ", err)
	return nil
}

// listing describes all that is in a directory, and says how many bytes its files have.
func listing(t *testing.T, dir string) (map[string]string, int64) {
	t.Helper()
	out, size, inodes := map[string]string{}, int64(0), map[uint64]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		rel := strings.TrimPrefix(path, dir+"/")
		text := fmt.Sprintf("%o %d:%d %d.%d", st.Mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		switch {
		case e.Type().IsRegular() && inodes[st.Ino] != "":
			text += " as " + inodes[st.Ino]
		case e.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			inodes[st.Ino], size = rel, size+int64(len(data))
			value := make([]byte, 9)
			n, _ := unix.Lgetxattr(path, "user.a", value)
			able, _ := unix.Lgetxattr(path, capability, nil)
			text += fmt.Sprintf(" %x %q %d", data, value[:max(n, 0)], able)
		case e.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " -> " + to
		}
		out[rel] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, size
}

func equal(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if len(want) < 3 {
		t.Errorf("%s: only %d entries", what, len(want))
	}
	for path, w := range want {
		if got[path] != w {
			t.Errorf("%s, %q:\n%.200s\nwant\n%.200s", what, path, got[path], w)
		}
	}
	for path := range got {
		if want[path] == "" {
			t.Errorf("%s: %q is too much", what, path)
		}
	}
}

// TestACopyThatCannotBeMadeIsAnError: whatever fails, and whoever ends it.
func TestACopyThatCannotBeMadeIsAnError(t *testing.T) {
	broken, refused := errors.New("broken"), errors.New("refused")
	ended, end := context.WithCancelCause(t.Context())
	end(refused)
	hear := func(fsutil.ChangeKind, string, os.FileInfo, error) error { return nil }
	for name, c := range map[string]struct {
		ctx   context.Context
		files fsutil.FS
		told  fsutil.ChangeFunc
		text  string
	}{
		"unreadable": {t.Context(), faulty{read: broken}, hear, "copy a/f: broken"},
		"unopened":   {t.Context(), faulty{open: broken}, hear, "broken"},
		"walk":       {t.Context(), faulty{walk: broken}, hear, "broken"},
		"outside":    {t.Context(), faulty{names: []string{"../x"}}, hear, "escape"},
		"twice":      {t.Context(), faulty{names: []string{"a", "a"}}, hear, "out of order"},
		"below none": {t.Context(), faulty{names: []string{"b/c"}}, hear, "out of order"},
		"not heard": {t.Context(), faulty{}, func(fsutil.ChangeKind, string, os.FileInfo, error) error {
			return refused
		}, "refused"},
		"ended": {ended, faulty{}, hear, "refused"},
	} {
		if _, err := Into(c.ctx, t.TempDir(), c.files, contenthash.NewFromStat, c.told); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %s", name, err, c.text)
		}
	}
	if _, err := Into(t.Context(), filepath.Join(t.TempDir(), "none"), faulty{}, contenthash.NewFromStat, hear); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into nothing: %v", err)
	}
}

// faulty is a directory with one file, a/f, or with files of given names; it fails as told.
type faulty struct {
	walk, open, read error
	names            []string
}

// Walk implements fsutil.FS.
func (f faulty) Walk(_ context.Context, _ string, fn fs.WalkDirFunc) error {
	entries := []*types.Stat{{Path: "a", Mode: uint32(fs.ModeDir | 0o755)}, {Path: "a/f", Mode: 0o644, Size: 3}}
	if f.names != nil {
		entries = nil
	}
	for _, name := range f.names {
		entries = append(entries, &types.Stat{Path: name, Mode: 0o644})
	}
	for _, st := range entries {
		if err := fn(st.Path, &fsutil.DirEntryInfo{Stat: st}, f.walk); err != nil {
			return err
		}
	}
	return nil
}

// Open implements fsutil.FS.
func (f faulty) Open(string) (io.ReadCloser, error) {
	if f.open != nil {
		return nil, f.open
	}
	return io.NopCloser(io.MultiReader(strings.NewReader("abc"), failing{f.read})), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}
