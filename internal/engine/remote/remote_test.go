package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/platforms"
	"github.com/google/go-cmp/cmp"
	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/conformance"
	"github.com/slipway-build/slipway/internal/event"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{ // the hint; empty: it is good
		"unix:///run/buildkit/buildkitd.sock":      "",
		"tcp://builder.example:1234?servername=x":  "",
		"docker-container://name":                  "",
		"kube-pod://name?namespace=n&container=bk": "",
		"":                                  known,
		"/run/b.sock":                       "did you mean unix:///run/b.sock?",
		"run/b.sock":                        "did you mean unix:///run/b.sock?",
		"unix://run/b.sock":                 "did you mean unix:///run/b.sock?",
		"unix:/run/b.sock":                  "",
		"builder.example:1234":              "did you mean tcp://builder.example:1234?",
		"127.0.0.1:1234":                    "did you mean tcp://127.0.0.1:1234?",
		"tcp://builder.example":             "did you mean tcp://builder.example:1234?",
		"http://builder.example:1234":       "did you mean tcp://builder.example:1234?",
		"docker://name":                     "did you mean docker-container://name?",
		"kubernetes://pod?namespace=n":      "did you mean kube-pod://pod?namespace=n?",
		"ssh://builder.example":             known,
		"kube-pod://":                       "kube-pod://NAME",
		"unix:///var/run/docker.sock":       "docker buildx create --name slipway --driver docker-container --bootstrap, then --builder docker-container://buildx_buildkit_slipway0",
		"tcp://builder.example:1234\x7f%zz": known,
	} {
		_, err := ParseAddress(text, "")
		if diff := cmp.Diff(want, diag.HintOf(err)); diff != "" || (err == nil) != (want == "") {
			t.Errorf("%q: error %v, hint (-want +got):\n%s", text, err, diff)
		}
		if err != nil && diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("%q: exit %d", text, diag.ExitOf(err))
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"unix:///run/b.sock", "tcp://[::1]:1234?certs=/x", "docker-container://n", "kube-pod://p?namespace=n", "a:b", "://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := ParseAddress(text, ""); err == nil && at.String() != text {
			t.Errorf("%q became %q", text, at)
		}
	})
}

// pool makes nodes that nobody listens at.
func pool(n int) []*node {
	var out []*node
	for i := range n {
		at, err := ParseAddress(fmt.Sprintf("tcp://10.0.0.%d:1234", i+1), "")
		if err != nil {
			panic(err)
		}
		out = append(out, &node{at: at, platforms: []ocispecs.Platform{platforms.MustParse("linux/amd64")}})
	}
	return out
}

func TestANodeThatGoesTakesOnlyItsOwnServicesAway(t *testing.T) {
	nodes := pool(4)
	moved, mine := 0, map[string]int{}
	for i := range 400 {
		service := fmt.Sprintf("service-%d", i)
		first := ranked(nodes, service)[0]
		mine[first.at.text]++
		if after := ranked(nodes[1:], service)[0]; after != first {
			moved++
			if first != nodes[0] {
				t.Errorf("%s moved from %s, which is still there", service, first.at)
			}
		}
	}
	if moved != mine[nodes[0].at.text] {
		t.Errorf("%d services moved, want the %d of the node that went", moved, mine[nodes[0].at.text])
	}
	for at, n := range mine {
		if n < 70 || n > 130 {
			t.Errorf("%s has %d of 400 services, want about 100", at, n)
		}
	}
}

func TestNoNodeRunsMuchMoreThanItsShare(t *testing.T) {
	nodes := pool(2)
	for i := range 8 {
		choose(nodes, "the same name, so that all want the same node").running++
		if a, b := nodes[0].running, nodes[1].running; max(a, b) > (5*(i+1)+7)/8 {
			t.Errorf("of %d builds one node runs %d", i+1, max(a, b))
		}
	}
	idle := pool(3)
	for _, service := range []string{"a", "b", "c", "d"} {
		if got, want := choose(idle, service), ranked(idle, service)[0]; got != want {
			t.Errorf("%s goes to %s, want %s, which is idle", service, got.at, want.at)
		}
	}
}

func TestPlatformsChooseNodes(t *testing.T) {
	nodes := pool(3)
	arm, amd := platforms.MustParse("linux/arm64"), platforms.MustParse("linux/amd64")
	nodes[0].platforms, nodes[1].platforms, nodes[2].platforms = []ocispecs.Platform{amd}, []ocispecs.Platform{amd, arm}, []ocispecs.Platform{platforms.Normalize(arm)}
	e := &Engine{nodes: nodes}
	for _, c := range []struct {
		wanted []string
		lost   *node
		want   []*node
	}{
		{[]string{"linux/arm64"}, nil, nodes[2:]},
		{[]string{"linux/arm64"}, nodes[2], nodes[1:2]},
		{[]string{"linux/amd64"}, nil, nodes[:2]},
		{[]string{"linux/amd64", "linux/arm64"}, nil, nodes[1:2]},
		{[]string{"linux/riscv64"}, nil, nodes},
		{nil, nil, nodes},
	} {
		got, err := e.pick(engine.Request{Name: "web", Platforms: c.wanted}, map[*node]bool{c.lost: true})
		if err != nil || !slices.Contains(c.want, got) {
			t.Errorf("%v: %v, %v", c.wanted, got, err)
		}
	}
	if _, err := e.pick(engine.Request{Platforms: []string{"a/b/c/d"}}, nil); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("error %v", err)
	}
}

func TestProxiesReachStepsOnlyWhereTheyCanBeReached(t *testing.T) {
	env := []string{"https_proxy=http://proxy.example:3128", "HTTP_PROXY=http://127.0.0.1:3128", "no_proxy=.example", "NPM_CONFIG_REGISTRY=https://npm.example"}
	far := pool(1)[0]
	if diff := cmp.Diff(map[string]string{"A": "1", "https_proxy": "http://proxy.example:3128", "no_proxy": ".own"}, far.withProxies(map[string]string{"A": "1", "no_proxy": ".own"}, env)); diff != "" {
		t.Errorf("far away (-want +got):\n%s", diff)
	}
	at, err := ParseAddress("unix:///run/b.sock", "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"https_proxy": "http://proxy.example:3128", "HTTP_PROXY": "http://127.0.0.1:3128", "no_proxy": ".example"}
	if diff := cmp.Diff(want, (&node{at: at}).withProxies(nil, env)); diff != "" {
		t.Errorf("here (-want +got):\n%s", diff)
	}
}

// fake is a BuildKit that says only who it is.
type fake struct {
	controlapi.UnimplementedControlServer
	version string
	none    bool // it has no worker
}

func (f fake) Info(context.Context, *controlapi.InfoRequest) (*controlapi.InfoResponse, error) {
	if f.version == "" {
		return nil, status.Error(codes.Unimplemented, "unknown method Info")
	}
	return &controlapi.InfoResponse{BuildkitVersion: &apitypes.BuildkitVersion{Version: f.version}}, nil
}

func (f fake) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	if f.none {
		return &controlapi.ListWorkersResponse{}, nil
	}
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{ID: "one", Platforms: []*pb.Platform{{OS: "linux", Architecture: "amd64"}}}}}, nil
}

// listen starts a fake and returns its address.
func (f fake) listen(t *testing.T) string { return serve(t, f) }

// serve starts a BuildKit that is none and returns its address.
func serve(t *testing.T, f controlapi.ControlServer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	controlapi.RegisterControlServer(server, f)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return "tcp://" + l.Addr().String()
}

func TestOnlyBuildKitsThatWillDoAreTaken(t *testing.T) {
	for _, c := range []struct {
		fake fake
		want string
	}{
		{fake{version: "v0.33.1"}, ""},
		{fake{version: "0.13.0-rc1+ubuntu"}, ""},
		{fake{version: "v1.0.0"}, ""},
		{fake{version: "v0.0.0+unknown"}, ""},
		{fake{version: "20dbd0ba6ce4"}, ""},
		{fake{version: "v0.12.5"}, "runs BuildKit v0.12.5, which is too old"},
		{fake{}, "runs BuildKit older than 0.11, which is too old"},
		{fake{version: "v0.33.1", none: true}, "has no worker"},
	} {
		e, err := Open(t.Context(), Options{Addresses: []string{c.fake.listen(t)}, StateDir: t.TempDir(), ImageDir: t.TempDir()}, event.Discard{})
		if c.want == "" {
			if err = errors.Join(err, e.Close()); err != nil {
				t.Errorf("%+v: %v", c.fake, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || diag.HintOf(err) == "" || diag.ExitOf(err) != diag.ExitUsage {
			t.Errorf("%+v: error %v, hint %q; want %q", c.fake, err, diag.HintOf(err), c.want)
		}
	}
}

func TestAPoolDoesWithoutANodeThatIsNotThere(t *testing.T) {
	rec := &conformance.Recorder{}
	e, err := Open(t.Context(), Options{
		Addresses: []string{"unix://" + filepath.Join(t.TempDir(), "none.sock"), fake{version: "v0.33.1"}.listen(t)},
		StateDir:  t.TempDir(), ImageDir: t.TempDir(),
	}, rec)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	events := rec.Events()
	if len(events) != 1 || !strings.Contains(events[0].(event.Note).Text, "none.sock: connect: no such file or directory: building without it") {
		t.Errorf("events %v", events)
	}
}

func TestAMachineKeepsItsName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first, err := machineName(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := machineName(dir)
	other, err2 := machineName(t.TempDir())
	if err != nil || err2 != nil || first != second || first == other || len(first) < 20 {
		t.Errorf("%q, %q, %q; %v, %v", first, second, other, err, err2)
	}
}

// TestAStrangerAtThePortIsNamed: what listens closes the connection at once.
func TestAStrangerAtThePortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	_, err = Open(t.Context(), Options{Addresses: []string{"tcp://" + l.Addr().String()}, StateDir: t.TempDir(), ImageDir: t.TempDir()}, event.Discard{})
	if err == nil || !strings.Contains(err.Error(), "cannot be reached: ") || !strings.Contains(diag.HintOf(err), "TLS") {
		t.Errorf("error %v, hint %q", err, diag.HintOf(err))
	}
}
