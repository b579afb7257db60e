package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the proxy's own; nothing is registered globally.
type metrics struct {
	registry       *prometheus.Registry
	requests       *prometheus.CounterVec
	refusals       *prometheus.CounterVec
	seconds        *prometheus.HistogramVec
	inFlight       *prometheus.GaugeVec
	waiting        *prometheus.GaugeVec
	retries        *prometheus.CounterVec
	bytes          *prometheus.CounterVec
	connections    *prometheus.GaugeVec
	dropped        prometheus.Counter
	reloadFailures prometheus.Counter
}

func newMetrics() *metrics {
	const prefix = "slipway_proxy_"
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: prefix + name, Help: help}
	}
	side := []string{"service", "side"}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(counter("requests_total",
			"Requests and TCP connections that ended, by class of their status; that of gRPC counts as its HTTP equivalent."), append(side, "code")),
		refusals: prometheus.NewCounterVec(counter("refusals_total",
			"Requests that the proxy answered before they belonged to a side."), []string{"service", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + "request_duration_seconds",
			Help:    "Time until the headers of the answer, or until a TCP connection to the upstream.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, side),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "in_flight", Help: "Open requests and TCP connections."}, side),
		waiting:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "waiting", Help: "Requests that wait for the end of a pause."}, []string{"service"}),
		retries:  prometheus.NewCounterVec(counter("retries_total", "Attempts at another upstream."), side),
		bytes: prometheus.NewCounterVec(counter("bytes_total",
			"Bytes of bodies and connections, in from clients and out to them."), append(side, "direction")),
		connections:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "connections", Help: "Open connections of clients."}, []string{"listener"}),
		dropped:        prometheus.NewCounter(counter("access_log_dropped_total", "Lines of the access log that were dropped because its writer was slow.")),
		reloadFailures: prometheus.NewCounter(counter("certificate_reload_failures_total", "Changed certificate files that could not be read.")),
	}
	m.registry.MustRegister(m.requests, m.refusals, m.seconds, m.inFlight, m.waiting, m.retries, m.bytes, m.connections, m.dropped, m.reloadFailures)
	return m
}

// class is the class of an outcome; the value of the label code.
type class int

const (
	class1xx class = iota
	class2xx
	class3xx
	class4xx
	class5xx
	classTCP  // a connection with an upstream
	classGone // the client went away first
	classCut  // by Drain or Close
	classes
)

func (c class) String() string {
	return [...]string{"1xx", "2xx", "3xx", "4xx", "5xx", "tcp", "gone", "cut"}[c]
}

// sideMetrics are those of one side, found once.
type sideMetrics struct {
	requests [classes]prometheus.Counter
	seconds  prometheus.Observer
	inFlight prometheus.Gauge
	retries  prometheus.Counter
	in, out  prometheus.Counter
}

func (m *metrics) side(service, side string) sideMetrics {
	s := sideMetrics{
		seconds: m.seconds.WithLabelValues(service, side), inFlight: m.inFlight.WithLabelValues(service, side),
		retries: m.retries.WithLabelValues(service, side),
		in:      m.bytes.WithLabelValues(service, side, "in"), out: m.bytes.WithLabelValues(service, side, "out"),
	}
	for c := range classes {
		s.requests[c] = m.requests.WithLabelValues(service, side, c.String())
	}
	return s
}

// forget removes what there is about a service, or one side of it.
func (m *metrics) forget(service, side string) {
	labels := prometheus.Labels{"service": service}
	if side != "" {
		labels["side"] = side
	} else {
		m.refusals.DeletePartialMatch(labels)
		m.waiting.DeletePartialMatch(labels)
	}
	m.requests.DeletePartialMatch(labels)
	m.seconds.DeletePartialMatch(labels)
	m.inFlight.DeletePartialMatch(labels)
	m.retries.DeletePartialMatch(labels)
	m.bytes.DeletePartialMatch(labels)
}

// refuse counts a request that got no side.
func (m *metrics) refuse(s *service, r reason) {
	name := ""
	if s != nil {
		name = s.name
	}
	m.refusals.WithLabelValues(name, string(r)).Inc()
}

// outcome is how a request or TCP connection ended.
type outcome struct {
	status  int    // of HTTP; 0: there was none
	grpc    int    // -1: not gRPC
	tcp     bool   // instead of HTTP
	reason  reason // "": an upstream answered
	whole   bool   // the answer did not break off
	in, out int64  // bytes
	took    time.Duration
	total   time.Duration
}

func (o outcome) class() class {
	switch {
	case o.reason == reasonGone:
		return classGone
	case o.reason == reasonDrained:
		return classCut
	case o.tcp && o.reason == "":
		return classTCP
	case o.tcp || !o.whole || o.status >= 500:
		return class5xx
	case o.grpc > 0:
		return ofGRPC(o.grpc)
	}
	return max(class1xx, class(o.status/100-1))
}

// ofGRPC is the class of a gRPC status, as google.rpc.Code maps it to HTTP.
func ofGRPC(status int) class {
	switch status {
	case 1: // CANCELLED, by the client
		return classGone
	case 2, 4, 12, 13, 14, 15: // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS
		return class5xx
	}
	return class4xx
}

// observe counts the end of a request.
func (sd *side) observe(now time.Time, o outcome) {
	c := o.class()
	sd.metrics.requests[c].Inc()
	sd.metrics.in.Add(float64(o.in))
	sd.metrics.out.Add(float64(o.out))
	if c == classGone || c == classCut { // says nothing about the side
		return
	}
	sd.metrics.seconds.Observe(o.took.Seconds())
	sd.window.add(now, o.took, c == class5xx)
}
