package gauge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
)

// policyTime is how long the evaluation of a policy may take.
const policyTime = time.Minute

// policies evaluates policies of one's own with conftest (conftest.dev), which gets the
// subject as JSON. nil: conftest is not installed, or there are none.
func policies(ctx context.Context, t Target, l gate.Limits, s *gate.Subject) ([]gate.PolicyResult, error) {
	if len(l.Policies) == 0 {
		return nil, nil
	}
	program, err := exec.LookPath("conftest")
	if err != nil {
		return nil, nil //nolint:nilerr // the gate says what is missing
	}
	input, err := json.Marshal(map[string]any{"service": t.Service, "image": s.Image, "previous": s.Previous})
	if err != nil {
		return nil, err
	}
	out := []gate.PolicyResult{}
	for _, file := range l.Policies {
		results, err := conftest(ctx, program, t.Root, file, input)
		if err != nil {
			return nil, err
		}
		out = append(out, results...)
	}
	return out, nil
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
