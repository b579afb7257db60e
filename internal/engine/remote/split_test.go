package remote

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/platforms"
	"github.com/google/go-cmp/cmp"
	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/engine/conformance"
	"github.com/slipway-build/slipway/internal/event"
)

func TestPlatformsAreDividedWhereThePoolIsBetterThanItsBestNode(t *testing.T) {
	const amd, arm, power, risc = "linux/amd64", "linux/arm64", "linux/ppc64le", "linux/riscv64"
	for name, c := range map[string]struct {
		nodes  [][]string // the platforms of each; none: it is aside
		wanted []string
		want   [][]string // the platforms of each part; none: it stays whole
	}{
		"one platform":                            {[][]string{{amd}, {arm}}, []string{arm}, nil},
		"one machine":                             {[][]string{{amd, arm}}, []string{amd, arm}, nil},
		"two machines of a kind":                  {[][]string{{amd, arm}, {amd, arm}}, []string{amd, arm}, nil},
		"a machine for each":                      {[][]string{{amd}, {arm}}, []string{amd, arm}, [][]string{{amd}, {arm}}},
		"in the order of the request":             {[][]string{{amd}, {arm}}, []string{arm, amd}, [][]string{{arm}, {amd}}},
		"one emulates what the other is":          {[][]string{{amd, arm}, {arm, amd}}, []string{amd, arm}, [][]string{{amd}, {arm}}},
		"one can do what the other cannot":        {[][]string{{amd}, {power, arm}}, []string{amd, arm}, [][]string{{amd}, {arm}}},
		"nobody is better for the other":          {[][]string{{amd}, {power}}, []string{amd, arm}, nil},
		"the other is aside":                      {[][]string{{amd}, {}}, []string{amd, arm}, nil},
		"all are aside":                           {[][]string{{}, {}}, []string{amd, arm}, nil},
		"what has the same best node is together": {[][]string{{amd, risc}, {arm}}, []string{risc, arm, amd}, [][]string{{risc, amd}, {arm}}},
		"one is best for all":                     {[][]string{{amd, arm}, {power, amd, arm}}, []string{amd, arm}, nil},
	} {
		e := &Engine{nodes: pool(len(c.nodes))}
		for i, texts := range c.nodes {
			e.nodes[i].aside, e.nodes[i].platforms = len(texts) == 0, nil
			for _, p := range texts {
				e.nodes[i].platforms = append(e.nodes[i].platforms, platforms.MustParse(p))
			}
		}
		parts, err := e.split(engine.Request{Name: "web", Platforms: c.wanted}, event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for _, p := range parts {
			got = append(got, p.Platforms)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatOneBuildKitHasToWriteIsNotDivided(t *testing.T) {
	e := &Engine{nodes: pool(2)}
	e.nodes[1].platforms = []ocispecs.Platform{platforms.MustParse("linux/arm64")}
	both := []string{"linux/amd64", "linux/arm64"}
	for _, c := range []struct {
		req         engine.Request
		parts, said int
	}{
		{engine.Request{}, 2, 0},
		{engine.Request{CacheFrom: []string{"registry.example/cache:web"}}, 2, 0},
		{engine.Request{Output: engine.Output{Kind: engine.OutputNone}}, 2, 0},
		{engine.Request{CacheTo: []string{"registry.example/cache:web"}}, 0, 1},
		{engine.Request{Output: engine.Output{Kind: engine.OutputOCI}}, 0, 0},
		{engine.Request{Output: engine.Output{Kind: engine.OutputLocal}}, 0, 0},
	} {
		rec := &conformance.Recorder{}
		c.req.Platforms = both
		parts, err := e.split(c.req, rec)
		if err != nil || len(parts) != c.parts || len(rec.Events()) != c.said {
			t.Errorf("%+v: %d parts, events %v, error %v", c.req, len(parts), rec.Events(), err)
		}
	}
	if _, err := e.split(engine.Request{Platforms: []string{"linux/amd64", "a/b/c/d"}}, event.Discard{}); err == nil {
		t.Error("an unknown platform is divided")
	}
}

// machine is a BuildKit of one platform whose builds make images of nothing.
type machine struct {
	fake
	platform string
	images   string                                            // the store of the engine: it writes there itself
	before   func(ctx context.Context, platforms string) error // what a build waits for

	mu    sync.Mutex
	built []string
}

// ListWorkers implements controlapi.ControlServer, as do the following.
func (m *machine) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	p := platforms.MustParse(m.platform)
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{ID: "one", Platforms: []*pb.Platform{{OS: p.OS, Architecture: p.Architecture}}}}}, nil
}

func (m *machine) Session(s grpc.BidiStreamingServer[controlapi.BytesMessage, controlapi.BytesMessage]) error {
	for {
		if _, err := s.Recv(); err != nil {
			return nil // the client is done
		}
	}
}

// Status tells of one step that every build has.
func (m *machine) Status(_ *controlapi.StatusRequest, s grpc.ServerStreamingServer[controlapi.StatusResponse]) error {
	now := timestamppb.Now()
	return s.Send(&controlapi.StatusResponse{Vertexes: []*controlapi.Vertex{{Digest: string(digest.FromString("step")), Name: "[1/1] RUN true", Started: now, Completed: now}}})
}

func (m *machine) Solve(ctx context.Context, r *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	list := r.FrontendAttrs["platform"]
	m.mu.Lock()
	m.built = append(m.built, list)
	m.mu.Unlock()
	if m.before != nil {
		if err := m.before(ctx, list); err != nil {
			return nil, err
		}
	}
	if len(r.Exporters) == 0 {
		return &controlapi.SolveResponse{}, nil
	}
	data := indexOf(strings.Split(list, ",")...)
	desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageIndex, Digest: digest.FromBytes(data), Size: int64(len(data))}
	dir := filepath.Join(m.images, "blobs", "sha256")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, desc.Digest.Encoded()), data, 0o644)); err != nil {
		return nil, err
	}
	text, err := json.Marshal(desc)
	return &controlapi.SolveResponse{ExporterResponse: map[string]string{exptypes.ExporterImageDescriptorKey: base64.StdEncoding.EncodeToString(text)}}, err
}

// indexOf is what BuildKit writes for an image of each platform.
func indexOf(list ...string) []byte {
	index := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex}
	for _, text := range list {
		p := platforms.MustParse(text)
		index.Manifests = append(index.Manifests, ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString(text), Size: 2, Platform: &p})
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		panic(err)
	}
	return data
}

// machines opens a pool of one machine of each platform.
func machines(t *testing.T, before func(ctx context.Context, platforms string) error, list ...string) (*Engine, []*machine) {
	t.Helper()
	o := Options{StateDir: t.TempDir(), ImageDir: t.TempDir()}
	var all []*machine
	for _, p := range list {
		m := &machine{fake: fake{version: "v0.33.1"}, platform: p, images: o.ImageDir, before: before}
		all = append(all, m)
		o.Addresses = append(o.Addresses, serve(t, m))
	}
	e, err := Open(t.Context(), o, event.Discard{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, all
}

func bothPlatforms(t *testing.T) engine.Request {
	return engine.Request{Name: "web", Context: t.TempDir(), Dockerfile: []byte("FROM scratch\n"), Platforms: []string{"linux/arm64", "linux/amd64"}}
}

// notAtOnce is a sink for one build, whose events come one by one: else it is a race.
type notAtOnce struct{ events []event.Event }

// Emit implements event.Sink.
func (n *notAtOnce) Emit(e event.Event) { n.events = append(n.events, e) }

func TestEachMachineBuildsForItselfAndTheImagesComeTogether(t *testing.T) {
	e, all := machines(t, nil, "linux/amd64", "linux/arm64")
	rec := &notAtOnce{}
	req := bothPlatforms(t)
	got, err := e.Build(t.Context(), req, rec)
	if err != nil {
		t.Fatal(err)
	}
	data := indexOf(req.Platforms...)
	want := engine.Result{Digest: digest.FromBytes(data).String(), MediaType: ocispecs.MediaTypeImageIndex, SizeBytes: int64(len(data)), Steps: 2, Duration: got.Duration}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if stored, err := os.ReadFile(filepath.Join(e.opts.ImageDir, "blobs", "sha256", strings.TrimPrefix(got.Digest, "sha256:"))); err != nil || string(stored) != string(data) {
		t.Errorf("stored %s, %v", stored, err)
	}
	if diff := cmp.Diff([][]string{{"linux/amd64"}, {"linux/arm64"}}, [][]string{all[0].built, all[1].built}); diff != "" {
		t.Errorf("built (-want +got):\n%s", diff)
	}
	keys := map[string]int{}
	for _, ev := range rec.events {
		switch ev := ev.(type) {
		case event.StepStarted:
			keys[ev.Key]++
		case event.StepFinished:
			keys[ev.Key]++
		}
	}
	if len(keys) != 2 {
		t.Errorf("events %v, want those of a step on each node", rec.events)
	}

	req.Output.Kind = engine.OutputNone
	if got, err := e.Build(t.Context(), req, event.Discard{}); err != nil || got.Digest != "" || got.Steps != 2 {
		t.Errorf("without an image: %+v, %v", got, err)
	}
}

func TestAPlatformThatFailsIsNamedAndStopsTheOthers(t *testing.T) {
	begun := make(chan struct{})
	e, _ := machines(t, func(ctx context.Context, platforms string) error {
		if platforms == "linux/amd64" {
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		}
		<-begun
		return errors.New("no room")
	}, "linux/amd64", "linux/arm64")
	if _, err := e.Build(t.Context(), bothPlatforms(t), event.Discard{}); err == nil || !strings.HasPrefix(err.Error(), "linux/arm64: ") || !strings.Contains(err.Error(), "no room") {
		t.Errorf("error %v", err)
	}
}

func TestAStepThatIsStoppedWithItsBuildDidNotFail(t *testing.T) {
	over, got := make(chan struct{}), &notAtOnce{}
	sink := partSink{&oneByOne{sink: got, over: over}, "1/"}
	failed, note := event.StepFinished{Service: "web", Key: "a", Err: "the session is gone"}, event.Note{Text: "lost"}
	sink.Emit(failed)
	close(over)
	sink.Emit(failed)
	sink.Emit(note)
	failed.Key = "1/a"
	if diff := cmp.Diff([]event.Event{failed, note}, got.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestAnInterruptedBuildInPartsIsJustInterrupted(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	why := errors.New("the person said so")
	e, _ := machines(t, func(ctx context.Context, _ string) error {
		stop(why)
		<-ctx.Done()
		return ctx.Err()
	}, "linux/amd64", "linux/arm64")
	if _, err := e.Build(ctx, bothPlatforms(t), event.Discard{}); err != why {
		t.Errorf("error %v, want %v", err, why)
	}
}

func TestThePartOfALostMachineGoesToAnother(t *testing.T) {
	var once sync.Once
	e, all := machines(t, func(_ context.Context, platforms string) (err error) {
		if platforms == "linux/arm64" {
			once.Do(func() { err = status.Error(codes.Unavailable, "going away") })
		}
		return err
	}, "linux/amd64", "linux/arm64")
	rec := &conformance.Recorder{}
	req := bothPlatforms(t)
	got, err := e.Build(t.Context(), req, rec)
	if err != nil {
		t.Fatal(err)
	}
	if want := digest.FromBytes(indexOf(req.Platforms...)).String(); got.Digest != want {
		t.Errorf("digest %s, want %s", got.Digest, want)
	}
	slices.Sort(all[0].built)
	if diff := cmp.Diff([][]string{{"linux/amd64", "linux/arm64"}, {"linux/arm64"}}, [][]string{all[0].built, all[1].built}); diff != "" {
		t.Errorf("built (-want +got):\n%s", diff)
	}
	if text := fmt.Sprint(rec.Events()); !strings.Contains(text, "was lost while it built web") {
		t.Errorf("events %s", text)
	}
}
