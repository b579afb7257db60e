// Package retry repeats what may succeed later: with growing waits, as long as
// the other side asks to (Retry-After), up to a number of attempts and a total
// time, and only while the context lives.
//
// Only the caller can say that an operation may be repeated; an error says by a
// method that it may pass. Nothing here knows HTTP but the form of one header.
//
//	err := retry.Policy{Attempts: 4, First: 250 * time.Millisecond, Total: time.Minute}.Do(ctx, fetch)
package retry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Policy bounds how often and how long an operation is repeated. It is a value;
// Do may run many times at once.
type Policy struct {
	Attempts int           // at most, the first included; 0 and 1 mean no repetition
	First    time.Duration // the wait after the first attempt
	Factor   int           // by which each further wait is longer; 0 is 2
	Longest  time.Duration // a wait that nobody asked for; 0: no limit
	Total    time.Duration // all waits together; 0: no limit
	Asked    time.Duration // the longest Retry-After that is followed; 0: any that fits into Total

	If    func(error) bool                                 // whether to repeat; nil: errors whose Temporary() is true
	Note  func(err error, wait time.Duration)              // hears of each wait before it begins; may be nil
	Sleep func(ctx context.Context, d time.Duration) error // nil: Sleep; tests pass their own
}

// TooLong says that the other side asked for a wait that the policy does not allow.
type TooLong struct {
	Err   error // the last one of the operation
	Asked time.Duration
}

func (e *TooLong) Error() string { return fmt.Sprintf("%s, and asks to wait for %s", e.Err, e.Asked) }
func (e *TooLong) Unwrap() error { return e.Err }

// Temporary reports whether an error, or one that it wraps, says by a method
// Temporary() bool that it may pass.
func Temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// asked returns the wait that an error asks for by a method RetryAfter(), or 0.
func asked(err error) time.Duration {
	var t interface{ RetryAfter() time.Duration }
	if errors.As(err, &t) {
		return t.RetryAfter()
	}
	return 0
}

// Do runs try until it succeeds, fails for good, or the policy ends it; then the
// last error comes back. A context that is cancelled during a wait returns its
// cause; one whose deadline passes returns the last error, which says more.
func (p Policy) Do(ctx context.Context, try func(context.Context) error) error {
	again, sleep := p.If, p.Sleep
	if again == nil {
		again = Temporary
	}
	if sleep == nil {
		sleep = Sleep
	}
	var waited time.Duration
	for attempt := 1; ; attempt++ {
		err := try(ctx)
		if err == nil || ctx.Err() != nil || attempt >= p.Attempts || !again(err) {
			return err
		}
		long := asked(err)
		if p.Asked > 0 && long > p.Asked {
			return &TooLong{err, long}
		}
		wait := max(long, p.backoff(attempt))
		if p.Total > 0 && waited+wait > p.Total {
			return err
		}
		if p.Note != nil {
			p.Note(err, wait)
		}
		if sleep(ctx, wait) != nil {
			if errors.Is(ctx.Err(), context.Canceled) {
				return context.Cause(ctx)
			}
			return err
		}
		waited += wait
	}
}

// backoff is the wait after an attempt, counted from 1.
func (p Policy) backoff(attempt int) time.Duration {
	factor := time.Duration(2)
	if p.Factor > 0 {
		factor = time.Duration(p.Factor)
	}
	wait := p.First
	for range attempt - 1 {
		if p.Longest > 0 && wait >= p.Longest || wait > 1<<61/factor {
			break
		}
		wait *= factor
	}
	if p.Longest > 0 {
		return min(wait, p.Longest)
	}
	return wait
}

// After reads a Retry-After header, seconds or a date (RFC 9110, 10.2.3); 0 when
// there is neither, or the time is over.
func After(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil {
		return max(0, time.Duration(min(seconds, 1<<20))*time.Second)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now).Round(time.Second))
	}
	return 0
}

// Sleep waits, or returns the context's cause when that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
