package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// StepSettings are what a command line says about every step of a build. The zero
// value says nothing.
type StepSettings struct {
	Network      string            // "none", "host" or empty
	Hosts        []string          // further lines of /etc/hosts, "name=address"
	ShmSizeBytes int64             // of /dev/shm; 0: BuildKit's 64 MiB
	Ulimits      []string          // "nofile=1024:2048"
	CgroupParent string            // control group above those of the steps
	Limits       map[string]string // of memory and processors, by the names of BuildKit's front end
	Allow        []string          // entitlements that steps may ask for: "network.host", "security.insecure"
	SSH          []SSHAgent
	Companions   Companions
}

// SSHAgent is an agent or keys that steps with --mount=type=ssh may use.
type SSHAgent struct {
	ID    string   // "default" when empty
	Paths []string // of a socket or of keys; empty: the agent of $SSH_AUTH_SOCK
}

// Beyond describes in words what else than files, arguments and bases decides the
// result of a request; empty when nothing does. Limits, agents and entitlements
// do not: a step that ends gives the same files.
func (r Request) Beyond() string {
	var out []string
	say := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	if r.Steps.Network != "" {
		say("--network %s", r.Steps.Network)
	}
	for _, h := range r.Steps.Hosts {
		say("--add-host %s", h)
	}
	if r.Steps.ShmSizeBytes > 0 {
		say("--shm-size %d", r.Steps.ShmSizeBytes)
	}
	for _, u := range r.Steps.Ulimits {
		say("--ulimit %s", u)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Named)) {
		say("--build-context %s=%s", name, r.Named[name])
	}
	return strings.Join(out, ", ")
}
