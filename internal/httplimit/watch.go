package httplimit

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// watch ends a request on which nothing moves.
type watch struct {
	limits Limits
	host   string
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
	now   time.Duration // the limit that the timer stands for
	began bool          // the answer has begun
	ended bool
	until time.Time // when the whole answer has to be there; zero: no limit
}

func (w *watch) start(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arm(limit)
}

// arm sets the timer anew; the caller holds mu.
func (w *watch) arm(limit time.Duration) {
	if w.ended {
		return
	}
	w.now = limit
	if limit <= 0 {
		if w.timer != nil {
			w.timer.Stop()
		}
		return
	}
	if w.timer == nil {
		w.timer = time.AfterFunc(limit, w.expire)
		return
	}
	w.timer.Reset(limit)
}

func (w *watch) expire() {
	w.mu.Lock()
	silent := &Silent{Host: w.host, For: w.now, Began: w.began}
	w.mu.Unlock()
	w.cancel(silent)
}

// moved notes that bytes went through.
func (w *watch) moved() { w.start(w.limits.Silence) }

// answering notes that the headers of the answer are here.
func (w *watch) answering() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = true
	if w.limits.Answer > 0 {
		w.until = time.Now().Add(w.limits.Answer)
	}
	w.arm(w.limits.Silence)
}

func (w *watch) late() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.until.IsZero() && time.Now().After(w.until)
}

func (w *watch) end() {
	w.mu.Lock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Unlock()
	w.cancel(nil)
}

// explain puts the reason in the place of "context canceled".
func (w *watch) explain(err error) error {
	if silent := (*Silent)(nil); errors.As(context.Cause(w.ctx), &silent) {
		return silent
	}
	return err
}

// upload is the body of a request.
type upload struct {
	io.ReadCloser
	watch *watch
}

func (u *upload) Read(b []byte) (int, error) {
	n, err := u.ReadCloser.Read(b)
	u.watch.mu.Lock()
	defer u.watch.mu.Unlock()
	switch {
	case u.watch.began: // the server answers before it has all
	case err != nil:
		u.watch.arm(u.watch.limits.Headers)
	default:
		u.watch.arm(u.watch.limits.Silence)
	}
	return n, err
}

// answer is the body of an answer.
type answer struct {
	io.ReadCloser
	watch *watch
	read  int64
}

func (a *answer) Read(b []byte) (int, error) {
	n, err := a.ReadCloser.Read(b)
	a.read += int64(n)
	switch limits := a.watch.limits; {
	case err != nil:
		err = a.watch.explain(err)
		a.watch.end()
	case limits.Bytes > 0 && a.read > limits.Bytes:
		err = &TooLarge{a.watch.host, limits.Bytes}
		a.watch.end()
	case a.watch.late():
		err = &Silent{Host: a.watch.host, For: limits.Answer, Began: true}
		a.watch.end()
	default:
		a.watch.moved()
	}
	return n, err
}

func (a *answer) Close() error {
	err := a.ReadCloser.Close()
	a.watch.end()
	return err
}
