// Package serve answers a question to slipway-tools. It keeps nothing, and reads and
// writes nothing but its two streams; a registry also its directory, and standard error.
//
//	err := serve.Answer(ctx, os.Stdin, os.Stdout)
package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/annex/cel"
	"github.com/slipway-build/slipway/internal/annex/keyless"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/registry"
)

// Answer reads one question and writes the reply. The error says only that there is
// neither.
func Answer(ctx context.Context, in io.Reader, out io.Writer) error {
	var q annex.Question
	if err := json.NewDecoder(in).Decode(&q); err != nil {
		return fmt.Errorf("reading the question: %w", err)
	}
	if q.Ask == annex.Registry {
		err := serveRegistry(ctx, q, in, out)
		if err == nil {
			return nil
		}
		return write(out, nil, err)
	}
	answer, err := answers(ctx, q)
	return write(out, answer, err)
}

func write(out io.Writer, answer any, err error) error {
	var reply annex.Reply
	if err == nil {
		reply.Answer, err = json.Marshal(answer)
	}
	if err != nil {
		reply = annex.Reply{Error: annex.NewRefusal(err)}
	}
	if err := json.NewEncoder(out).Encode(reply); err != nil {
		return fmt.Errorf("writing the reply: %w", err)
	}
	return nil
}

func answers(ctx context.Context, q annex.Question) (any, error) {
	switch q.Ask {
	case annex.Policies:
		boundMemory()
		return with(ctx, q, cel.Evaluate)
	case annex.Sign:
		return with(ctx, q, keyless.Sign)
	case annex.Verify:
		return with(ctx, q, keyless.Verify)
	}
	return nil, diag.Fail(diag.ExitUnexpected, "slipway-tools cannot answer %q", q.Ask).WithHint("it is of another version than slipway: run `make build` again")
}

// serveRegistry answers when the registry does, and ends with the input: slipway holds
// the other end, however it ends. Ctrl-C reaches this process too, and is slipway's.
func serveRegistry(ctx context.Context, q annex.Question, in io.Reader, out io.Writer) error {
	var ask annex.RegistryRequest
	if err := json.Unmarshal(q.With, &ask); err != nil {
		return fmt.Errorf("reading what the question %q brings: %w", q.Ask, err)
	}
	signal.Ignore(os.Interrupt)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		stop()
	}()
	return registry.Serve(ctx, registry.Options{
		Addr: ask.Addr, Dir: ask.Dir, Log: os.Stderr,
		Ready: func(addr string) { _ = write(out, annex.RegistryAnswer{Addr: addr}, nil) },
	})
}

// with decodes what a question brings and answers it.
func with[Q, A any](ctx context.Context, q annex.Question, answer func(context.Context, Q) (A, error)) (any, error) {
	var in Q
	if err := json.Unmarshal(q.With, &in); err != nil {
		return nil, fmt.Errorf("reading what the question %q brings: %w", q.Ask, err)
	}
	return answer(ctx, in)
}
