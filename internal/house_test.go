// Package internal_test keeps the shape of the house: which package may import
// which, and what every package has. It is the import table of the design as an
// ordinary test.
package internal_test

import (
	"go/ast"
	"os/exec"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"
)

const module = "github.com/slipway-build/slipway/"

// layer is a floor of the house; imports go down only.
type layer int

const (
	words layer = iota
	core
	parents
	leaves
	adapters // join leaves to the interfaces of the parents
	top
)

func (l layer) String() string {
	return [...]string{"words", "core", "parents", "leaves", "adapters", "top"}[l]
}

// rooms says on which floor each package lives. A new package is entered here,
// which is the moment to think about where it belongs; what lies below a
// directory with a star shares its floor.
func rooms() map[string]layer {
	return map[string]layer{
		"internal/cli": top,

		"internal/state":       adapters,
		"internal/history":     adapters,
		"internal/delivery":    adapters,
		"internal/host":        adapters,
		"internal/fleet":       adapters,
		"internal/generated":   adapters,
		"internal/evidence":    adapters,
		"internal/companions":  adapters,
		"internal/gauge":       adapters,
		"internal/scan":        adapters,
		"internal/annex/serve": adapters,
		"internal/hosting":     adapters, // this machine as a target
		"internal/shipping":    adapters, // releases on their way to where they run

		"internal/engine/embedded": leaves,
		"internal/engine/remote":   leaves,
		"internal/baseimage":       leaves,
		"internal/image":           leaves,
		"internal/ledger":          leaves,
		"internal/audit":           leaves,
		"internal/registry":        leaves,
		"internal/rootless":        leaves,
		"internal/trace":           leaves,
		"internal/ram":             leaves,
		"internal/interrupt":       leaves,
		"internal/resident":        leaves,
		"internal/crash":           leaves,
		"internal/docker":          leaves,
		"internal/repository":      leaves,
		"internal/origin":          leaves,
		"internal/testrun":         leaves,
		"internal/sbom":            leaves,
		"internal/gate/*":          leaves,
		"internal/advisory/*":      leaves,
		"internal/localrun/oci":    leaves,
		"internal/deploy/*":        leaves,
		"internal/fingerprint/*":   leaves,
		"internal/annex/*":         leaves, // what slipway-tools links, and slipway never does

		"internal/annex":              parents, // questions to slipway-tools
		"internal/engine":             parents,
		"internal/engine/solve":       parents, // what both engines do; only they import it
		"internal/engine/conformance": parents, // for tests of both engines
		"internal/probe":              parents,
		"internal/probe/health":       parents,
		"internal/probe/secure":       parents, // TLS, which the small probe leaves out
		"internal/localrun":           parents,
		"internal/localrun/names":     parents,
		"internal/localrun/view":      parents,
		"internal/pipeline":           parents,
		"internal/bench":              parents,

		"internal/baseimage/spec": core,
		"internal/gate/contents":  core,

		"internal/config":      core,
		"internal/dotenv":      core,
		"internal/plan":        core,
		"internal/ecosystem":   core,
		"internal/ecosystem/*": core,
		"internal/detect":      core,
		"internal/dockerfile":  core,
		"internal/fingerprint": core,
		"internal/gate":        core,
		"internal/testreport":  core,
		"internal/inventory":   core,
		"internal/advisory":    core,
		"internal/companion":   core,
		"internal/secret":      core,
		"internal/proof":       core,
		"internal/proof/*":     core,
		"internal/deploy":      core,
		"internal/release":     core,
		"internal/manifest":    core,
		"internal/report":      core,

		"internal/diag":       words,
		"internal/plaintext":  words,
		"internal/event":      words,
		"internal/assets":     words,
		"internal/pattern":    words,
		"internal/parallel":   words,
		"internal/terminal":   words,
		"internal/atomicfile": words, // not for core, which writes nothing
		"internal/retry":      words, // not for core, which waits for nothing
		"internal/logfile":    words, // not for core, which writes nothing
		"internal/relay":      words, // not for core
		"internal/netns":      words, // not for core
		"internal/quota":      words,
		"internal/httplimit":  words, // not for core, which has no network
		"internal/account":    words, // not for core, which asks no machine
	}
}

// neighbours are the imports within a floor that are wanted. Core is free among
// itself; the compiler keeps it without circles.
func neighbours() map[string][]string {
	return map[string][]string{
		"internal/assets":             {"internal/diag", "internal/atomicfile", "internal/parallel"},
		"internal/event":              {"internal/diag"},
		"internal/terminal":           {"internal/pattern"},
		"internal/baseimage/debian":   {"internal/baseimage/download"},
		"internal/bench":              {"internal/engine"},
		"internal/engine/embedded":    {"internal/ram", "internal/crash"},
		"internal/localrun/oci":       {"internal/ram", "internal/repository"},
		"internal/testrun":            {"internal/repository"},
		"internal/audit":              {"internal/gate/attest"},
		"internal/origin":             {"internal/repository"},
		"internal/engine/solve":       {"internal/engine"},
		"internal/deploy/host":        {"internal/deploy/proxy", "internal/deploy/acme"},
		"internal/shipping":           {"internal/fleet"},
		"internal/shipping/placetest": {"internal/shipping"},
		"internal/hosting":            {"internal/state", "internal/generated"},
		"internal/engine/conformance": {"internal/engine"},
		"internal/pipeline":           {"internal/engine", "internal/localrun", "internal/probe"},
		"internal/localrun":           {"internal/probe"},
		"internal/probe/health":       {"internal/probe", "internal/probe/secure"},
		"internal/probe/secure":       {"internal/probe"},
		"internal/localrun/view":      {"internal/localrun"},
		"internal/fleet":              {"internal/generated"},
		"internal/delivery":           {"internal/fleet"},
		"internal/evidence":           {"internal/scan"},
		"internal/state":              {"internal/host"},
		"internal/companions":         {"internal/state"},
		"internal/probe/greeting":     {"internal/probe"},
		"internal/gauge":              {"internal/fleet"},
	}
}

// owners are the packages that alone may import a dependency that is heavy or
// would spread.
func owners() map[string][]string {
	return map[string][]string{
		"github.com/spf13/cobra":        {"internal/cli"},
		"github.com/moby/buildkit/":     {"internal/engine/embedded", "internal/engine/remote", "internal/engine/solve", "internal/dockerfile", "internal/cli"},
		"github.com/containerd/":        {"internal/engine/embedded", "internal/engine/remote", "internal/engine/solve", "internal/localrun/oci", "internal/cli"},
		"github.com/distribution/dist":  {"internal/registry"},
		"github.com/goccy/go-yaml":      {"internal/config", "internal/cli"},
		"go.yaml.in/yaml":               {"internal/detect", "internal/manifest", "internal/gate/contents", "internal/cli"},
		"github.com/invopop/jsonschema": {"internal/config", "internal/cli"},
		"pault.ag/go/debian":            {"internal/baseimage/debian", "internal/cli"},
		"github.com/spdx/":              {"internal/sbom"},
		"github.com/CycloneDX/":         {"internal/sbom"},
		"github.com/google/osv-scalibr": {"internal/advisory"},
		"github.com/pandatix/":          {"internal/advisory"},
		"go.opentelemetry.io/":          {"internal/trace"},
		"github.com/prometheus/":        {"internal/deploy/proxy"},
		"golang.org/x/crypto/acme":      {"internal/deploy/acme"},
		"k8s.io/":                       {"internal/deploy/kube"},
		"github.com/moby/moby/":         {"internal/docker"},
		"github.com/google/cel-go/":     {"internal/annex/cel"},
		"github.com/sigstore/":          {"internal/annex/keyless"},
		"github.com/google/go-containerregistry/": {
			"internal/image", "internal/baseimage", "internal/docker", "internal/localrun/oci", "internal/registry", "internal/gate/*", "internal/deploy/*",
			"internal/cli", "internal/state", "internal/history", "internal/fleet", "internal/evidence", "internal/gauge",
			"internal/engine/conformance", // the registry of its tests
		},
	}
}

// floor finds the layer of a package: its own entry, else that of the nearest
// directory above with a star, else that of the nearest entry above.
func floor(pkg string) (layer, bool) {
	all := rooms()
	if l, ok := all[pkg]; ok {
		return l, true
	}
	for p := path.Dir(pkg); p != "."; p = path.Dir(p) {
		if l, ok := all[p+"/*"]; ok {
			return l, true
		}
		if l, ok := all[p]; ok {
			return l, true
		}
	}
	return 0, false
}

func TestImportsGoDown(t *testing.T) {
	h := open(t)
	for _, pkg := range h.packages() {
		if strings.HasPrefix(pkg, "cmd/") {
			continue
		}
		from, ok := floor(pkg)
		if !ok {
			t.Errorf("%s is on no floor: enter it in rooms of internal/house_test.go", pkg)
			continue
		}
		for target, at := range h.imports(pkg) {
			other, inside := strings.CutPrefix(target, module)
			if !inside {
				continue
			}
			to, ok := floor(other)
			if !ok || to < from || from == core && to == core || slices.Contains(neighbours()[pkg], other) || strings.HasPrefix(other, pkg+"/") && to == from {
				continue
			}
			t.Errorf("%s: %s (%s) imports %s (%s): imports go down only\n  chain: %s", at, pkg, from, other, to, h.chain(other, pkg))
		}
	}
}

// chain shows how a package is reached from the command, through the one that
// imports it.
func (h *house) chain(pkg, via string) string {
	came := map[string]string{"cmd/slipway": ""}
	queue := []string{"cmd/slipway"}
	for len(queue) > 0 && came[via] == "" {
		at := queue[0]
		queue = queue[1:]
		var next []string
		for target := range h.imports(at) {
			if other, inside := strings.CutPrefix(target, module); inside {
				next = append(next, other)
			}
		}
		sort.Strings(next)
		for _, n := range next {
			if _, seen := came[n]; !seen {
				came[n] = at
				queue = append(queue, n)
			}
		}
	}
	out := []string{via, pkg}
	for p := came[via]; p != ""; p = came[p] {
		out = append([]string{p}, out...)
	}
	return strings.Join(out, " → ")
}

func TestCommandsImportOneRoom(t *testing.T) {
	h := open(t)
	for pkg, want := range map[string]string{"cmd/slipway": "internal/cli", "cmd/slipway-probe": "internal/probe", "cmd/slipway-tools": "internal/annex/serve"} {
		for target, at := range h.imports(pkg) {
			if other, inside := strings.CutPrefix(target, module); inside && other != want && !strings.HasPrefix(other, want+"/") {
				t.Errorf("%s: %s imports %s, not only %s", at, pkg, other, want)
			}
		}
	}
}

// TestSlipwayStaysLight: what slipway-tools is for never comes into slipway, by whatever
// way. BuildKit brings one small package of sigstore-go.
func TestSlipwayStaysLight(t *testing.T) {
	listed := func(pkg string) []string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	heavy := []string{"github.com/google/cel-go/", "github.com/antlr4-go/", "github.com/sigstore/sigstore-go/", "github.com/sigstore/rekor", "golang.org/x/crypto/openpgp", "github.com/distribution/distribution/", module + "internal/annex/"}
	count := func(all []string) (found []string) {
		for _, p := range all {
			if p != "github.com/sigstore/sigstore-go/pkg/fulcio/certificate" && slices.ContainsFunc(heavy, func(h string) bool { return strings.HasPrefix(p, h) }) {
				found = append(found, p)
			}
		}
		return found
	}
	if found := count(listed("../cmd/slipway")); len(found) > 0 {
		t.Errorf("slipway links %q: they belong to slipway-tools, which package annex asks", found)
	}
	if len(count(listed("../cmd/slipway-tools"))) == 0 {
		t.Error("slipway-tools links none of them: the list here is out of date")
	}
}

// TestCoreIsPure: no network, no processes, no clock, no environment, no file
// system but io/fs.
func TestCoreIsPure(t *testing.T) {
	values := []string{"net/netip", "net/url"} // addresses as text and values; neither opens a connection
	h := open(t)
	for _, pkg := range h.packages() {
		if l, ok := floor(pkg); !ok || l != core {
			continue
		}
		for target, at := range h.imports(pkg) {
			for _, forbidden := range []string{"os", "net", "syscall", "unsafe", "math/rand", "plugin", "log", "golang.org/x/sys", "embed", module + "internal/atomicfile", module + "internal/logfile", module + "internal/retry", module + "internal/httplimit"} {
				if target == forbidden || strings.HasPrefix(target, forbidden+"/") && !slices.Contains(values, target) {
					t.Errorf("%s: %s is core and imports %s", at, pkg, target)
				}
			}
		}
		h.each(pkg, func(n ast.Node) {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer"}, s.Sel.Name) {
					t.Errorf("%s: %s is core and reads the clock: time.%s", h.files.Position(n.Pos()), pkg, s.Sel.Name)
				}
			}
		})
	}
}

func TestDependenciesStayWithTheirOwners(t *testing.T) {
	h := open(t)
	for _, pkg := range h.packages() {
		for target, at := range h.imports(pkg) {
			for prefix, allowed := range owners() {
				if !strings.HasPrefix(target, prefix) {
					continue
				}
				if !slices.ContainsFunc(allowed, func(a string) bool {
					return pkg == a || strings.HasSuffix(a, "/*") && strings.HasPrefix(pkg, strings.TrimSuffix(a, "*"))
				}) {
					t.Errorf("%s: %s imports %s, which only %s may", at, pkg, target, strings.Join(allowed, ", "))
				}
			}
		}
	}
}
