package annex_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/annex/serve"
	"github.com/slipway-build/slipway/internal/diag"
)

// TestMain answers as slipway-tools when it is started under its name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "slipway-tools" {
		if serve.Answer(context.Background(), os.Stdin, os.Stdout) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if filepath.Base(os.Args[0]) == "holder" {
		if hold(os.Args[1:]) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program is a script in place of the second program; empty: this one.
func program(t *testing.T, script string) annex.Tools {
	t.Helper()
	path := filepath.Join(t.TempDir(), "slipway-tools")
	self, err := os.Executable()
	if script == "" && err == nil {
		err = os.Symlink(self, path)
	} else if err == nil {
		err = os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return annex.Tools{Program: func() (string, error) { return path, nil }, Getenv: func(name string) string { return name + "-value" }}
}

func TestAsk(t *testing.T) {
	ask := annex.PolicyRequest{Policies: []annex.PolicyFile{{Name: "p.cel", Text: "service == 'x'"}}, Input: json.RawMessage(`{"service":"x","image":{}}`)}
	var answer annex.PolicyAnswer
	if err := program(t, "").Ask(t.Context(), annex.Policies, ask, &answer); err != nil || answer.Denials == nil || len(answer.Denials) > 0 {
		t.Errorf("%+v, %v", answer, err)
	}
	ask.Policies[0].Text = "1 +"
	if err := program(t, "").Ask(t.Context(), annex.Policies, ask, &answer); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" || !strings.Contains(err.Error(), "p.cel:1:4") {
		t.Errorf("an error of the answer: %v", err)
	}
	if err := program(t, "").Ask(t.Context(), "weather", ask, &answer); err == nil || !strings.Contains(err.Error(), `cannot answer "weather"`) {
		t.Errorf("a question of another version: %v", err)
	}
}

// TestMemoryOfExpressionsIsBounded: one that costs little and makes gigabytes ends the
// process, not the machine.
func TestMemoryOfExpressionsIsBounded(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux bounds it")
	}
	text := `"` + strings.Repeat("a", 100) + `".replace("a", "` + strings.Repeat("a", 1000) + `").replace("a", "` + strings.Repeat("b", 30_000) + `").size() > 0` // 3 GB
	ask := annex.PolicyRequest{Policies: []annex.PolicyFile{{Name: "p.cel", Text: text}}, Input: json.RawMessage(`{}`)}
	err := program(t, "").Ask(t.Context(), annex.Policies, ask, &annex.PolicyAnswer{})
	if err == nil || !strings.Contains(err.Error(), "slipway-tools gave no answer: exit status") {
		t.Errorf("%v", err)
	}
}

// TestNoAnswer: whatever a program does instead of answering, the error has its reason.
func TestNoAnswer(t *testing.T) {
	for name, c := range map[string]struct{ script, says string }{
		"it dies":         {"echo 'fatal error: out of memory' >&2; exit 2", "exit status 2"},
		"with its reason": {"echo 'fatal error: out of memory' >&2; exit 2", "fatal error: out of memory"},
		"no JSON":         {"cat >/dev/null; echo hello", "invalid character"},
		"nothing":         {"cat >/dev/null", "unexpected end of JSON input"},
		"another answer":  {`cat >/dev/null; echo '{"answer": 3}'`, "cannot unmarshal number"},
		"a failure":       {`cat >/dev/null; echo '{"answer": {"denials": []}}'; exit 1`, "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			var answer annex.PolicyAnswer
			err := program(t, c.script).Ask(t.Context(), annex.Policies, annex.PolicyRequest{}, &answer)
			if err == nil || !strings.Contains(err.Error(), "slipway-tools gave no answer") || !strings.Contains(err.Error(), c.says) || diag.HintOf(err) == "" {
				t.Errorf("%v", err)
			}
		})
	}
	missing := annex.Tools{Program: func() (string, error) { return "", errors.New("slipway was built without its slipway-tools") }}
	if err := missing.Ask(t.Context(), annex.Policies, nil, nil); err == nil || !strings.Contains(err.Error(), "built without") {
		t.Errorf("a missing program: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := program(t, "sleep 60").Ask(ctx, annex.Policies, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an ended context: %v", err)
	}
}

// TestNothingSecretReachesItsSurroundings: the program has no arguments, and of the
// variables only those of a client of HTTP.
func TestNothingSecretReachesItsSurroundings(t *testing.T) {
	t.Setenv("SIGSTORE_ID_TOKEN", "CANARY")
	seen := filepath.Join(t.TempDir(), "seen")
	tools := program(t, `{ echo "$#"; env; } >`+seen+`; echo '{"answer": {}}'`)
	if err := tools.Ask(t.Context(), annex.Policies, annex.PolicyRequest{}, &annex.PolicyAnswer{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(seen)
	if err != nil || !strings.HasPrefix(string(data), "0\n") || strings.Contains(string(data), "CANARY") || !strings.Contains(string(data), "HTTPS_PROXY=HTTPS_PROXY-value") {
		t.Errorf("%v: it sees\n%s", err, data)
	}
	tools.Getenv = nil
	if err := tools.Ask(t.Context(), annex.Policies, annex.PolicyRequest{}, &annex.PolicyAnswer{}); err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(seen); err != nil || strings.Contains(string(data), "CANARY") || strings.Contains(string(data), "PROXY") {
		t.Errorf("%v: without variables it sees\n%s", err, data)
	}
}
