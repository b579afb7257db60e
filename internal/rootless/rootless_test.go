package rootless

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

func TestMapIDs(t *testing.T) {
	own := idMap{Inside: 0, Outside: 1000, Count: 1}
	for _, c := range []struct {
		name, file string
		want       []idMap
	}{
		{"by name", "bob:1:2\nalice:100000:65536\n", []idMap{own, {1, 100000, 65536}}},
		{"by number, no newline at the end", "1000:100000:65536", []idMap{own, {1, 100000, 65536}}},
		{"several ranges, as many as an image may use", "alice:100000:65000\nalice:300000:65536\n", []idMap{own, {1, 100000, 65000}, {65001, 300000, 536}}},
		{"none", "bob:100000:65536\n", []idMap{own}},
		{"empty", "", []idMap{own}},
		{"not well-formed", "alice\nalice:1\nalice:x:5\nalice:5:x\nalice:5:0\nalice:-5:9\nalice:1:2:3\n:1:2\nalice:4294967295:1\nalice:4294967290:65536\n", []idMap{own}},
		{"with the user's own id", "alice:900:200\nalice:100000:10\n", []idMap{own, {1, 100000, 10}}},
		{"twice the same ids", "alice:100000:10\nalice:100005:10\n", []idMap{own, {1, 100000, 10}}},
	} {
		if diff := cmp.Diff(c.want, mapIDs(c.file, "alice", 1000, 1000)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func FuzzMapIDs(f *testing.F) {
	f.Add("alice:100000:65536\n1000:300000:65536\nbob:1:2\n")
	f.Add("alice:4294967290:5\n\n::\nalice:00:1")
	f.Fuzz(func(t *testing.T, file string) {
		table := mapIDs(file, "alice", 1000, 1000)
		next := int64(0)
		for i, m := range table {
			if m.Inside != next || m.Count < 1 || m.Outside < 0 || m.Outside+m.Count > 1<<32-1 {
				t.Fatalf("line %d of %v", i, table)
			}
			if overlaps(table[:i], m.Outside, m.Count) {
				t.Fatalf("line %d of %v overlaps", i, table)
			}
			next += m.Count
		}
		if next > 65537 || len(table) > 340 {
			t.Fatalf("%d ids in %d lines", next, len(table))
		}
	})
}

func TestTheTableOnACommandLineAndForTheKernel(t *testing.T) {
	table := []idMap{{0, 1000, 1}, {1, 100000, 65536}}
	if diff := cmp.Diff([]string{"42", "0", "1000", "1", "1", "100000", "65536"}, mapArgs(42, table)); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if got, want := mapText(table), "0 1000 1\n1 100000 65536\n"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestFreeIDsAreNobodys(t *testing.T) {
	for file, want := range map[string]int64{
		"": 100000, "nonsense\n": 100000, "a:500:5\n": 100000,
		"a:100000:65536\nb:165536:65536\nc:7:1": 231072,
	} {
		if got := freeIDs(file); got != want {
			t.Errorf("freeIDs(%q) = %d, want %d", file, got, want)
		}
	}
}

func TestIdentityMap(t *testing.T) {
	for table, want := range map[string]bool{
		"         0          0 4294967295\n":                            true,
		"         0       1000          1\n":                            false,
		"         0       1000          1\n  1     100000      65536\n": false,
		"         0          0      65536\n":                            false,
		"":                                                              false,
	} {
		if got := identityMap(table); got != want {
			t.Errorf("identityMap(%q) = %v", table, got)
		}
	}
}

// refused is what a person reads of a refusal.
type refused struct {
	Exit       diag.ExitCode
	Text, Hint string
}

func TestCheckNamesTheSettingThatIsInTheWay(t *testing.T) {
	const text = "builds need root or user namespaces, and this machine denies them to ordinary users: "
	sysctl := func(setting string) string {
		name, _, _ := strings.Cut(setting, "=")
		bad := map[string]string{"user.max_user_namespaces": "0", "kernel.unprivileged_userns_clone": "0", "kernel.apparmor_restrict_unprivileged_userns": "1"}[name]
		return "the setting " + name + " is " + bad + ": run `sudo sysctl -w " + setting + "`, or run slipway as root"
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		clone error
		want  string
	}{
		{"limit", map[string]string{"/proc/sys/user/max_user_namespaces": "0\n"}, syscall.ENOSPC, sysctl("user.max_user_namespaces=28633")},
		{"Debian", map[string]string{"/proc/sys/user/max_user_namespaces": "9000\n", "/proc/sys/kernel/unprivileged_userns_clone": "0\n"}, syscall.EPERM, sysctl("kernel.unprivileged_userns_clone=1")},
		{"Ubuntu", map[string]string{"/proc/sys/kernel/unprivileged_userns_clone": "1\n", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}, syscall.EACCES, sysctl("kernel.apparmor_restrict_unprivileged_userns=0")},
		{"used up", nil, syscall.ENOSPC, "all of them are in use: raise it with `sudo sysctl -w user.max_user_namespaces=28633`, or run slipway as root"},
		{"kernel", nil, syscall.EINVAL, "the kernel was built without them (CONFIG_USER_NS): run slipway as root"},
		{"container", nil, syscall.EPERM, "a container or a security module forbids them: run slipway as root, or its container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"},
	} {
		err := Check(func(path string) (string, error) {
			if v, ok := c.files[path]; ok {
				return v, nil
			}
			return "", os.ErrNotExist
		}, func() error { return c.clone })
		if err == nil {
			t.Errorf("%s: no refusal", c.name)
			continue
		}
		got := refused{diag.ExitOf(err), err.Error(), diag.HintOf(err)}
		if diff := cmp.Diff(refused{diag.ExitUsage, text + c.clone.Error(), c.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if err := Check(func(string) (string, error) { return "", errors.New("not read when it works") }, func() error { return nil }); err != nil {
		t.Errorf("a namespace that works: %v", err)
	}
}

func TestTheEnvironmentInside(t *testing.T) {
	got := insideEnv([]string{"HOME=/home/alice", "USER=root", "SLIPWAY_ROOTLESS=ready", "XDG_RUNTIME_DIR=/run/user/0", "SLIPWAY_STATE_DIR=state", "A=1=2"}, "/s", "/s/runtime", 42)
	want := []string{"HOME=/home/alice", "A=1=2", "SLIPWAY_ROOTLESS=wait", "SLIPWAY_ROOTLESS_PID=42", "SLIPWAY_STATE_DIR=/s", "XDG_RUNTIME_DIR=/s/runtime"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestTheRuntimeDirectoryIsTheUsersOwn(t *testing.T) {
	theirs, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	own := filepath.Join(state, "runtime")
	for _, c := range []struct {
		dir  string
		uid  int
		want string
	}{
		{theirs, os.Geteuid(), theirs},
		{theirs, os.Geteuid() + 1, own},
		{"", os.Geteuid(), own},
		{"relative", os.Geteuid(), own},
		{filepath.Join(theirs, "absent"), os.Geteuid(), own},
	} {
		got, err := ownRuntimeDir(c.dir, state, c.uid)
		if err != nil || got != c.want {
			t.Errorf("%q for user %d: %q, %v; want %q", c.dir, c.uid, got, err, c.want)
		}
	}
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v %v", info, err)
	}
}
