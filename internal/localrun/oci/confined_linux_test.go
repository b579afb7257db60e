package oci

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/quota"
)

// controlFiles are the names that Slipway itself uses in the directory of a group.
func controlFiles() []string {
	return []string{"stop", "ended", "state.json", "runc", "services", "log", "rootfs", "config.json", "s.lock", "s.err"}
}

func TestNoServiceIsAFileOfItsGroup(t *testing.T) {
	dir := GroupDir("/state", "g")
	for _, name := range controlFiles() {
		at := serviceDir(dir, name)
		if filepath.Dir(at) == dir || at == serviceDir(dir, "") {
			t.Errorf("the service %s lies at %s, among the group's own files", name, at)
		}
	}
	if got, want := LogPath("/state", "g", "stop"), "/state/run/groups/g/services/stop/log"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestNoGroupIsAFileOfAnother(t *testing.T) {
	seen := map[string]string{}
	for _, group := range []string{"s", "s.lock", "s.err", "s.lock.lock", "s.err.lock", "S", "stop", "ended"} {
		for _, path := range []string{GroupDir("/state", group), lockPath("/state", group), ErrorPath("/state", group)} {
			if other, taken := seen[path]; taken {
				t.Errorf("%s belongs to both %s and %s", path, other, group)
			}
			seen[path] = group
		}
		if got := groupOf(filepath.Base(GroupDir("/state", group))); got != group {
			t.Errorf("the directory of %s is read as that of %s", group, got)
		}
	}
}

func TestHostileNames(t *testing.T) {
	one := func(name string) localrun.Group {
		return localrun.Group{Name: "g", Services: []localrun.Spec{{Name: name}}}
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "/etc", "-rf", ".hidden", "a b", "a\x1b[31m", "a\nb", "ä", "a%", strings.Repeat("a", 300)} {
		if err := checkNames(one(name)); diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("service %q: %v", name, err)
		}
		group := one("a")
		group.Name = name
		if err := checkNames(group); diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("group %q: %v", name, err)
		}
	}
	for _, name := range append(controlFiles(), "CON", "nul", strings.Repeat("a", 63)) {
		if err := checkNames(one(name)); err != nil {
			t.Errorf("service %q: %v", name, err)
		}
	}
	both := localrun.Group{Name: "g", Services: []localrun.Spec{{Name: "cart"}, {Name: "Cart"}}}
	if err := checkNames(both); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "cart and Cart would be the same host") {
		t.Errorf("names that differ in case: %v", err)
	}
}

func TestEveryContainerHasLimits(t *testing.T) {
	const gb = 1 << 30
	all := func(string) bool { return true }
	for name, c := range map[string]struct {
		spec   localrun.Spec
		can    func(string) bool
		total  int64
		memory int64
		pids   int64
		cpu    float64
	}{
		"nothing asked":             {localrun.Spec{}, all, 20 * gb, 18 * gb, 4096, 0},
		"a small machine":           {localrun.Spec{}, all, 2 * gb, 3 * gb / 2, 4096, 0},
		"a tiny machine":            {localrun.Spec{}, all, gb / 2, gb / 4, 4096, 0},
		"asked":                     {localrun.Spec{MemoryBytes: gb, PIDs: 9, CPU: 0.5}, all, 20 * gb, gb, 9, 0.5},
		"memory unknown":            {localrun.Spec{}, all, 0, 0, 4096, 0},
		"no controllers":            {localrun.Spec{}, func(string) bool { return false }, 20 * gb, 0, 0, 0},
		"no controllers, but asked": {localrun.Spec{MemoryBytes: gb, PIDs: 9, CPU: 2}, func(string) bool { return false }, 20 * gb, gb, 9, 0},
	} {
		got := withLimits(c.spec, c.can, c.total)
		if got.MemoryBytes != c.memory || got.PIDs != c.pids || got.CPU != c.cpu {
			t.Errorf("%s: %d bytes, %d processes and %g cores, want %d, %d and %g", name, got.MemoryBytes, got.PIDs, got.CPU, c.memory, c.pids, c.cpu)
		}
	}
	limits := bundle{spec: localrun.Spec{MemoryBytes: gb, PIDs: 9}, limitSwp: true}.limits()
	if *limits.Pids.Limit != 9 || *limits.Memory.Limit != gb || *limits.Memory.Swap != gb {
		t.Errorf("the control group gets %+v", limits)
	}
	if limits.CPU != nil {
		t.Errorf("nobody asked for a limit of cores: %+v", limits.CPU)
	}
	for cores, quota := range map[float64]int64{0.5: 50_000, 2: 200_000, 0.001: 1000} {
		got := bundle{spec: localrun.Spec{CPU: cores}}.limits().CPU
		if got == nil || *got.Period != 100_000 || *got.Quota != quota {
			t.Errorf("%g cores: the control group gets %+v", cores, got)
		}
	}
}

func TestRawSocketsAreAskedFor(t *testing.T) {
	for _, asked := range []bool{false, true} {
		for user, effective := range map[string]bool{"0": true, "1000": false} {
			b := bundle{dir: t.TempDir(), image: v1.Config{Cmd: []string{"/x"}, User: user}, spec: localrun.Spec{RawSockets: asked}}
			if err := os.Mkdir(filepath.Join(b.dir, "rootfs"), 0o700); err != nil {
				t.Fatal(err)
			}
			p, err := b.process()
			if err != nil {
				t.Fatal(err)
			}
			caps := p.Capabilities
			if got := slices.Contains(caps.Bounding, "CAP_NET_RAW"); got != asked {
				t.Errorf("asked %v: the bounding set has CAP_NET_RAW: %v", asked, got)
			}
			if got := slices.Contains(caps.Effective, "CAP_NET_RAW"); got != (asked && effective) {
				t.Errorf("asked %v, user %s: the process has CAP_NET_RAW: %v", asked, user, got)
			}
			if !p.NoNewPrivileges || len(caps.Ambient)+len(caps.Inheritable) > 0 {
				t.Errorf("user %s: %+v", user, p)
			}
		}
	}
}

func TestUnpackedFilesGiveNoRights(t *testing.T) {
	state := t.TempDir()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	const capability = "SCHILY.xattr.security.capability"
	for _, h := range []*tar.Header{
		{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o2755},
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "dir/suid", Typeflag: tar.TypeReg, Mode: 0o4755},
		{Name: "dir/sgid", Typeflag: tar.TypeReg, Mode: 0o2755},
		{Name: "dir/both", Typeflag: tar.TypeReg, Mode: 0o6711},
		{Name: "dir/plain", Typeflag: tar.TypeReg, Mode: 0o640},
		{Name: "dir/ping", Typeflag: tar.TypeReg, Mode: 0o755, PAXRecords: map[string]string{capability: "\x01\x00\x00\x02\x00 \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}},
	} {
		h.Uid, h.Gid = os.Getuid(), os.Getgid()
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img := testImageOf(t, l)
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := unpack(t.Context(), layersDir(state), img, file.RootFS.DiffIDs, quota.New(1<<30))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{"dir", "tmp", "dir/suid", "dir/sgid", "dir/both", "dir/plain"} {
		info, err := os.Lstat(filepath.Join(layers[0], name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = info.Mode().String()
	}
	want := map[string]string{"dir": "dgrwxr-xr-x", "tmp": "dtrwxrwxrwx", "dir/suid": "-rwxr-xr-x", "dir/sgid": "-rwxr-xr-x", "dir/both": "-rwx--x--x", "dir/plain": "-rw-r-----"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := unix.Getxattr(filepath.Join(layers[0], "dir/ping"), "security.capability", nil); !errors.Is(err, unix.ENODATA) {
		t.Errorf("a program has capabilities: %v", err)
	}
}

// TestOthersEnterNothing looks at the directories that hold what an image brought.
func TestOthersEnterNothing(t *testing.T) {
	state := t.TempDir()
	img := testImageOf(t, layer(t, nil)) // a file of it would be root's
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(t.Context(), layersDir(state), img, file.RootFS.DiffIDs, quota.New(1<<20)); err != nil {
		t.Fatal(err)
	}
	lock, err := lockGroup(state, "g")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock() //nolint:errcheck // the test is over
	var open []string
	for _, dir := range []string{runDir(state), layersDir(state), groupsDir(state)} {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			open = append(open, dir+" "+info.Mode().String())
		}
	}
	if diff := cmp.Diff([]string(nil), open); diff != "" {
		t.Errorf("others may enter (-want +got):\n%s", diff)
	}
}
