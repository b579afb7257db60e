// Package registry serves an image registry for development from a directory:
// the handlers of the distribution project with file storage, without
// telemetry, debug server or log noise. It has no users and no TLS, so it
// listens on this machine unless told otherwise.
//
//	err := registry.Serve(ctx, registry.Options{Addr: "127.0.0.1:5000", Dir: dir})
package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // the driver named below
	"github.com/gofrs/flock"
	"github.com/sirupsen/logrus"

	"github.com/slipway-build/slipway/internal/diag"
)

// Options say where a registry listens and keeps its images.
type Options struct {
	Addr  string            // host:port; port 0 takes a free one
	Dir   string            // made when it is not there
	Log   io.Writer         // gets a line for every answer from 500 up; nil: none
	Ready func(addr string) // called once when requests are answered; may be nil
}

// stopTime is how long requests may take to end after the context did.
const stopTime = 5 * time.Second

// Serve answers requests until the context ends, which is no error. One
// directory has one registry at a time.
func Serve(ctx context.Context, opts Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unlock, err := lock(opts.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	listener, err := listen(ctx, opts.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	logrus.SetOutput(io.Discard) // the handlers log every request to the global logger, and to nothing else
	app, err := newApp(ctx, opts.Dir)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: logFailures(app, opts.Log), ReadHeaderTimeout: time.Minute}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if opts.Ready != nil {
		opts.Ready(listener.Addr().String())
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving registry: %w", err)
	}
	if err := <-stopped; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stopping registry: %w", err)
	}
	return nil
}

// newApp makes the handlers; distribution panics on what it cannot set up.
func newApp(ctx context.Context, dir string) (app *handlers.App, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("starting registry in %s: %v", dir, p)
		}
	}()
	return handlers.NewApp(ctx, &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem": configuration.Parameters{"rootdirectory": dir},
			"delete":     configuration.Parameters{"enabled": true},
			"cache":      configuration.Parameters{"blobdescriptor": "inmemory"},
		},
		Catalog: configuration.Catalog{MaxEntries: 1000}, // distribution's default; 0 refuses every ?n=
	}), nil
}

// lock takes the directory for this process.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making registry directory: %w", err)
	}
	path := filepath.Join(dir, ".lock")
	l := flock.New(path)
	mine, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking registry directory: %w", err)
	}
	if !mine {
		pid, _ := os.ReadFile(path)
		return nil, diag.Fail(diag.ExitRun, "another registry (process %s) serves %s", strings.TrimSpace(string(pid)), dir).
			WithHint("use that one, stop it, or give this one its own --dir")
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("locking registry directory: %w", err), l.Close())
	}
	return func() { _ = l.Close() }, nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, diag.Fail(diag.ExitRun, "something else listens on %s", addr).
			WithHint("`ss -ltnp` shows the program; or take another port: slipway registry serve --addr 127.0.0.1:5001")
	case errors.Is(err, syscall.EACCES):
		return nil, diag.Fail(diag.ExitRun, "no permission to listen on %s", addr).
			WithHint("take a port from 1024 up: slipway registry serve --addr 127.0.0.1:5000")
	}
	return nil, diag.Fail(diag.ExitUsage, "cannot listen on %q", addr).Because(err).WithHint("write host:port, such as 127.0.0.1:5000")
}

// logFailures writes a line for every answer from 500 up.
func logFailures(next http.Handler, log io.Writer) http.Handler {
	if log == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &answer{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		if seen.status >= 500 {
			fmt.Fprintf(log, "%s %s: %d %s\n", r.Method, r.URL.Path, seen.status, bytes.TrimSpace(seen.body))
		}
	})
}

// answer keeps the status and the start of the body of a failure.
type answer struct {
	http.ResponseWriter
	status int
	body   []byte
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status >= 500 && len(a.body) < 500 {
		a.body = append(a.body, p[:min(len(p), 500)]...)
	}
	return a.ResponseWriter.Write(p)
}

// ReadFrom keeps the kernel's way of sending a file.
func (a *answer) ReadFrom(r io.Reader) (int64, error) { return io.Copy(a.ResponseWriter, r) }

// Unwrap lets http.ResponseController reach the real writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
