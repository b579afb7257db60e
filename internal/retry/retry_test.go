package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/retry"
)

// busy is an answer that may pass.
type busy struct {
	passes bool
	after  time.Duration
}

func (b busy) Error() string             { return "busy" }
func (b busy) Temporary() bool           { return b.passes }
func (b busy) RetryAfter() time.Duration { return b.after }

func TestDo(t *testing.T) {
	fatal := errors.New("never")
	ms := time.Millisecond
	for _, c := range []struct {
		name    string
		policy  retry.Policy
		answers []error // the last one again and again
		want    error
		waits   []time.Duration
	}{
		{"success at once", retry.Policy{Attempts: 3, First: ms}, []error{nil}, nil, nil},
		{"a lasting error", retry.Policy{Attempts: 3, First: ms}, []error{fatal}, fatal, nil},
		{"one that says it lasts", retry.Policy{Attempts: 3, First: ms}, []error{busy{}}, busy{}, nil},
		{"passes, wrapped", retry.Policy{Attempts: 3, First: ms}, []error{fmt.Errorf("x: %w", busy{passes: true}), nil}, nil, []time.Duration{ms}},
		{"zero value", retry.Policy{}, []error{busy{passes: true}}, busy{passes: true}, nil},
		{"attempts end it", retry.Policy{Attempts: 4, First: ms}, []error{busy{passes: true}}, busy{passes: true}, []time.Duration{ms, 2 * ms, 4 * ms}},
		{"factor and longest", retry.Policy{Attempts: 5, First: ms, Factor: 3, Longest: 5 * ms}, []error{busy{passes: true}}, busy{passes: true}, []time.Duration{ms, 3 * ms, 5 * ms, 5 * ms}},
		{"total ends it", retry.Policy{Attempts: 9, First: ms, Total: 4 * ms}, []error{busy{passes: true}}, busy{passes: true}, []time.Duration{ms, 2 * ms}},
		{"asked for", retry.Policy{Attempts: 2, First: ms}, []error{busy{true, 7 * ms}}, busy{true, 7 * ms}, []time.Duration{7 * ms}},
		{"asked for less than the backoff", retry.Policy{Attempts: 2, First: 3 * ms}, []error{busy{true, ms}, nil}, nil, []time.Duration{3 * ms}},
		{"longest does not bound what was asked", retry.Policy{Attempts: 2, First: ms, Longest: ms}, []error{busy{true, 9 * ms}, nil}, nil, []time.Duration{9 * ms}},
		{"asked for too much", retry.Policy{Attempts: 2, First: ms, Asked: 5 * ms}, []error{busy{true, 9 * ms}}, busy{true, 9 * ms}, nil},
		{"own judgement", retry.Policy{Attempts: 2, First: ms, If: func(err error) bool { return err == fatal }}, []error{fatal, nil}, nil, []time.Duration{ms}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var waits, noted []time.Duration
			c.policy.Sleep = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
			c.policy.Note = func(_ error, d time.Duration) { noted = append(noted, d) }
			n := 0
			err := c.policy.Do(t.Context(), func(context.Context) error {
				n++
				return c.answers[min(n, len(c.answers))-1]
			})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if !slices.Equal(waits, c.waits) || !slices.Equal(noted, c.waits) {
				t.Errorf("waits %v, noted %v, want %v", waits, noted, c.waits)
			}
			if n != len(c.waits)+1 {
				t.Errorf("%d attempts", n)
			}
		})
	}
}

func TestTooLongNamesBoth(t *testing.T) {
	err := retry.Policy{Attempts: 2, Asked: time.Second}.Do(t.Context(), func(context.Context) error { return busy{true, time.Hour} })
	var long *retry.TooLong
	if !errors.As(err, &long) || long.Asked != time.Hour || err.Error() != "busy, and asks to wait for 1h0m0s" {
		t.Errorf("got %v", err)
	}
}

func TestDoStopsWithTheContext(t *testing.T) {
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	policy := retry.Policy{Attempts: 5, First: time.Hour, Note: func(error, time.Duration) { cancel(interrupted) }}
	if err := policy.Do(ctx, func(context.Context) error { return busy{passes: true} }); !errors.Is(err, interrupted) {
		t.Errorf("cancelled during a wait: %v", err)
	}
	n := 0
	if err := policy.Do(ctx, func(context.Context) error { n++; return busy{passes: true} }); err != (busy{passes: true}) || n != 1 {
		t.Errorf("cancelled before: %v after %d attempts", err, n)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Nanosecond)
	defer stop()
	policy.Note, n = nil, 0
	err := policy.Do(ctx, func(ctx context.Context) error { n++; return busy{passes: true} })
	if err != (busy{passes: true}) || n != 1 {
		t.Errorf("at the deadline: %v after %d attempts", err, n)
	}
}

func TestAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, " 10 ": 10 * time.Second, "-1": 0, "soon": 0, "99999999999": (1 << 20) * time.Second,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		if got := retry.After(header, now); got != want {
			t.Errorf("After(%q) = %s, want %s", header, got, want)
		}
	}
}

func FuzzAfter(f *testing.F) {
	for _, seed := range []string{"", "3", "Sun, 01 Mar 2026 12:00:30 GMT", "-9223372036854775808"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if d := retry.After(header, time.Unix(0, 0)); d < 0 {
			t.Errorf("After(%q) = %s", header, d)
		}
	})
}
