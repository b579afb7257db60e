// Package kubernetes runs a real Kubernetes of one node for tests: etcd, API server,
// controllers, scheduler, kubelet, kube-proxy and containerd, in a network and a mount
// namespace of its own, with all of its files below one directory.
//
//	c, err := kubernetes.Up(ctx, kubernetes.Options{Dir: dir, Log: os.Stderr})
//	defer c.Down()
//
// Kubernetes itself is compiled from its Go modules, once for each version of them and of
// Go: about 1,300 CPU seconds and 3 GB of memory. etcd, containerd and the network plugins
// are packages of Debian. All of it is kept in the cache directory of the user.
package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Options say where a cluster is.
type Options struct {
	Dir string    // all of its files
	Log io.Writer // what takes long
}

// Cluster is one that runs.
type Cluster struct {
	Options
	Network    string // file of its network namespace
	Kubeconfig string // of an administrator, for processes in the network
	address    string // of containerd
	holder     int    // process that holds the mount namespace
}

// The addresses inside the network namespace.
const (
	nodeIP    = "10.78.0.1"
	nodeNet   = "10.78.0.1/24"
	pods      = "10.244.0.0/24"
	services  = "10.96.0.0/16"
	serviceIP = "10.96.0.1"
	node      = "node"
)

// DefaultDir is that of the one cluster of a machine.
func DefaultDir() string { return filepath.Join(os.TempDir(), "slipway-cluster") }

// name is that of the network namespace, by the directory.
func (o Options) name() string {
	sum := sha256.Sum256([]byte(o.Dir))
	return "slipway-" + hex.EncodeToString(sum[:4])
}

// Up starts a cluster in an empty directory, and returns when its node takes pods.
func Up(ctx context.Context, o Options) (_ *Cluster, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a cluster needs root")
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(o.Dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty: end the cluster there first: go run ./test/cluster -dir %[1]s down", o.Dir)
	}
	parts, err := gather(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		Options: o, Network: "/run/netns/" + o.name(), Kubeconfig: filepath.Join(o.Dir, "admin.kubeconfig"),
		address: filepath.Join(o.Dir, "containerd", "containerd.sock"),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.lastLog(), Down(o))
		}
	}()
	if err := c.lay(ctx, parts); err != nil {
		return nil, err
	}
	return c, c.start(ctx, parts)
}

// lay makes the network, the keys and the settings.
func (c *Cluster) lay(ctx context.Context, p parts) error {
	for _, dir := range []string{"log", "pid", "bin", "cni", "containerd", "kubelet", "plugins"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	for _, link := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"} {
		if err := os.Symlink(p.kubernetes, filepath.Join(c.Dir, "bin", link)); err != nil {
			return err
		}
	}
	if err := os.Symlink(p.runc, filepath.Join(c.Dir, "bin", "runc")); err != nil {
		return err
	}
	if err := c.keys(); err != nil {
		return err
	}
	if err := c.settings(p); err != nil {
		return err
	}
	if err := output(ctx, "ip", "netns", "add", c.name()); err != nil {
		return err
	}
	inside := func(argv ...string) error {
		return output(ctx, append([]string{"nsenter", "--net=" + c.Network}, argv...)...)
	}
	// A default route makes the kubelet find its address; nothing answers there.
	err := errors.Join(
		inside("ip", "link", "set", "lo", "up"), inside("ip", "link", "add", "node0", "type", "bridge"), inside("ip", "addr", "add", nodeNet, "dev", "node0"),
		inside("ip", "link", "set", "node0", "up"), inside("ip", "route", "add", "default", "via", "10.78.0.254", "dev", "node0"),
		inside("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"),
	)
	if err != nil {
		return err
	}
	return c.hold(ctx, p)
}

// fixed are the directories that programs write to whatever their settings say.
func fixed() []string {
	return []string{"/var/lib/cni", "/var/lib/kubelet", "/var/log/pods", "/var/log/containers", "/run/containerd", "/run/netns"}
}

// hold starts a process whose mount namespace has directories of the cluster in place of
// the fixed ones. Every mount of the cluster ends with it.
func (c *Cluster) hold(ctx context.Context, p parts) error {
	script := ""
	for _, dir := range fixed() {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			if err := appendLine(filepath.Join(c.Dir, madeFile), dir); err != nil {
				return err
			}
		}
		own := filepath.Join(c.Dir, "fixed", dir)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.MkdirAll(own, 0o755)); err != nil {
			return err
		}
		script += fmt.Sprintf("mount --bind '%s' '%s' && ", own, dir)
	}
	if err := c.program("holder", []string{"nsenter", "--net=" + c.Network, "unshare", "--mount", "--propagation", "private", "sh", "-c", script + "exec '" + p.holder + "'"}, p); err != nil {
		return err
	}
	return c.until(ctx, "the mounts are made", func() error {
		if at, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", c.holder)); err != nil || at != p.holder {
			return fmt.Errorf("the process %d is %s: %w", c.holder, at, err)
		}
		return nil
	})
}

// madeFile lists the fixed directories that this machine did not have before.
const madeFile = "made"

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

// start starts the programs in their order.
func (c *Cluster) start(ctx context.Context, p parts) error {
	at := func(name string) string { return filepath.Join(c.Dir, name) }
	key := func(name string) []string { return []string{at("keys/" + name + ".crt"), at("keys/" + name + ".key")} }
	server, admin := key("apiserver"), key("admin")
	programs := [][]string{
		{"etcd", "--data-dir", at("etcd"), "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379", "--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync"},
		{
			"kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--service-cluster-ip-range=" + services, "--bind-address=127.0.0.1", "--advertise-address=" + nodeIP,
			"--secure-port=6443", "--tls-cert-file=" + server[0], "--tls-private-key-file=" + server[1], "--client-ca-file=" + at("keys/ca.crt"),
			"--service-account-key-file=" + at("keys/accounts.pub"), "--service-account-signing-key-file=" + at("keys/accounts.key"),
			"--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=Node,RBAC",
			"--kubelet-client-certificate=" + admin[0], "--kubelet-client-key=" + admin[1], "--kubelet-preferred-address-types=InternalIP",
			"--allow-privileged=true", "--endpoint-reconciler-type=none",
		},
		{
			"kube-controller-manager", "--kubeconfig=" + c.Kubeconfig, "--service-account-private-key-file=" + at("keys/accounts.key"),
			"--root-ca-file=" + at("keys/ca.crt"), "--leader-elect=false",
		},
		{"kube-scheduler", "--kubeconfig=" + c.Kubeconfig, "--leader-elect=false"},
		{"containerd", "-c", at("containerd.toml")},
	}
	for _, argv := range programs {
		if err := c.run(argv, p); err != nil {
			return err
		}
	}
	if err := c.until(ctx, "containerd answers", func() error { return output(ctx, p.ctr, "-a", c.address, "version") }); err != nil {
		return err
	}
	if err := output(ctx, p.ctr, "-a", c.address, "-n", "k8s.io", "images", "import", p.pause); err != nil {
		return err
	}
	if err := c.until(ctx, "the API is ready", func() error { return c.answers(ctx, "/readyz", "ok") }); err != nil {
		return err
	}
	for _, argv := range [][]string{
		{"kubelet", "--config=" + at("kubelet.yaml"), "--kubeconfig=" + at("kubelet.kubeconfig"), "--hostname-override=" + node, "--root-dir=" + at("kubelet"), "--node-ip=" + nodeIP},
		{
			"kube-proxy", "--kubeconfig=" + c.Kubeconfig, "--hostname-override=" + node, "--proxy-mode=iptables", "--cluster-cidr=" + pods,
			"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
		},
	} {
		if err := c.run(argv, p); err != nil {
			return err
		}
	}
	if err := c.until(ctx, "the node is ready", func() error {
		return c.answers(ctx, "/api/v1/nodes/"+node, `"reason":"KubeletReady"`)
	}); err != nil {
		return err
	}
	return c.until(ctx, "there is the default account", func() error {
		return c.answers(ctx, "/api/v1/namespaces/default/serviceaccounts/default", `"name":"default"`)
	})
}

// run starts a program in the namespaces of the cluster.
func (c *Cluster) run(argv []string, p parts) error {
	return c.program(argv[0], append([]string{"nsenter", "--target", fmt.Sprint(c.holder), "--mount", "--net"}, argv...), p)
}

// program starts a program with a log and a file of its process.
func (c *Cluster) program(name string, argv []string, p parts) error {
	log, err := os.Create(filepath.Join(c.Dir, "log", name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, log, log
	cmd.Env = append(os.Environ(), "PATH="+strings.Join([]string{filepath.Join(c.Dir, "bin"), p.bin, os.Getenv("PATH"), "/usr/sbin", "/sbin"}, ":"))
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	go func() { _ = cmd.Wait() }() // its end is seen in its log
	if name == "holder" {
		c.holder = cmd.Process.Pid
	}
	return os.WriteFile(filepath.Join(c.Dir, "pid", name), []byte(fmt.Sprint(cmd.Process.Pid)), 0o644)
}

// wait is how long a step of the start may take.
const wait = 3 * time.Minute

// until asks again until something is so.
func (c *Cluster) until(ctx context.Context, what string, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lastLog is what the programs said last, for an error.
func (c *Cluster) lastLog() error {
	var problems []error
	logs, _ := filepath.Glob(filepath.Join(c.Dir, "log", "*.log"))
	for _, name := range logs {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		problems = append(problems, fmt.Errorf("%s: %s", filepath.Base(name), strings.Join(lines[max(0, len(lines)-3):], "\n  ")))
	}
	return errors.Join(problems...)
}

// Down ends the cluster of a directory, its pods too, and removes the directory.
func (c *Cluster) Down() error { return Down(c.Options) }

// output runs a command; its output is in the error.
func output(ctx context.Context, argv ...string) error {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
