package gauge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/gate/contents"
	"github.com/slipway-build/slipway/internal/pattern"
)

// commandTime bounds one command test.
const commandTime = 10 * time.Minute

// maxCommandOutput bounds what is kept of each output of a command test, in bytes.
const maxCommandOutput = 1 << 20

// command runs command tests as steps of a build on an image of the store: with its
// user, directory and variables, without its entrypoint, and without a shell. What setup
// commands change is there for the test alone. Nothing is left that a teardown could
// take away.
func (g Gauge) command(digest string) func(context.Context, contents.CommandTest) (contents.CommandResult, error) {
	return func(ctx context.Context, test contents.CommandTest) (_ contents.CommandResult, err error) {
		text, problem := commandDockerfile(test)
		if problem != "" {
			return contents.CommandResult{Problem: problem}, nil
		}
		ctx, cancel := context.WithTimeoutCause(ctx, commandTime, fmt.Errorf("the command test %q takes longer than %s", test.Name, commandTime))
		defer cancel()
		dir, err := os.MkdirTemp("", "slipway-command-")
		if err != nil {
			return contents.CommandResult{}, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		heard := &outputs{}
		_, err = g.Engine.Build(ctx, engine.Request{
			Name: test.Name, Context: dir, Dockerfile: text, Bases: map[string]string{"tested": digest},
			Output: engine.Output{Kind: engine.OutputNone}, NoCache: true,
		}, heard)
		step := (*engine.StepError)(nil)
		switch {
		case err == nil:
			return heard.result(0), nil
		case !errors.As(err, &step) || step.ExitCode == 0:
			return contents.CommandResult{}, err
		case step.Stage != "test":
			return contents.CommandResult{Problem: fmt.Sprintf("its setup failed: %s ended with exit code %d: %s", step.Step, step.ExitCode, bytes.TrimSpace(step.Log))}, nil
		}
		return heard.result(step.ExitCode), nil
	}
}

// commandDockerfile is the build that runs a command test, or why there can be none.
func commandDockerfile(test contents.CommandTest) (text []byte, problem string) {
	var out bytes.Buffer
	out.WriteString("FROM tested AS setup\n")
	if test.User != "" {
		if strings.ContainsFunc(test.User, unicode.IsSpace) {
			return nil, fmt.Sprintf("%q is no user", test.User)
		}
		out.WriteString("USER " + test.User + "\n")
	}
	for _, p := range test.EnvVars {
		if !variableName().MatchString(p.Key) {
			return nil, fmt.Sprintf("%q is no name of a variable", p.Key)
		}
		fmt.Fprintf(&out, "ENV %s=\"%s\"\n", p.Key, strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(p.Value)) // $NAME is the image's, as in its tests
	}
	for _, words := range test.Setup {
		if len(words) > 0 {
			out.WriteString("RUN " + execForm(words) + "\n")
		}
	}
	out.WriteString("FROM setup AS test\nRUN " + execForm(append([]string{test.Command}, test.Args...)) + "\n")
	return out.Bytes(), ""
}

var variableName = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// execForm is a command as RUN takes it without a shell.
func execForm(words []string) string {
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	_ = to.Encode(words) // strings
	return strings.TrimSuffix(out.String(), "\n")
}

// outputs keeps what the step of a test prints. It is safe for concurrent use.
type outputs struct {
	mu     sync.Mutex
	key    string // of the step
	out    bytes.Buffer
	errors bytes.Buffer
}

// Emit implements event.Sink.
func (o *outputs) Emit(e event.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e := e.(type) {
	case event.StepStarted:
		if e.Stage == "test" {
			o.key = e.Key
		}
	case event.StepLog:
		to := &o.out
		if e.Stderr {
			to = &o.errors
		}
		if e.Key == o.key && o.key != "" {
			to.Write(e.Data[:min(len(e.Data), max(0, maxCommandOutput-to.Len()))])
		}
	}
}

func (o *outputs) result(code int) contents.CommandResult {
	o.mu.Lock()
	defer o.mu.Unlock()
	return contents.CommandResult{ExitCode: code, Stdout: o.out.String(), Stderr: o.errors.String()}
}
