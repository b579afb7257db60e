package main

import (
	"context"
	"sync"
	"time"

	"golang.org/x/net/websocket"
)

// stream is a WebSocket or gRPC stream that ended, or could not be opened.
type stream struct {
	Opened  time.Time // zero: it could not be opened
	Ended   time.Time
	Version string
	Why     string
}

// streamLoad keeps streams open and takes down which ended by themselves.
type streamLoad struct {
	mu    sync.Mutex
	ended []stream
}

// opener opens a stream, and returns the version of the service and what waits for the
// next message.
type opener func(ctx context.Context) (version string, next func() error, err error)

// keep opens a stream, and another one when it ends, until ctx ends.
func (l *streamLoad) keep(ctx context.Context, open opener) {
	for ctx.Err() == nil {
		var s stream
		version, next, err := open(ctx)
		if err == nil {
			s.Opened, s.Version = time.Now(), version
			for err == nil {
				err = next()
			}
		}
		if ctx.Err() != nil {
			return
		}
		s.Ended, s.Why = time.Now(), err.Error()
		l.mu.Lock()
		l.ended = append(l.ended, s)
		l.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// webSocket opens a WebSocket whose first message is the version, and which says something
// each second.
func webSocket(address string) opener {
	return func(ctx context.Context) (string, func() error, error) {
		config, err := websocket.NewConfig("ws://"+address+"/ws", "http://"+address)
		if err != nil {
			return "", nil, err
		}
		c, err := config.DialContext(ctx)
		if err != nil {
			return "", nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // which ends Receive
		var version string
		next := func() error {
			err := websocket.Message.Receive(c, &version)
			if err != nil {
				stop()
				_ = c.Close()
			}
			return err
		}
		if err := next(); err != nil {
			return "", nil, err
		}
		greeted := version
		return greeted, func() error {
			time.Sleep(time.Second)
			if err := websocket.Message.Send(c, "ping"); err != nil {
				stop()
				_ = c.Close()
				return err
			}
			return next()
		}, nil
	}
}

// broken counts the streams that ended though nothing drained them: before the time that a
// drain leaves, counted from when it began, or on a version that was not drained at all.
func broken(all []stream, drained map[string]time.Time) (n int, why string) {
	for _, s := range all {
		if at, ok := drained[s.Version]; ok && !s.Opened.IsZero() && !s.Ended.Before(at.Add(drainTime)) {
			continue
		}
		n++
		why = s.Why
	}
	return n, why
}

// drainTime is what a host leaves open streams of what is replaced, less a second for the
// clocks of this measurement.
const drainTime = 29 * time.Second
