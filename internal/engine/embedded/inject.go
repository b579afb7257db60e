//go:build linux

package embedded

import (
	"context"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/sys/user"
)

// caPath is where steps see the host's certificates. /dev is a tmpfs of the
// step, so the mount point never becomes part of a layer.
const caPath = "/dev/slipway/ca-certificates.crt"

// caVariables are read by, in this order: OpenSSL, Go and Rust; Node.js; npm;
// curl; Python's requests; pip; git; cargo; the AWS tools.
var caVariables = [...]string{
	"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "npm_config_cafile", "CURL_CA_BUNDLE",
	"REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO", "AWS_CA_BUNDLE",
}

// injector hands the host's certificates and environment to every step. It
// works behind the cache: nothing of it is part of a key, a layer or a history.
// A variable that the step sets itself wins.
type injector struct {
	executor.Executor
	caFile string
	env    []string
}

// Run starts the step with the additions.
func (i injector) Run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount, p executor.ProcessInfo, started chan<- struct{}) (resourcestypes.Recorder, error) {
	add := i.env
	if i.caFile != "" {
		mounts = append(mounts[:len(mounts):len(mounts)], executor.Mount{Src: hostFile(i.caFile), Dest: caPath, Readonly: true})
		for _, name := range caVariables {
			add = append(add[:len(add):len(add)], name+"="+caPath)
		}
	}
	p.Meta.Env = withDefaults(p.Meta.Env, add)
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
type hostFile string

// Mount implements executor.Mountable.
func (f hostFile) Mount(context.Context, bool) (executor.MountableRef, error) {
	return hostFileRef(f), nil
}

type hostFileRef string

// Mount implements executor.MountableRef.
func (f hostFileRef) Mount() ([]mount.Mount, func() error, error) {
	return []mount.Mount{{Type: "bind", Source: string(f), Options: []string{"ro", "bind"}}}, func() error { return nil }, nil
}

// IdentityMapping implements executor.MountableRef.
func (hostFileRef) IdentityMapping() *user.IdentityMapping { return nil }
