// Package trace records what one command spends its time on, as spans of
// OpenTelemetry: the command, its services, their steps and whatever else is
// measured. It turns what it has into OTLP JSON, which the file receiver of the
// OpenTelemetry collector reads. It sends nothing anywhere, writes no
// file, and hands nothing to the engine: steps become spans from their events.
//
// A nil *Recorder records nothing, so that callers need not ask.
//
//	r := trace.New("slipway build", "v1.2.3", time.Now())
//	span := r.Start("", "planning")
//	span.End(err)
//	data, err := r.Finish(err)
package trace

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/slipway-build/slipway/internal/event"
)

// Recorder collects the spans of one command. It is safe for concurrent use.
type Recorder struct {
	tracer api.Tracer
	root   context.Context // with the span of the command

	starting sync.Mutex
	services map[string]*Span

	mu    sync.Mutex
	open  map[api.SpanID]sdk.ReadWriteSpan
	ended []sdk.ReadOnlySpan
}

// New starts the span of a command, which began at a time.
func New(command, version string, began time.Time) *Recorder {
	r := &Recorder{services: map[string]*Span{}, open: map[api.SpanID]sdk.ReadWriteSpan{}}
	provider := sdk.NewTracerProvider(
		sdk.WithSampler(sdk.AlwaysSample()), sdk.WithSpanProcessor(collector{r}), sdk.WithRawSpanLimits(sdk.SpanLimits{
			AttributeValueLengthLimit: maxText, AttributeCountLimit: -1, EventCountLimit: -1, LinkCountLimit: -1, AttributePerEventCountLimit: -1, AttributePerLinkCountLimit: -1,
		}),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "slipway"), attribute.String("service.version", version))),
	)
	r.tracer = provider.Tracer("slipway", api.WithInstrumentationVersion(version))
	r.root, _ = r.tracer.Start(context.Background(), command, api.WithTimestamp(began))
	return r
}

// maxText bounds what is kept of one text, such as that of a step, in bytes.
const maxText = 8 << 10

// Span is something that takes time.
type Span struct {
	rec   *Recorder // nil: nothing is recorded
	ctx   context.Context
	began time.Time
}

// Start begins a span of a service, or of the whole command when that is empty.
// End it.
func (r *Recorder) Start(service, name string) *Span {
	now := time.Now()
	switch {
	case r == nil:
		return &Span{began: now}
	case service == "":
		return r.child(r.root, name, now)
	}
	return r.child(r.service(service, now).ctx, name, now)
}

// service returns the span of a service, which starts now if there is none.
func (r *Recorder) service(name string, now time.Time) *Span {
	r.starting.Lock()
	defer r.starting.Unlock()
	s := r.services[name]
	if s == nil {
		s = r.child(r.root, name, now)
		r.services[name] = s
	}
	return s
}

func (r *Recorder) child(parent context.Context, name string, at time.Time, attrs ...attribute.KeyValue) *Span {
	ctx, _ := r.tracer.Start(parent, valid(name), api.WithTimestamp(at), api.WithAttributes(attrs...))
	return &Span{rec: r, ctx: ctx, began: at}
}

// End ends a span and returns how long it took.
func (s *Span) End(err error) time.Duration {
	now := time.Now()
	if s.rec != nil {
		text := ""
		if err != nil {
			text = err.Error()
		}
		s.end(now, text)
	}
	return now.Sub(s.began)
}

// valid makes text that the protocol takes, which is UTF-8.
func valid(text string) string { return strings.ToValidUTF8(text, "�") }

// end ends a span at a time; a text says what went wrong.
func (s *Span) end(at time.Time, failed string, attrs ...attribute.KeyValue) {
	span := api.SpanFromContext(s.ctx)
	span.SetAttributes(attrs...)
	if failed != "" {
		span.SetStatus(codes.Error, valid(failed))
	}
	span.End(api.WithTimestamp(at))
}

// Finish ends the command, and with it what has not ended, and returns all of
// it as one line of OTLP JSON. An error is that of the command.
func (r *Recorder) Finish(failed error) ([]byte, error) {
	now := api.WithTimestamp(time.Now())
	(&Span{rec: r, ctx: r.root}).End(failed)
	r.mu.Lock()
	open := slices.Collect(maps.Values(r.open))
	r.mu.Unlock()
	for _, s := range open {
		s.End(now)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out document
	if err := otlptrace.NewUnstarted(&out).ExportSpans(context.Background(), r.ended); err != nil {
		return nil, err
	}
	data, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(&tracepb.TracesData{ResourceSpans: out.spans})
	return append(data, '\n'), err
}

// Sink returns a sink that makes spans of services and passes all events on.
func (r *Recorder) Sink(next event.Sink) event.Sink {
	if r == nil {
		return next
	}
	return serviceSink{next, r}
}

type serviceSink struct {
	event.Sink
	rec *Recorder
}

// Emit implements event.Sink.
func (s serviceSink) Emit(e event.Event) {
	r := s.rec
	switch e := e.(type) {
	case event.ServiceStarted:
		span := api.SpanFromContext(r.service(e.Service, e.At).ctx)
		span.SetAttributes(attribute.Bool("slipway.unchanged", e.Unchanged), attribute.String("slipway.reasons", valid(strings.Join(e.Reasons, "; "))))
	case event.ServiceFinished:
		r.service(e.Service, e.At).End(e.Err) // now: what was noted of it since e.At is part of it
	}
	s.Sink.Emit(e)
}

// collector keeps all spans. It is an sdk.SpanProcessor.
type collector struct{ rec *Recorder }

// OnStart implements sdk.SpanProcessor.
func (c collector) OnStart(_ context.Context, s sdk.ReadWriteSpan) {
	c.rec.mu.Lock()
	defer c.rec.mu.Unlock()
	c.rec.open[s.SpanContext().SpanID()] = s
}

// OnEnd implements sdk.SpanProcessor.
func (c collector) OnEnd(s sdk.ReadOnlySpan) {
	c.rec.mu.Lock()
	defer c.rec.mu.Unlock()
	delete(c.rec.open, s.SpanContext().SpanID())
	c.rec.ended = append(c.rec.ended, s)
}

// Shutdown implements sdk.SpanProcessor.
func (collector) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdk.SpanProcessor.
func (collector) ForceFlush(context.Context) error { return nil }

// document takes spans in the form of the protocol. It is an otlptrace.Client.
type document struct{ spans []*tracepb.ResourceSpans }

// Start implements otlptrace.Client.
func (*document) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (*document) Stop(context.Context) error { return nil }

// UploadTraces implements otlptrace.Client. OTLP JSON has ids in hexadecimal,
// where protobuf's JSON has base64 (OTLP 1.5, "JSON Protobuf Encoding"). So an id
// becomes the bytes whose base64 is its hexadecimal form.
func (d *document) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	d.spans = spans
	for _, resource := range spans {
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				for _, id := range []*[]byte{&s.TraceId, &s.SpanId, &s.ParentSpanId} {
					bytes, err := base64.StdEncoding.DecodeString(hex.EncodeToString(*id))
					if err != nil {
						return err
					}
					*id = bytes
				}
			}
		}
	}
	return nil
}
