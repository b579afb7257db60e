package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/probe"
)

// exitUsage is the exit code for bad arguments, as of grpc_health_probe.
const exitUsage = int(probe.BadTarget)

const usage = `Usage:
  slipway-probe -addr=HOST:PORT [-service=NAME]   gRPC health check (flags of grpc_health_probe)
  slipway-probe [-timeout=1s] http://HOST:PORT/PATH
  slipway-probe [-timeout=1s] tcp://HOST:PORT
Over TLS, in images of services with health: {…, tls: true}:
  slipway-probe -addr=HOST:PORT -tls -tls-no-verify [-service=NAME]
  slipway-probe -tls-no-verify https://HOST:PORT/PATH
Exit codes: 0 serving, 1 bad arguments, 2 no connection, 3 call failed, 4 not serving.
`

// options is the parsed command line.
type options struct {
	target  probe.GRPCTarget
	timeout time.Duration
	verbose bool
	tls     tlsFlags
	url     string
}

// run is the whole command; args[0] is the name that it was called by.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitUsage
	}
	if err == nil {
		err = o.validate(path.Base(args[0]) == "grpc_health_probe")
	}
	if err == nil && o.overTLS() {
		o.target.Secure, err = o.tls.secure()
	}
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return exitUsage
	}
	if o.verbose {
		o.target.Trace = func(s string) { fmt.Fprintln(stderr, s) }
	}
	if err := o.check(ctx); err != nil {
		fmt.Fprintln(stderr, message(err, o.verbose))
		return int(probe.KindOf(err))
	}
	fmt.Fprintln(stdout, "status: SERVING")
	return 0
}

// check runs the one check that the command line asks for.
func (o options) check(ctx context.Context) error {
	if addr, ok := strings.CutPrefix(o.url, "tcp://"); ok {
		return probe.TCP(ctx, strings.TrimSuffix(addr, "/"), o.timeout)
	}
	if o.url != "" {
		return probe.HTTP(ctx, probe.HTTPTarget{URL: o.url, Timeout: o.timeout, Secure: o.target.Secure})
	}
	return probe.GRPC(ctx, o.target)
}

// message is the error as grpc_health_probe prints it: a timeout's cause says
// nothing more, so it is left out unless asked for.
func message(err error, verbose bool) string {
	if f := (*probe.Failure)(nil); errors.As(err, &f) && f.Timeout() && !verbose {
		return f.Text
	}
	return err.Error()
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet(path.Base(args[0]), flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.target.Addr, "addr", "", "")
	fs.StringVar(&o.target.Service, "service", "", "")
	fs.StringVar(&o.target.UserAgent, "user-agent", "grpc_health_probe", "")
	fs.DurationVar(&o.target.ConnectTimeout, "connect-timeout", time.Second, "")
	fs.DurationVar(&o.target.RPCTimeout, "rpc-timeout", time.Second, "")
	fs.Var((*headerFlags)(&o.target.Headers), "rpc-header", "")
	fs.BoolVar(&o.verbose, "v", false, "")
	fs.DurationVar(&o.timeout, "timeout", time.Second, "")
	o.tls.register(fs)
	err := fs.Parse(args[1:])
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(stderr, usage)
		return o, err
	}
	if err == nil && fs.NArg() > 1 {
		err = fmt.Errorf("one URL at most, not %q", fs.Args())
	}
	o.url = fs.Arg(0)
	return o, err
}

// validate checks what the flags mean together.
func (o options) validate(grpcOnly bool) error {
	if name := o.tls.refused; name != "" {
		return fmt.Errorf("-%s: this probe supports neither ALTS, SPIFFE nor compression", name)
	}
	if o.url != "" {
		switch {
		case grpcOnly || o.target.Addr != "":
			return fmt.Errorf("unexpected argument %q beside -addr", o.url)
		case !strings.HasPrefix(o.url, "http://") && !strings.HasPrefix(o.url, "https://") && !strings.HasPrefix(o.url, "tcp://"):
			return fmt.Errorf("%q is neither http://…, https://… nor tcp://…", o.url)
		case o.timeout <= 0:
			return fmt.Errorf("-timeout must be greater than zero (specified: %v)", o.timeout)
		}
		return nil
	}
	switch name := o.tls.first(); {
	case o.target.Addr == "":
		return errors.New("-addr not specified")
	case name != "" && !o.tls.on:
		return fmt.Errorf("specified -%s without specifying -tls", name)
	case o.target.ConnectTimeout <= 0:
		return fmt.Errorf("-connect-timeout must be greater than zero (specified: %v)", o.target.ConnectTimeout)
	case o.target.RPCTimeout <= 0:
		return fmt.Errorf("-rpc-timeout must be greater than zero (specified: %v)", o.target.RPCTimeout)
	}
	return nil
}

// headerFlags gathers -rpc-header 'name: value'.
type headerFlags []probe.Header

func (h *headerFlags) String() string { return "" }

func (h *headerFlags) Set(s string) error {
	name, value, ok := strings.Cut(s, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || strings.ContainsAny(name+value, "\r\n\x00") {
		return errors.New("expected 'name: value'")
	}
	*h = append(*h, probe.Header{Name: name, Value: value})
	return nil
}

// overTLS reports whether the check speaks TLS.
func (o options) overTLS() bool { return o.tls.on || strings.HasPrefix(o.url, "https://") }

// tlsFlags are the flags of grpc_health_probe about TLS, and those that this
// probe refuses, so that the refusal can say why.
type tlsFlags struct {
	on, noVerify                  bool
	caCert, cert, key, serverName string
	refused                       string
}

func (t *tlsFlags) register(fs *flag.FlagSet) {
	fs.BoolVar(&t.on, "tls", false, "")
	fs.BoolVar(&t.noVerify, "tls-no-verify", false, "")
	fs.StringVar(&t.caCert, "tls-ca-cert", "", "")
	fs.StringVar(&t.cert, "tls-client-cert", "", "")
	fs.StringVar(&t.key, "tls-client-key", "", "")
	fs.StringVar(&t.serverName, "tls-server-name", "", "")
	for _, name := range []string{"alts", "spiffe", "gzip"} {
		fs.BoolFunc(name, "", func(value string) error {
			if t.refused == "" && value != "false" {
				t.refused = name
			}
			return nil
		})
	}
}

// first is the first flag that makes sense with TLS only; empty without one.
func (t *tlsFlags) first() string {
	for _, f := range []struct {
		name  string
		given bool
	}{{"tls-no-verify", t.noVerify}, {"tls-ca-cert", t.caCert != ""}, {"tls-client-cert", t.cert != ""}, {"tls-client-key", t.key != ""}, {"tls-server-name", t.serverName != ""}} {
		if f.given {
			return f.name
		}
	}
	return ""
}
