package oci

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/repository"
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// capabilities are those of a Docker container but CAP_NET_RAW, with which root
// in a container could read and forge its neighbours' packets. ping works without
// it, because of net.ipv4.ping_group_range. A service that is not root has none.
func (b bundle) capabilities() []string {
	all := []string{
		"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
		"CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
	if b.spec.RawSockets {
		all = append(all, "CAP_NET_RAW")
	}
	return all
}

// bundle is what the OCI configuration of a container is made from.
type bundle struct {
	dir      string // has rootfs, hosts, hostname, resolv.conf
	image    v1.Config
	spec     localrun.Spec
	netns    string
	cgroup   string
	limitSwp bool // the kernel accounts for swap
}

// write puts config.json into the bundle's directory and returns the environment
// of the process.
func (b bundle) write() (env []string, err error) {
	process, err := b.process()
	if err != nil {
		return nil, err
	}
	if b.spec.Secrets, err = b.readableSecrets(process.User); err != nil {
		return nil, err
	}
	spec := &specs.Spec{
		Version:  specs.Version,
		Process:  process,
		Root:     &specs.Root{Path: filepath.Join(b.dir, "rootfs")},
		Hostname: b.spec.Name,
		Mounts:   b.mounts(),
		Linux: &specs.Linux{
			CgroupsPath: b.cgroup,
			Resources:   b.limits(),
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
				{Type: specs.MountNamespace}, {Type: specs.CgroupNamespace},
				{Type: specs.NetworkNamespace, Path: b.netns},
			},
			// As in Docker: the service's user may listen on low ports of its own network.
			Sysctl: map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"},
			MaskedPaths: []string{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
				"/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	spec.Linux.Seccomp = seccomp.DefaultProfile(spec)
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("writing the container's configuration: %w", err)
	}
	return process.Env, os.WriteFile(filepath.Join(b.dir, "config.json"), data, 0o600)
}

// A container may run for its cores' part of each period; the kernel takes no less than
// a millisecond (Documentation/scheduler/sched-bwc.rst).
const (
	cpuPeriod  = 100 * time.Millisecond
	leastQuota = time.Millisecond
)

// limits are those of the container's control group.
func (b bundle) limits() *specs.LinuxResources {
	out := &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}}
	if n := b.spec.MemoryBytes; n > 0 {
		out.Memory = &specs.LinuxMemory{Limit: &n}
		if b.limitSwp {
			out.Memory.Swap = &n
		}
	}
	if n := b.spec.CPU; n > 0 {
		period := uint64(cpuPeriod.Microseconds())
		quota := max(int64(n*float64(period)), leastQuota.Microseconds())
		out.CPU = &specs.LinuxCPU{Period: &period, Quota: &quota}
	}
	if n := b.spec.PIDs; n > 0 {
		out.Pids = &specs.LinuxPids{Limit: &n}
	}
	return out
}

// process is what the container runs, and as whom.
func (b bundle) process() (*specs.Process, error) {
	argv := append(append([]string(nil), b.image.Entrypoint...), b.image.Cmd...)
	if len(b.spec.Args) > 0 {
		argv = append(append([]string(nil), b.image.Entrypoint...), b.spec.Args...)
	}
	if len(argv) == 0 {
		return nil, fmt.Errorf("the image has no start command: neither ENTRYPOINT nor CMD")
	}
	who, err := b.user()
	if err != nil {
		return nil, err
	}
	cwd := b.image.WorkingDir
	if cwd == "" {
		cwd = "/"
	}
	groups := make([]uint32, 0, len(who.Sgids))
	for _, g := range who.Sgids {
		groups = append(groups, uint32(g))
	}
	all := b.capabilities()
	caps := &specs.LinuxCapabilities{Bounding: all}
	if who.Uid == 0 {
		caps.Effective, caps.Permitted = all, all
	}
	return &specs.Process{
		Args:            argv,
		Cwd:             cwd,
		Env:             b.env(who.Home),
		User:            specs.User{UID: uint32(who.Uid), GID: uint32(who.Gid), AdditionalGids: groups},
		Capabilities:    caps,
		NoNewPrivileges: true,
	}, nil
}

// env is the image's environment under that of the service.
func (b bundle) env(home string) []string {
	values := map[string]string{"HOSTNAME": b.spec.Name, "HOME": home}
	var order []string
	for _, e := range append([]string{defaultPath}, b.image.Env...) {
		name, value, _ := strings.Cut(e, "=")
		if _, ok := values[name]; !ok {
			order = append(order, name)
		}
		values[name] = value
	}
	for _, name := range b.spec.Unset {
		delete(values, name)
	}
	order = slices.DeleteFunc(order, func(name string) bool { return slices.Contains(b.spec.Unset, name) })
	var extra []string
	for name, value := range b.spec.Env {
		if _, ok := values[name]; !ok {
			extra = append(extra, name)
		}
		values[name] = value
	}
	sort.Strings(extra)
	out := make([]string, 0, len(values))
	for _, name := range append(append([]string{"HOSTNAME", "HOME"}, order...), extra...) {
		if value, set := values[name]; set {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// readableSecrets returns the secrets with a copy in the place of each file that the
// image's user cannot read: a key is often its owner's alone. The copy is the user's,
// lies beside the container, and goes with it.
func (b bundle) readableSecrets(user specs.User) ([]localrun.Secret, error) {
	all := slices.Clone(b.spec.Secrets)
	for i, s := range all {
		info, err := os.Stat(s.File)
		if err != nil || !info.Mode().IsRegular() || readableBy(info, user) {
			continue // what cannot be mounted is the runtime's to say
		}
		data, err := os.ReadFile(s.File)
		if err != nil {
			return nil, fmt.Errorf("reading the secret %s: %w", s.Target, err)
		}
		all[i].File = filepath.Join(b.dir, "secret-"+strconv.Itoa(i))
		if err := os.WriteFile(all[i].File, data, 0o400); err != nil {
			return nil, fmt.Errorf("copying the secret %s: %w", s.Target, err)
		}
		if err := os.Chown(all[i].File, int(user.UID), int(user.GID)); err != nil {
			return nil, fmt.Errorf("copying the secret %s: %w", s.Target, err)
		}
	}
	return all, nil
}

// readableBy reports whether the mode of a file lets a user read it.
func readableBy(info os.FileInfo, user specs.User) bool {
	mode := info.Mode().Perm()
	owner, known := info.Sys().(*syscall.Stat_t)
	switch {
	case user.UID == 0 || !known:
		return true
	case owner.Uid == user.UID:
		return mode&0o400 != 0
	case owner.Gid == user.GID || slices.Contains(user.AdditionalGids, owner.Gid):
		return mode&0o040 != 0
	}
	return mode&0o004 != 0
}

// user resolves the image's USER with the account files of the image, which
// are never followed out of its file system.
func (b bundle) user() (*user.ExecUser, error) {
	root, err := os.OpenRoot(filepath.Join(b.dir, "rootfs"))
	if err != nil {
		return nil, fmt.Errorf("looking up user %q: %w", b.image.User, err)
	}
	defer root.Close()
	var readers [2]io.Reader
	var refused error // counts only where the user's name needs the file
	for i, name := range []string{"etc/passwd", "etc/group"} {
		data, err := repository.Read(root, name)
		if err == nil {
			readers[i] = bytes.NewReader(data)
		} else if !errors.Is(err, os.ErrNotExist) {
			refused = cmp.Or(refused, err)
		}
	}
	name := cmp.Or(b.spec.User, b.image.User)
	who, err := user.GetExecUser(name, &user.ExecUser{Home: "/"}, readers[0], readers[1])
	switch {
	case err != nil && refused != nil:
		return nil, fmt.Errorf("looking up user %q of the image: %w; %w", name, err, refused)
	case err != nil:
		return nil, fmt.Errorf("looking up user %q of the image: %w", name, err)
	}
	return who, nil
}

// mounts are the usual ones, and the files that name the services.
func (b bundle) mounts() []specs.Mount {
	file := func(name string) specs.Mount {
		return specs.Mount{Destination: "/etc/" + name, Type: "bind", Source: filepath.Join(b.dir, name),
			Options: []string{"rbind", "rprivate", "ro", "nosuid", "nodev"}}
	}
	all := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
		file("hosts"), file("hostname"), file("resolv.conf"),
	}
	for _, w := range b.spec.Writables {
		all = append(all, specs.Mount{Destination: w.Target, Type: "bind", Source: w.File, Options: []string{"bind", "rprivate", "nosuid", "nodev"}})
	}
	for _, s := range b.spec.Secrets {
		all = append(all, specs.Mount{Destination: s.Target, Type: "bind", Source: s.File, Options: []string{"bind", "rprivate", "ro", "nosuid", "nodev", "noexec"}})
	}
	return all
}
