//go:build linux

package embedded

import (
	"testing"

	"github.com/moby/buildkit/util/network"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/slipway-build/slipway/internal/engine/embedded/outbound"
)

// A network whose rules a step could change is not given to the next one.
func TestNetworksOfPrivilegedStepsAreNotUsedAgain(t *testing.T) {
	needRoot(t)
	from := &outside{Networks: &outbound.Networks{}, warn: func(text string) { t.Error(text) }}
	defer from.Close()
	take := func() *lease {
		ns, err := from.New(t.Context(), "", network.NamespaceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return ns.(*lease)
	}
	for privileged, capability := range map[bool]string{false: "CAP_CHOWN", true: "CAP_NET_ADMIN"} {
		l := take()
		spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: []string{capability}}}, Linux: &specs.Linux{}}
		spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}}
		if err := l.Set(spec); err != nil || len(spec.Linux.Namespaces) != 2 || spec.Linux.Namespaces[1].Path != l.Path() {
			t.Errorf("%+v, %v", spec.Linux.Namespaces, err)
		}
		_, _ = l.Close(), l.Close() // the executor may
		next := take()
		if (next.Network == l.Network) == privileged {
			t.Errorf("%s: used again: %v", capability, next.Network == l.Network)
		}
		if other := take(); other.Network == next.Network {
			t.Error("a network is handed out twice")
		}
	}
}

// Where a network cannot be made, steps have the machine's, name servers included.
func TestStepsWithoutNetworksOfTheirOwn(t *testing.T) {
	var said []string
	o := &outside{Networks: &outbound.Networks{}, warn: func(text string) { said = append(said, text) }}
	o.once.Do(func() {}) // it was tried, and failed
	if o.works(t.Context()) {
		t.Error("it works")
	}
	ns, err := o.New(t.Context(), "", network.NamespaceOptions{})
	if _, own := ns.(*lease); err != nil || own {
		t.Errorf("%T, %v", ns, err)
	}
	if len(said) != 0 {
		t.Errorf("said %q", said)
	}
}
