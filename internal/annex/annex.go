// Package annex asks slipway-tools, the second program, which holds the libraries that
// are too heavy for slipway: CEL, Sigstore and the handlers of a registry. One process
// answers one request: JSON on its standard input, JSON on its standard output. It gets no arguments, and of the
// environment only what a client of HTTP reads, so that nothing secret is in either.
//
// The package has the questions and answers, and links none of those libraries.
//
//	tools := annex.Tools{Program: state.Dir{Path: dir}.Tools, Getenv: os.Getenv}
//	var answer annex.PolicyAnswer
//	err := tools.Ask(ctx, annex.Policies, annex.PolicyRequest{Policies: files, Input: input}, &answer)
package annex

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// The questions.
const (
	Policies = "policies" // PolicyRequest, PolicyAnswer
	Sign     = "sign"     // SignRequest, SignAnswer
	Verify   = "verify"   // VerifyRequest, VerifyAnswer
	Registry = "registry" // RegistryRequest, RegistryAnswer; by Serve
)

// Question is what the program reads.
type Question struct {
	Ask  string          `json:"ask"`
	With json.RawMessage `json:"with"`
}

// Reply is what the program writes: one of both.
type Reply struct {
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  *Refusal        `json:"error,omitempty"`
}

// Refusal is a diag.Failure on its way.
type Refusal struct {
	Exit diag.ExitCode `json:"exit"`
	Text string        `json:"text"` // with its cause
	Hint string        `json:"hint,omitempty"`
}

// NewRefusal is what an error says.
func NewRefusal(err error) *Refusal {
	return &Refusal{Exit: diag.ExitOf(err), Text: err.Error(), Hint: diag.HintOf(err)}
}

func (r *Refusal) failure() error { return diag.Fail(r.Exit, "%s", r.Text).WithHint("%s", r.Hint) }

// maxTime ends an answer that does not come.
const maxTime = 5 * time.Minute

// maxOutput bounds what is read of the program, in bytes: signed statements come back.
const maxOutput = 512 << 20

// Tools asks the second program. It is safe for concurrent use.
type Tools struct {
	Program func() (path string, err error) // unpacks it when that is needed
	Getenv  func(string) string             // nil: the program gets no variables
}

// variables are what the program's client of HTTP reads, and where it may write.
var variables = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR",
}

// Ask starts the program with one question and decodes its answer into a pointer.
func (t Tools) Ask(ctx context.Context, what string, with, answer any) error {
	input, err := question(what, with)
	if err != nil {
		return err
	}
	path, err := t.Program()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxTime, fmt.Errorf("it gave no answer for %s", maxTime))
	defer cancel()
	cmd := exec.CommandContext(ctx, path)
	cmd.Env, cmd.Stdin, cmd.WaitDelay = t.env(), bytes.NewReader(input), time.Second
	stdout, stderr := &clipped{most: maxOutput}, &clipped{most: 64 << 10}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	ran := cmd.Run()
	if ctx.Err() != nil {
		return failed(context.Cause(ctx), stderr)
	}
	var reply Reply
	if err := json.Unmarshal(stdout.Bytes(), &reply); err != nil || ran != nil {
		return failed(errors.Join(ran, err), stderr)
	}
	if reply.Error != nil {
		return reply.Error.failure()
	}
	if err := json.Unmarshal(reply.Answer, answer); err != nil {
		return failed(err, stderr)
	}
	return nil
}

// question is what the program reads.
func question(what string, with any) ([]byte, error) {
	input, err := json.Marshal(with)
	if err == nil {
		input, err = json.Marshal(Question{what, input})
	}
	if err != nil {
		return nil, fmt.Errorf("encoding a question to slipway-tools: %w", err)
	}
	return input, nil
}

// env has never nothing in it: without any, a process would get all of slipway's.
func (t Tools) env() []string {
	env := []string{"LC_ALL=C.UTF-8"}
	for _, name := range variables {
		if t.Getenv == nil {
			break
		}
		if v := t.Getenv(name); v != "" && !strings.ContainsRune(v, 0) {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// Ended is the cause of an error of Ask when the program ended without an answer.
type Ended struct{ error }

// Unwrap returns how it ended.
func (e *Ended) Unwrap() error { return e.error }

// failed is a program that ended without an answer. Of what it printed, the first line
// has the reason, as in a crash of Go.
func failed(cause error, stderr *clipped) error {
	first, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
	if first != "" {
		cause = fmt.Errorf("%w: %s", cause, diag.Printable(first))
	}
	return diag.Fail(diag.ExitUnexpected, "slipway-tools gave no answer").Because(&Ended{cause}).
		WithHint("remove bin/slipway-tools-* below the state directory, which is then unpacked again; if that changes nothing, report it")
}

// clipped keeps the first bytes of an output.
type clipped struct {
	bytes.Buffer
	most int
}

// Write keeps what fits, and takes all.
func (c *clipped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), max(0, c.most-c.Len()))])
	return len(p), nil
}
