package solve

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// stepAttrs adds what a command line says about every step, by the names of
// BuildKit's front end (frontend/dockerui/config.go, as of 0.33).
func stepAttrs(attrs map[string]string, s engine.StepSettings) {
	set := func(key, value string) {
		if value != "" {
			attrs[key] = value
		}
	}
	set("force-network-mode", s.Network)
	set("add-hosts", strings.Join(s.Hosts, ","))
	set("ulimit", strings.Join(s.Ulimits, ","))
	set("cgroup-parent", s.CgroupParent)
	if s.ShmSizeBytes > 0 {
		set("shm-size", strconv.FormatInt(s.ShmSizeBytes, 10))
	}
	maps.Copy(attrs, s.Limits)
}

// entitlements are what steps may ask for. Who puts all steps on the host's
// network allows it to them.
func entitlements(s engine.StepSettings) []string {
	out := slices.Clone(s.Allow)
	if s.Network == "host" && !slices.Contains(out, "network.host") {
		out = append(out, "network.host")
	}
	return out
}

// sshAgents opens the agents and keys that steps may use.
func sshAgents(list []engine.SSHAgent) ([]session.Attachable, error) {
	if len(list) == 0 {
		return nil, nil
	}
	confs := make([]sshprovider.AgentConfig, 0, len(list))
	for _, a := range list {
		confs = append(confs, sshprovider.AgentConfig{ID: a.ID, Paths: slices.Clone(a.Paths)})
	}
	agents, err := sshprovider.NewSSHAgentProvider(confs)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "--ssh cannot be used").Because(err).
			WithHint("start an agent (eval $(ssh-agent); ssh-add), or name a key without a passphrase: --ssh default=KEY")
	}
	return []session.Attachable{agents}, nil
}

// contexts are the named contexts of a request in BuildKit's terms.
type contexts struct {
	attrs  map[string]string
	mounts map[string]fsutil.FS
	stores map[string]content.Store
	whole  []*wholeFS // of mounts
}

// namedContexts opens the contexts that a person names. A directory that cannot be
// read calls stop, as the main context does.
func namedContexts(named map[string]string, stop context.CancelCauseFunc) (contexts, error) {
	c := contexts{attrs: map[string]string{}, mounts: map[string]fsutil.FS{}, stores: map[string]content.Store{}}
	for i, name := range slices.Sorted(maps.Keys(named)) {
		at, key := named[name], "context:"+contextName(name)
		layout, isLayout := strings.CutPrefix(at, "oci-layout://")
		switch {
		case isLayout:
			path, digest, err := layoutImage(layout)
			if err != nil {
				return c, diag.Fail(diag.ExitUsage, "the OCI layout of the build context %s cannot be used", name).Because(err).
					WithHint("--build-context %s=oci-layout://DIR:TAG or oci-layout://DIR@sha256:DIGEST", name)
			}
			store, err := local.NewStore(path)
			if err != nil {
				return c, fmt.Errorf("opening the OCI layout %s: %w", path, err)
			}
			id := "layout-" + strconv.Itoa(i)
			c.stores[id], c.attrs[key] = store, "oci-layout://"+id+"@"+digest
		case filepath.IsAbs(at):
			files, err := contextFS(at)
			if err != nil {
				return c, diag.Fail(diag.ExitUsage, "the build context %s cannot be read: %s", name, at).Because(err).WithHint("--build-context %s=DIR", name)
			}
			mount := "named-" + strconv.Itoa(i)
			whole := &wholeFS{FS: files, dir: at, stop: stop, close: files.Close}
			c.mounts[mount], c.attrs[key], c.whole = whole, "local:"+mount, append(c.whole, whole)
		default:
			c.attrs[key] = at
		}
	}
	return c, nil
}

// layoutImage finds the image that "PATH", "PATH:TAG" or "PATH@DIGEST" names in an
// OCI layout: by its tag, "latest" when there is none, or the only one.
func layoutImage(ref string) (path, digest string, err error) {
	if at, id, ok := strings.Cut(ref, "@"); ok {
		return at, id, nil
	}
	path, tag := ref, ""
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		path, tag = ref[:i], ref[i+1:]
	}
	data, err := os.ReadFile(filepath.Join(path, "index.json"))
	if err != nil {
		return "", "", err
	}
	var index ocispecs.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return "", "", fmt.Errorf("reading its index.json: %w", err)
	}
	var tags []string
	for _, m := range index.Manifests {
		name := m.Annotations[ocispecs.AnnotationRefName]
		if name != "" && (name == tag || tag == "" && name == "latest" || strings.HasSuffix(name, ":"+tag)) {
			return path, m.Digest.String(), nil
		}
		tags = append(tags, name)
	}
	if len(index.Manifests) == 1 && tag == "" {
		return path, index.Manifests[0].Digest.String(), nil
	}
	return "", "", fmt.Errorf("%q is none of its tags: %s", tag, strings.Join(tags, ", "))
}
