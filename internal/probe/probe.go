// Package probe asks a service whether it is ready: by gRPC health checking
// (grpc.health.v1), HTTP, TCP or a command. Memory and time of every check are
// bounded whatever the peer sends. It speaks HTTP/2 and HTTP/1.1 itself, because
// it is also the source of the small static binary that images carry. TLS comes
// from outside (package probe/secure); a server that speaks it is recognised
// without. It refuses redirect following and streaming.
//
//	err := probe.GRPC(ctx, probe.GRPCTarget{Addr: "localhost:50051", Service: "shop.Cart"})
//	err = probe.HTTP(ctx, probe.HTTPTarget{URL: "http://localhost:3004/health", Timeout: time.Second})
package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Kind says at which point a check failed. Its number is the exit code of the
// probe binary, which is that of grpc_health_probe.
type Kind int

// The kinds of failure.
const (
	BadTarget  Kind = 1 // the target cannot be probed: bad address, TLS asked for
	NoConnect  Kind = 2 // nothing took the connection, or spoke the protocol, in time
	CallFailed Kind = 3 // connected, but the question got no proper answer
	NotReady   Kind = 4 // the service answers that it is not ready
)

// Failure is the error of every check.
type Failure struct {
	Kind Kind
	Text string
	Err  error // the cause, may be nil; Text does not repeat it
	TLS  bool  // the check was in plain text, and the server speaks TLS
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Text
	}
	return f.Text + ": " + f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// Timeout tells whether the check failed because its time was over.
func (f *Failure) Timeout() bool { return isTimeout(f.Err) }

// KindOf returns the kind of an error of this package, 0 for nil.
func KindOf(err error) Kind {
	if err == nil {
		return 0
	}
	if f := (*Failure)(nil); errors.As(err, &f) {
		return f.Kind
	}
	return CallFailed
}

// TCP succeeds when addr ("host:port" or "unix:///path") takes a connection
// within the timeout.
func TCP(ctx context.Context, addr string, timeout time.Duration) error {
	conn, err := dial(ctx, addr, timeout)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Exec runs a command in the service's container and returns its exit code and
// the beginning of its output.
type Exec func(ctx context.Context, argv []string) (exit int, output string, err error)

// Command succeeds when argv exits with 0 within the timeout.
func Command(ctx context.Context, run Exec, argv []string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	exit, output, err := run(ctx, argv)
	if ctx.Err() != nil {
		return &Failure{Kind: CallFailed, Text: strings.Join(argv, " ") + " did not end within " + timeout.String(), Err: ctx.Err()}
	}
	if err != nil {
		return &Failure{Kind: CallFailed, Text: "running " + strings.Join(argv, " "), Err: err}
	}
	if exit != 0 {
		text := strings.Join(argv, " ") + " exited with " + strconv.Itoa(exit)
		if output = oneLine(output); output != "" {
			text += " (" + output + ")"
		}
		return &Failure{Kind: NotReady, Text: text}
	}
	return nil
}

// dial connects to "host:port" or "unix:///path" and gives the connection a
// deadline. "localhost" needs no resolver, which minimal images do not have.
func dial(ctx context.Context, addr string, timeout time.Duration) (net.Conn, error) {
	network, hosts, err := endpoints(addr)
	if err != nil {
		return nil, &Failure{Kind: BadTarget, Text: err.Error()}
	}
	deadline := time.Now().Add(timeout)
	d := net.Dialer{Deadline: deadline}
	var conn net.Conn
	for i, host := range hosts {
		var again error
		conn, again = d.DialContext(ctx, network, host)
		if again == nil {
			return conn, conn.SetDeadline(deadline)
		}
		if i == 0 {
			err = again
		}
	}
	if isTimeout(err) {
		return nil, &Failure{Kind: NoConnect, Text: "timeout: failed to connect service " + strconv.Quote(addr) + " within " + timeout.String(), Err: err}
	}
	return nil, &Failure{Kind: NoConnect, Text: "error: failed to connect service at " + strconv.Quote(addr), Err: err}
}

// endpoints splits a target into a network and the addresses to try in turn.
func endpoints(addr string) (network string, hosts []string, err error) {
	if path, ok := strings.CutPrefix(addr, "unix://"); ok {
		return "unix", []string{path}, nil
	}
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return "unix", []string{path}, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", nil, errors.New("address " + strconv.Quote(addr) + " is not host:port or unix:///path")
	}
	if host == "localhost" {
		return "tcp", []string{net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port)}, nil
	}
	return "tcp", []string{addr}, nil
}

// watch ends whatever the connection waits for when ctx does.
func watch(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}

// oneLine returns the beginning of a text without line ends.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}
