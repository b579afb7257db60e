package oci

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
)

func TestChooseSubnet(t *testing.T) {
	all := netip.MustParsePrefix("10.0.0.0/8")
	first, err := chooseSubnet("slw1", nil)
	if err != nil || !all.Contains(first.Addr()) || first.Bits() != subnetBits || first.Masked() != first {
		t.Errorf("%v, %v", first, err)
	}
	second, err := chooseSubnet("slw1", []netip.Prefix{netip.PrefixFrom(first.Addr().Next(), 32)})
	if err != nil || second.Overlaps(first) {
		t.Errorf("%v overlaps a route to %v (%v)", second, first, err)
	}
	other, err := chooseSubnet("slw1", []netip.Prefix{all})
	if err != nil || !netip.MustParsePrefix("172.16.0.0/12").Contains(other.Addr()) {
		t.Errorf("%v, %v", other, err)
	}
	_, err = chooseSubnet("slw1", []netip.Prefix{all, netip.MustParsePrefix("172.0.0.0/8")})
	if diag.ExitOf(err) != diag.ExitRun {
		t.Errorf("no error without room: %v", err)
	}
}

func TestLinkNamesFitAndDiffer(t *testing.T) {
	n := networkName("/state", "shop")
	a, b := linkName(n, netip.MustParseAddr("10.1.4.2")), linkName(n, netip.MustParseAddr("10.1.7.254"))
	if a == b || len(n) >= unix.IFNAMSIZ || len(a) >= unix.IFNAMSIZ || len(b) >= unix.IFNAMSIZ || networkName("/other", "shop") == n {
		t.Errorf("%s %s %s", n, a, b)
	}
}

func TestEnv(t *testing.T) {
	b := bundle{image: v1.Config{Env: []string{"PATH=/bin", "A=1", "HOME=/srv", "GONE=x"}},
		spec: localrun.Spec{Name: "web", Env: map[string]string{"A": "2", "Z": "z", "B": "b=c"}, Unset: []string{"GONE", "NEVER"}}}
	want := []string{"HOSTNAME=web", "HOME=/srv", "PATH=/bin", "A=2", "B=b=c", "Z=z"}
	if diff := cmp.Diff(want, b.env("/home/app")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImageCheck(t *testing.T) {
	for _, c := range []struct {
		test, shell []string
		want        string
	}{
		{nil, nil, ""},
		{[]string{"NONE"}, nil, ""},
		{[]string{"CMD", "/probe", "-x"}, nil, "/probe -x"},
		{[]string{"CMD-SHELL", "curl x"}, nil, "/bin/sh -c curl x"},
		{[]string{"CMD-SHELL", "curl x"}, []string{"/bin/ash", "-ec"}, "/bin/ash -ec curl x"},
	} {
		got := imageCheck(v1.Config{Healthcheck: &v1.HealthConfig{Test: c.test}, Shell: c.shell})
		if s := strings.Join(got.Command, " "); s != c.want {
			t.Errorf("%q: %q, want %q", c.test, s, c.want)
		}
	}
}

func TestStopSignal(t *testing.T) {
	for in, want := range map[string]unix.Signal{"": unix.SIGTERM, "SIGQUIT": unix.SIGQUIT, "sigint": unix.SIGINT, "3": unix.SIGQUIT, "99": unix.SIGTERM, "X": unix.SIGTERM} {
		if got := stopSignal(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestNamesAreChecked(t *testing.T) {
	for _, g := range []localrun.Group{
		{Name: "g"},
		{Name: "../g", Services: []localrun.Spec{{Name: "a"}}},
		{Name: "g", Services: []localrun.Spec{{Name: "a/b"}}},
		{Name: "g", Services: []localrun.Spec{{Name: "a"}, {Name: "a"}}},
	} {
		if err := checkNames(g); diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("%+v: %v", g, err)
		}
	}
}

func TestPruneLayers(t *testing.T) {
	state, now := t.TempDir(), time.Now()
	dir := layersDir(state)
	for name, age := range map[string]time.Duration{"fresh": time.Hour, "old": 2 * layerAge, "held": 2 * layerAge} {
		if err := os.MkdirAll(filepath.Join(dir, name, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		used := filepath.Join(dir, name+usedSuffix)
		if err := errors.Join(os.WriteFile(used, nil, 0o600), os.Chtimes(used, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".new-123"), 0o755); err != nil {
		t.Fatal(err)
	}
	service := serviceDir(GroupDir(state, "shop"), "web")
	if err := os.MkdirAll(service, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := lowerOption(service, []string{filepath.Join(dir, "held")}); err != nil {
		t.Fatal(err)
	}
	if err := pruneLayers(state, now); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "fresh"), filepath.Join(dir, "fresh.used"), filepath.Join(dir, "held"), filepath.Join(dir, "held.used"), filepath.Join(dir, "lock")}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLayersOfAContainerStay however many they are, and go after it has ended.
func TestLayersOfAContainerStay(t *testing.T) {
	for _, n := range []int{1, 36, 500} {
		state, now := t.TempDir(), time.Now()
		layers := make([]string, n)
		for i := range layers {
			layers[i] = filepath.Join(layersDir(state), chainID("", strconv.Itoa(i)))
			used := layers[i] + usedSuffix
			if err := errors.Join(os.MkdirAll(layers[i], 0o755), os.WriteFile(used, nil, 0o600), os.Chtimes(used, now, now.Add(-2*layerAge))); err != nil {
				t.Fatal(err)
			}
		}
		service := serviceDir(GroupDir(state, "shop"), "web")
		if err := os.MkdirAll(service, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := lowerOption(service, layers); err != nil {
			t.Fatal(err)
		}
		left := func() (count int) {
			t.Helper()
			if err := pruneLayers(state, now); err != nil {
				t.Fatal(err)
			}
			for _, layer := range layers {
				if _, err := os.Stat(layer); err == nil {
					count++
				}
			}
			return count
		}
		if got := left(); got != n {
			t.Errorf("%d of %d layers of a container are left", got, n)
		}
		if err := removeRootfs(service); err != nil {
			t.Fatal(err)
		}
		if got := left(); got != 0 {
			t.Errorf("%d of %d layers are left after the container has ended", got, n)
		}
	}
}

// TestNothingButLogsStays: neither values of variables nor copies of secrets are on the
// disk after a service has ended, also when its slipway was killed or was an older one.
func TestNothingButLogsStays(t *testing.T) {
	all := []string{"config.json", "hostname", "hosts", "log", "log.1", "resolv.conf", "secret-0", "rootfs/etc/passwd"}
	for name, end := range map[string]func(state, dir string) error{
		"stopped": func(_, dir string) error {
			return (&container{dir: serviceDir(dir, "web"), id: "web", pidfd: -1, runc: runc{path: "true"}, cgroup: cgroup{unified: true, dir: filepath.Join(dir, "none")}}).remove()
		},
		"killed": func(state, dir string) error {
			return Repair(state, "true", func(string) {})
		},
		"ended by an older slipway": func(state, dir string) error {
			if err := os.WriteFile(filepath.Join(dir, "ended"), nil, 0o600); err != nil {
				return err
			}
			return Repair(state, "true", func(string) {})
		},
	} {
		if name != "stopped" && os.Getuid() != 0 {
			continue // repairs are root's
		}
		state := t.TempDir()
		dir := GroupDir(state, "shop")
		for _, file := range all {
			path := filepath.Join(serviceDir(dir, "web"), file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("SECRET"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(`{"detached": true}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := end(state, dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var left []string
		entries, err := os.ReadDir(serviceDir(dir, "web"))
		for _, e := range entries {
			left = append(left, e.Name())
		}
		if diff := cmp.Diff([]string{"log", "log.1"}, left); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestSecretsAreMounted: a container finds a secret where it expects it, read-only.
func TestSecretsAreMounted(t *testing.T) {
	b := bundle{dir: "/d", spec: localrun.Spec{Secrets: []localrun.Secret{{Target: "/run/secrets/key", File: "/repo/key.txt"}}}}
	all := b.mounts()
	last := all[len(all)-1]
	if last.Destination != "/run/secrets/key" || last.Source != "/repo/key.txt" || last.Type != "bind" || !slices.Contains(last.Options, "ro") {
		t.Errorf("%+v", last)
	}
	if plain := (bundle{dir: "/d"}).mounts(); len(plain) != len(all)-1 {
		t.Errorf("%d mounts without secrets, %d with one", len(plain), len(all))
	}
}

// TestSecretsThatTheUserCannotRead are copied for it; others are mounted as they are.
func TestSecretsThatTheUserCannotRead(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files to another user")
	}
	dir, state := t.TempDir(), t.TempDir()
	var secrets []localrun.Secret
	for name, mode := range map[string]os.FileMode{"closed": 0o600, "open": 0o644} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("key"), mode); err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, localrun.Secret{Target: "/run/secrets/" + name, File: file})
	}
	b := bundle{dir: state, spec: localrun.Spec{Secrets: secrets}}
	got, err := b.readableSecrets(specs.User{UID: 10001, GID: 10001})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range got {
		info, err := os.Stat(s.File)
		if err != nil {
			t.Fatal(err)
		}
		copied := s.File != secrets[i].File
		if copied != (s.Target == "/run/secrets/closed") || !readableBy(info, specs.User{UID: 10001, GID: 10001}) || copied && info.Mode().Perm() != 0o400 {
			t.Errorf("%s: %s, %v", s.Target, s.File, info.Mode())
		}
	}
	if got, err := b.readableSecrets(specs.User{}); err != nil || !slices.Equal(got, secrets) {
		t.Errorf("root reads every file: %v, %v", got, err)
	}
}

// An image decides what its account files are: none is waited for or read that is
// no regular file, and none outside of the image.
func TestAccountFilesAreOpenedWithCare(t *testing.T) {
	pipe := func(path string) error { return unix.Mkfifo(path, 0o644) }
	device := func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) }
	link := func(path string) error { return os.Symlink("/etc/passwd", path) }
	text := func(path string) error { return os.WriteFile(path, []byte("web:x:7:8::/srv:/bin/sh\n"), 0o644) }
	huge := func(path string) error {
		return errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, 1<<40))
	}
	for _, c := range []struct {
		name, user string
		passwd     func(string) error
		uid        int
		fails      string
	}{
		{"a file", "web", text, 7, ""},
		{"a pipe that nobody needs", "", pipe, 0, ""},
		{"a pipe, and a number", "12:13", pipe, 12, ""},
		{"a pipe", "web", pipe, 0, "etc/passwd: it is a named pipe"},
		{"a device", "web", device, 0, "etc/passwd: it is a device"},
		{"a device that nobody needs", "12", device, 12, ""},
		{"a link to the host", "root", link, 0, "etc/passwd: it is a link that leads out of"},
		{"a terabyte", "web", huge, 0, "etc/passwd: it has more than the"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "rootfs", "etc", "passwd")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := c.passwd(path); errors.Is(err, unix.EPERM) {
			continue // who makes no devices is given none
		} else if err != nil {
			t.Fatal(err)
		}
		who, err := bundle{dir: dir, image: v1.Config{User: c.user}}.user()
		if c.fails == "" && (err != nil || who.Uid != c.uid) || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: %+v, %v", c.name, who, err)
		}
	}
}
