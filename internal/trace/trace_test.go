package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/event"
)

// file is OTLP JSON as the protocol describes it.
type file struct {
	ResourceSpans []struct {
		Resource   struct{ Attributes []field }
		ScopeSpans []struct{ Spans []span }
	}
}

type span struct {
	TraceID, SpanID, ParentSpanID      string
	Name                               string
	StartTimeUnixNano, EndTimeUnixNano string
	Attributes                         []field
	Status                             struct {
		Code    int
		Message string
	}
	Kind int
}

type field struct {
	Key   string
	Value struct {
		StringValue string
		BoolValue   bool
		IntValue    string
	}
}

// row is a span as the tests compare it.
type row struct {
	Name, Parent string
	Took         time.Duration
	Attributes   string
	Failed       string
}

var traceID, spanID = regexp.MustCompile(`^[0-9a-f]{32}$`), regexp.MustCompile(`^[0-9a-f]{16}$`)

// decode reads a file, in the order of the names of spans.
func decode(t *testing.T, data []byte) []row {
	t.Helper()
	if bytes.Count(data, []byte("\n")) != 1 || !bytes.HasSuffix(data, []byte("\n")) {
		t.Errorf("want one line, as the collector's file receiver reads it:\n%s", data)
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.ResourceSpans) != 1 || len(f.ResourceSpans[0].ScopeSpans) != 1 {
		t.Fatalf("want the spans of one resource and one scope:\n%s", data)
	}
	spans := f.ResourceSpans[0].ScopeSpans[0].Spans
	byID := map[string]span{}
	for _, s := range spans {
		byID[s.SpanID] = s
		if !traceID.MatchString(s.TraceID) || !spanID.MatchString(s.SpanID) || s.TraceID != spans[0].TraceID {
			t.Errorf("%s: trace %q, span %q", s.Name, s.TraceID, s.SpanID)
		}
	}
	if len(byID) != len(spans) {
		t.Errorf("%d spans have %d ids", len(spans), len(byID))
	}
	var rows []row
	for _, s := range spans {
		parent, ok := byID[s.ParentSpanID]
		if !ok && s.ParentSpanID != "" {
			t.Errorf("%s has a parent %q that is not there", s.Name, s.ParentSpanID)
		}
		rows = append(rows, row{s.Name, parent.Name, at(t, s.EndTimeUnixNano).Sub(at(t, s.StartTimeUnixNano)), texts(s.Attributes), s.Status.Message})
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Name+a.Parent, b.Name+b.Parent) })
	return rows
}

func at(t *testing.T, nanoseconds string) time.Time {
	t.Helper()
	n, err := strconv.ParseInt(nanoseconds, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(0, n)
}

func texts(attrs []field) string {
	var out []string
	for _, a := range attrs {
		value := a.Value.StringValue + a.Value.IntValue
		if value == "" {
			value = fmt.Sprint(a.Value.BoolValue)
		}
		out = append(out, strings.TrimPrefix(a.Key, "slipway.")+"="+value)
	}
	return strings.Join(out, " ")
}

func TestABuildBecomesATree(t *testing.T) {
	began := time.Now().Add(-time.Hour)
	r := New("slipway build", "v1", began)
	sink := r.Sink(event.Discard{})
	r.Start("web", "fingerprint").End(nil)
	sink.Emit(event.ServiceStarted{Service: "web", At: began})
	build := r.Start("web", "build")
	steps, stop := build.Steps(sink)
	steps.Emit(event.StepStarted{Service: "web", Key: "sha256:1", Stage: "builder", Step: "RUN npm ci\nmore", Index: 2, Total: 3, At: began.Add(time.Second)})
	steps.Emit(event.StepStarted{Service: "web", Key: "sha256:2", Step: "exporting to oci image format", At: began.Add(time.Second)})
	steps.Emit(event.StepStarted{Service: "web", Key: "sha256:3", Platform: "linux/arm64", Step: "stopped", At: time.Now()})
	steps.Emit(event.StepFinished{Service: "web", Key: "sha256:1", Cached: true, Duration: 3 * time.Second})
	steps.Emit(event.StepFinished{Service: "web", Key: "sha256:2", Duration: 5 * time.Second, Err: "disk full"})
	steps.Emit(event.StepFinished{Service: "web", Key: "sha256:4", Duration: time.Second}) // of which no start was told
	stop()
	build.End(errors.New("disk full"))
	sink.Emit(event.ServiceFinished{Service: "web", At: time.Now(), Err: errors.New("disk full")})
	sink.Emit(event.ServiceStarted{Service: "api", At: began.Add(time.Minute), Unchanged: true})
	sink.Emit(event.ServiceFinished{Service: "api", At: time.Now(), Unchanged: true})
	sink.Emit(event.ServiceStarted{Service: "never", At: time.Now()}) // ends with the command
	data, err := r.Finish(errors.New("building web failed"))
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, data)
	for i := range got {
		if got[i].Took < 0 || got[i].Name == "slipway build" && got[i].Took < time.Hour {
			t.Errorf("%s took %v", got[i].Name, got[i].Took)
		}
		if got[i].Took != 3*time.Second && got[i].Took != 5*time.Second {
			got[i].Took = 0
		}
	}
	want := []row{
		{"RUN npm ci", "build", 3 * time.Second, "step=RUN npm ci\nmore step.digest=sha256:1 stage=builder step.index=2 step.total=3 cached=true", ""},
		{"api", "slipway build", 0, "unchanged=true reasons=false", ""},
		{"build", "web", 0, "", "disk full"},
		{"exporting to oci image format", "build", 5 * time.Second, "step=exporting to oci image format step.digest=sha256:2 cached=false", "disk full"},
		{"fingerprint", "web", 0, "", ""},
		{"never", "slipway build", 0, "unchanged=false reasons=false", ""},
		{"slipway build", "", 0, "", "building web failed"},
		{"stopped", "build", 0, "step=stopped step.digest=sha256:3 platform=linux/arm64 stopped=true", ""},
		{"web", "slipway build", 0, "unchanged=false reasons=false", "disk full"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s\n%s", diff, data)
	}
}

func TestNothingIsRecordedWithoutARecorder(t *testing.T) {
	var r *Recorder
	next := event.Discard{}
	if r.Sink(next) != event.Sink(next) {
		t.Error("the sink is another one")
	}
	span := r.Start("web", "build")
	steps, stop := span.Steps(next)
	if steps != event.Sink(next) {
		t.Error("the sink of steps is another one")
	}
	stop()
	if took := span.End(nil); took < 0 || took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

func TestManyServicesAtOnce(t *testing.T) {
	r := New("slipway build", "v1", time.Now())
	sink := r.Sink(event.Discard{})
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			service := fmt.Sprint("s", i)
			steps, stop := r.Start(service, "build").Steps(sink)
			steps.Emit(event.StepStarted{Service: service, Key: "1", Step: "RUN true", At: time.Now()})
			steps.Emit(event.StepFinished{Service: service, Key: "1"})
			stop()
			sink.Emit(event.ServiceFinished{Service: service, At: time.Now()})
		})
	}
	group.Wait()
	data, err := r.Finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(decode(t, data)); got != 151 { // though no build was ended
		t.Errorf("%d spans, want the command, and 50 services with a build and a step each", got)
	}
}

// A name that is not UTF-8 would make the whole file impossible.
func TestTextsThatAreNoText(t *testing.T) {
	r := New("slipway build", "v1", time.Now())
	r.Start("caf\xe9", "build \xff").End(errors.New("no \xfe"))
	r.Sink(event.Discard{}).Emit(event.ServiceStarted{Service: "x", At: time.Now(), Reasons: []string{"caf\xe9.ts changed"}})
	steps, _ := r.Start("", "x").Steps(event.Discard{})
	steps.Emit(event.StepStarted{Key: "1", Stage: "\xff", Step: "RUN \xff" + strings.Repeat("é", 10000), At: time.Now()})
	steps.Emit(event.StepFinished{Key: "1", Err: "\xff"})
	data, err := r.Finish(errors.New("\xff"))
	if err != nil {
		t.Fatal(err)
	}
	decode(t, data)
}
