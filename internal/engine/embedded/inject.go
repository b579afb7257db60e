//go:build linux

package embedded

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/sys/user"
)

// caPath is where steps see the host's certificates.
const caPath = StepDir + "ca-certificates.crt"

// caVariables are read by, in this order: OpenSSL, Go and Rust; Node.js; npm;
// curl; Python's requests; pip; git; cargo; the AWS tools; Deno.
var caVariables = [...]string{
	"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "npm_config_cafile", "CURL_CA_BUNDLE",
	"REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO", "AWS_CA_BUNDLE", "DENO_CERT",
}

// injector hands the host's certificates and environment to every step. It
// works behind the cache: nothing of it is part of a key, a layer or a history.
// A variable that the step sets itself wins.
type injector struct {
	executor.Executor
	running    *atomic.Int32 // steps that run now
	caFile     string
	env        []string
	files      map[string]string // by name below StepDir, the path on this machine
	logins     logins
	network    *outside
	resolvConf string // of steps with a network of their own
	ttyGroup   bool   // the group of terminals exists
	groups     bool   // each step has a control group, whose memory is measured
}

// Run starts the step with the additions. The terminals' file system is mounted
// explicitly for two reasons: its usual options name a group that a namespace of
// one user does not have, and a mount below /dev keeps an empty /dev out of the
// layer, which so is the same with certificates and without.
func (i injector) Run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount, p executor.ProcessInfo, started chan<- struct{}) (resourcestypes.Recorder, error) {
	i.running.Add(1)
	defer i.running.Add(-1)
	add, files := i.logins.into(p.Meta, i.env, i.files)
	mounts = append(mounts[:len(mounts):len(mounts)], executor.Mount{Src: terminals(i.ttyGroup), Dest: "/dev/pts"})
	if i.caFile != "" {
		mounts = append(mounts, executor.Mount{Src: hostFile(i.caFile), Dest: caPath, Readonly: true})
		for _, name := range caVariables {
			add = append(add[:len(add):len(add)], name+"="+caPath)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		mounts = append(mounts, executor.Mount{Src: hostFile(files[name]), Dest: StepDir + name, Readonly: true})
	}
	if p.Meta.NetMode == pb.NetMode_UNSET && i.network.works(ctx) {
		mounts = append(mounts, executor.Mount{Src: hostFile(i.resolvConf), Dest: "/etc/resolv.conf", Readonly: true})
	}
	p.Meta.Env = withDefaults(p.Meta.Env, append(besideVariables(besideOf(ctx)), add...))
	if !i.groups {
		return i.Executor.Run(ctx, id, root, mounts, p, started)
	}
	if id == "" {
		id = identity.NewID()
	}
	used := watchMemory(os.DirFS("/"), groupOf(id))
	defer func() { used().tell(ctx) }()
	return i.Executor.Run(ctx, id, root, mounts, p, started)
}

// withDefaults returns env with those variables of add that it does not set.
func withDefaults(env, add []string) []string {
	out := append([]string(nil), env...)
	has := make(map[string]bool, len(env))
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		has[name] = true
	}
	for _, kv := range add {
		if name, _, _ := strings.Cut(kv, "="); !has[name] {
			has[name] = true
			out = append(out, kv)
		}
	}
	return out
}

// hostFile is a file of this machine, to be bind-mounted read-only.
func hostFile(path string) executor.Mountable {
	return oneMount{Type: "bind", Source: path, Options: []string{"ro", "bind"}}
}

// terminals is a devpts of the step's own.
func terminals(ttyGroup bool) executor.Mountable {
	options := []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
	if ttyGroup {
		options = append(options, "gid=5")
	}
	return oneMount{Type: "devpts", Source: "devpts", Options: options}
}

// hasGroup reports whether a gid_map, as in /proc/self/gid_map, has the group.
func hasGroup(table string, gid int64) bool {
	for line := range strings.Lines(table) {
		var inside, outside, count int64
		if n, _ := fmt.Sscan(line, &inside, &outside, &count); n == 3 && inside <= gid && gid-inside < count {
			return true
		}
	}
	return false
}

// oneMount is a mount that needs no preparation.
type oneMount mount.Mount

// Mount implements executor.Mountable.
func (m oneMount) Mount(context.Context, bool) (executor.MountableRef, error) {
	return oneMountRef(m), nil
}

type oneMountRef mount.Mount

// Mount implements executor.MountableRef.
func (m oneMountRef) Mount() ([]mount.Mount, func() error, error) {
	return []mount.Mount{mount.Mount(m)}, func() error { return nil }, nil
}

// IdentityMapping implements executor.MountableRef.
func (oneMountRef) IdentityMapping() *user.IdentityMapping { return nil }
