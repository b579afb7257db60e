package gauge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/repository"
)

// policyTime is how long the evaluation of a policy may take.
const policyTime = time.Minute

// policies evaluates policies of one's own: .cel files with slipway-tools, others with
// conftest (conftest.dev). Both get the subject as JSON. nil: there are none, or what
// the Rego among them says is not known, because conftest is not installed.
func (g Gauge) policies(ctx context.Context, t Target, l gate.Limits, s *gate.Subject) ([]gate.PolicyResult, error) {
	if len(l.Policies) == 0 {
		return nil, nil
	}
	input, err := json.Marshal(map[string]any{"service": t.Service, "image": s.Image, "previous": s.Previous})
	if err != nil {
		return nil, err
	}
	var ours, others []string
	for _, file := range l.Policies {
		if path.Ext(file) == ".cel" {
			ours = append(ours, file)
		} else {
			others = append(others, file)
		}
	}
	out, err := g.cel(ctx, t.Root, ours, input)
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath("conftest")
	if err != nil && len(others) > 0 {
		if len(out) == 0 {
			s.Missing["policies"] = others[0] + " was not evaluated; install conftest, which evaluates Rego"
			return nil, nil
		}
		return out, nil // it fails, whatever the others say
	}
	for _, file := range others {
		results, err := conftest(ctx, program, t.Root, file, input)
		if err != nil {
			return nil, err
		}
		out = append(out, results...)
	}
	return out, nil
}

// cel evaluates files of CEL. The result is never nil.
func (g Gauge) cel(ctx context.Context, root string, files []string, input []byte) ([]gate.PolicyResult, error) {
	out := []gate.PolicyResult{}
	if len(files) == 0 {
		return out, nil
	}
	ask := annex.PolicyRequest{Input: input}
	for _, file := range files {
		text, err := repository.ReadFile(root, file)
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "the policy %s cannot be read", file).Because(err).WithHint("correct policies: below gates: in slipway.yaml")
		}
		ask.Policies = append(ask.Policies, annex.PolicyFile{Name: file, Text: string(text)})
	}
	ctx, cancel := context.WithTimeoutCause(ctx, policyTime, fmt.Errorf("the policies take longer than %s", policyTime))
	defer cancel()
	var answer annex.PolicyAnswer
	if err := g.Tools.Ask(ctx, annex.Policies, ask, &answer); err != nil {
		return nil, unanswered(err, files)
	}
	for _, d := range answer.Denials {
		out = append(out, gate.PolicyResult{File: d.File, Line: d.Line, Text: d.Text})
	}
	return out, nil
}

// unanswered completes an error of the second program, which may be the doing of what
// it was given.
func unanswered(err error, files []string) error {
	if diag.ExitOf(err) == diag.ExitUsage {
		return err
	}
	f := diag.Fail(diag.ExitOf(err), "the policies %s were not evaluated", strings.Join(files, ", ")).Because(err)
	if f = f.WithHint("%s", diag.HintOf(err)); errors.As(err, new(*annex.Ended)) {
		f = f.WithHint("simplify their expressions: one may make texts or lists of gigabytes")
	}
	return f
}

// conftest evaluates one file. It ends with 1 when a rule denies, which its output
// tells apart from an error of its own.
func conftest(ctx context.Context, program, root, file string, input []byte) ([]gate.PolicyResult, error) {
	ctx, cancel := context.WithTimeout(ctx, policyTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "test", "--no-color", "--output", "json", "--all-namespaces", "--parser", "json", "--policy", filepath.Join(root, filepath.FromSlash(file)), "-")
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = root, bytes.NewReader(input), time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ran := cmd.Run()
	var all []struct {
		Failures, Warnings []struct {
			Msg string `json:"msg"`
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &all); err != nil || all == nil || ran != nil && !errors.As(ran, new(*exec.ExitError)) {
		return nil, diag.Fail(diag.ExitUsage, "conftest cannot evaluate %s", file).Because(errors.Join(ran, errors.New(gate.Clip(stderr.String())))).
			WithHint("conftest verify --policy %s shows the error", file)
	}
	var out []gate.PolicyResult
	for _, one := range all {
		for _, f := range one.Failures {
			out = append(out, gate.PolicyResult{File: file, Text: f.Msg})
		}
		for _, f := range one.Warnings {
			out = append(out, gate.PolicyResult{File: file, Text: f.Msg, Warn: true})
		}
	}
	return out, nil
}
