package gate

import (
	"github.com/slipway-build/slipway/internal/diag"
)

// health is the gate of the health check.
func health(l Limits, s Subject) *draft {
	d := on(l.Health, "health", "a health check", s)
	if d == nil || d.unknown != "" {
		return d
	}
	d.Actual = "present"
	if !s.Image.Healthcheck {
		d.Actual = "missing"
		d.miss(l.Health.severity(), diag.Finding{Code: codeHealth, Place: diag.Place{File: s.Image.Dockerfile}, Text: prefix(s) + "the image has no health check",
			Hint: "health: {http: /health} for the service in slipway.yaml, or a HEALTHCHECK in the Dockerfile"})
	}
	return d
}
