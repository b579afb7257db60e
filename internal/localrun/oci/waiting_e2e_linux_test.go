package oci

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestWaitReady starts one service and waits for it: slow ones have their start
// period, and the limit that the caller gives.
func TestWaitReady(t *testing.T) {
	needRoot(t)
	after := func(d string) map[string]string { return map[string]string{"LISTEN_AFTER": d} }
	mode := func(m string) map[string]string { return map[string]string{"MODE": m} }
	short := plan.Health{StartPeriod: 300 * time.Millisecond, Interval: 200 * time.Millisecond, Retries: 2}
	long := plan.Health{StartPeriod: 5 * time.Second, Interval: 200 * time.Millisecond, Retries: 1}
	for name, c := range map[string]struct {
		env    map[string]string
		check  plan.HealthCheck
		limit  time.Duration
		within time.Duration
		want   []string // of the error; nil: ready
	}{
		"within the start period":            {after("2s"), plan.HealthCheck{TCP: true, Health: long}, 0, 4*time.Second + localrun.Settle, nil},
		"after the start period":             {after("8s"), plan.HealthCheck{TCP: true, Health: short}, 0, 4 * time.Second, []string{"1 of 1 services failed", "is unhealthy", "health: {start_period: 1m}"}},
		"after it and within the limit":      {after("2s"), plan.HealthCheck{TCP: true, Health: short}, 20 * time.Second, 6 * time.Second, nil},
		"after the limit":                    {after("8s"), plan.HealthCheck{TCP: true, Health: long}, time.Second, 4 * time.Second, []string{"1 of 1 services are not ready after 1s", "--timeout"}},
		"unhealthy until the limit":          {mode("ill"), plan.HealthCheck{HTTP: "/health", Health: short}, 2 * time.Second, 5 * time.Second, []string{"not ready after 2s", "is unhealthy", "answered 503"}},
		"ended":                              {mode("fail"), plan.HealthCheck{TCP: true, Health: long}, 20 * time.Second, 5 * time.Second, []string{"ended before it was ready: exit code 7"}},
		"HTTP over TLS":                      {mode("tls"), plan.HealthCheck{HTTP: "/health", TLS: true, Health: short}, 0, 4 * time.Second, nil},
		"HTTP in plain text of a TLS server": {mode("tls"), plan.HealthCheck{HTTP: "/health", Health: short}, 0, 5 * time.Second, []string{"it speaks TLS on its port 8080", "health: {http: /health, tls: true}"}},
		"gRPC in plain text of a TLS server": {mode("tls"), plan.HealthCheck{GRPC: new(""), Health: short}, 0, 5 * time.Second, []string{"it speaks TLS on its port 8080", `health: {grpc: "", tls: true}`}},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			run, err := newRuntime(t, state).Start(t.Context(), localrun.Group{Name: "g", Services: []localrun.Spec{{Name: "s", Port: 8080, Env: c.env, Health: c.check}}}, false, &scribe{t: t})
			if err != nil {
				t.Fatal(err)
			}
			defer run.Stop() //nolint:errcheck // a second call returns what the first did
			began := time.Now()
			err = run.WaitReady(t.Context(), c.limit)
			if took := time.Since(began); took > c.within {
				t.Errorf("it waited %v", took)
			}
			if (err == nil) != (c.want == nil) {
				t.Errorf("error %v", err)
			}
			if err != nil {
				for _, want := range c.want {
					if text := err.Error() + "\n" + diag.HintOf(err); !strings.Contains(text, want) {
						t.Errorf("%q is not in %s", want, text)
					}
				}
			}
			if err := run.Stop(); err != nil {
				t.Error(err)
			}
			expectNothingLeft(t, state, "g")
		})
	}
}
