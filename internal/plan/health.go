package plan

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/pattern"
)

// HealthCheck says how to ask a running service for its readiness. It sets at
// most one of GRPC, HTTP, TCP and Command; without any it asks for nothing.
//
// slipway.yaml, the image's HEALTHCHECK, `slipway run` and deployments share
// this type and its defaults, so that a service has one health everywhere.
type HealthCheck struct {
	GRPC    *string  `json:"grpc,omitempty"`    // a name of the standard health service; "" is the server as a whole
	HTTP    string   `json:"http,omitempty"`    // path
	TCP     bool     `json:"tcp,omitempty"`     // the port accepts
	Command []string `json:"command,omitempty"` // in the container
	TLS     bool     `json:"tls,omitempty"`     // GRPC or HTTP over TLS; the certificate is not verified
	Health
}

// Health is the timing of a health check. Zero values mean the default.
type Health struct {
	Interval    time.Duration `json:"interval_ns,omitempty"`
	Timeout     time.Duration `json:"timeout_ns,omitempty"`
	StartPeriod time.Duration `json:"start_period_ns,omitempty"` // failures in it do not count; a success ends it
	Retries     int           `json:"retries,omitempty"`         // failures in a row that make a service unhealthy
}

// The timing of a check that says nothing else. The interval is a third of the
// Docker Engine's, because a fleet is up as soon as its slowest probe says so.
const (
	DefaultInterval = 10 * time.Second
	DefaultTimeout  = 3 * time.Second
	DefaultRetries  = 3
	StartPeriod     = 15 * time.Second // of programs that load nothing
	SlowStart       = 60 * time.Second // of virtual machines that compile while they start, and of programs that load a model
)

// StartPeriodOf is the default start period of an ecosystem's services.
func StartPeriodOf(ecosystem string) time.Duration {
	if ecosystem == "java" {
		return SlowStart
	}
	return StartPeriod
}

// WithDefaults fills in what the timing leaves open.
func (h Health) WithDefaults() Health {
	return h.Over(Health{DefaultInterval, DefaultTimeout, StartPeriod, DefaultRetries})
}

// Over fills in what the timing leaves open from another.
func (h Health) Over(under Health) Health {
	return Health{
		Interval:    cmp.Or(h.Interval, under.Interval),
		Timeout:     cmp.Or(h.Timeout, under.Timeout),
		StartPeriod: cmp.Or(h.StartPeriod, under.StartPeriod),
		Retries:     cmp.Or(h.Retries, under.Retries),
	}
}

// Asks reports whether the check asks for anything.
func (c HealthCheck) Asks() bool {
	return c.GRPC != nil || c.HTTP != "" || c.TCP || len(c.Command) > 0
}

// Describe says in a few words what the check asks; empty when for nothing.
func (c HealthCheck) Describe() string {
	over := ""
	if c.TLS {
		over = " over TLS"
	}
	switch {
	case c.GRPC != nil && *c.GRPC == "":
		return "gRPC (whole server)" + over
	case c.GRPC != nil:
		return "gRPC " + *c.GRPC + over
	case c.HTTP != "":
		return "HTTP " + c.HTTP + over
	case c.TCP:
		return "TCP"
	case len(c.Command) > 0:
		return "command " + strings.Join(c.Command, " ")
	}
	return ""
}

// YAML is the check as slipway.yaml writes it, without its timing: the value of
// health:. It is empty for a check that asks for nothing.
func (c HealthCheck) YAML() string {
	text := ""
	switch {
	case c.GRPC != nil && *c.GRPC == "":
		text = `grpc: ""`
	case c.GRPC != nil:
		text = "grpc: " + *c.GRPC
	case c.HTTP != "":
		text = "http: " + yamlPath(c.HTTP)
	case c.TCP:
		text = "tcp: true"
	case len(c.Command) > 0:
		text = "command: [PROGRAM]"
	default:
		return ""
	}
	if c.TLS {
		text += ", tls: true"
	}
	return "{" + text + "}"
}

// yamlPath quotes a path that a map on one line would not keep whole.
func yamlPath(path string) string {
	if plainPath().MatchString(path) {
		return path
	}
	return strconv.Quote(path)
}

var plainPath = pattern.Lazy(`^[A-Za-z0-9_./-]+$`)
