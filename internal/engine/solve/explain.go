package solve

import (
	"errors"
	"strings"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/quota"
)

// explain gives an error the step that it comes from, and words to the failures
// of BuildKit that people meet most often. Their kinds do not survive the way
// out of BuildKit, so its texts are looked at; a text that is not known is shown
// as it is.
func (p *progress) explain(err error) error {
	if errors.As(err, new(*diag.Failure)) {
		return err
	}
	// What a step printed, or its command, is part of an error too: no text of it is taken
	// for one of BuildKit's.
	if m := notAllowed().FindStringSubmatch(err.Error()); m != nil && p.failed == nil {
		return diag.Fail(diag.ExitBuild, "a step asks for %s, which this command does not allow", m[1]).
			WithHint("if you trust this Dockerfile: --allow %s", m[1])
	}
	if p.failed == nil {
		return p.shorter(err)
	}
	if image, ok := strings.CutPrefix(p.failed.text, "[internal] load metadata for "); ok {
		return diag.Fail(diag.ExitBuild, "the image %s cannot be read", image).Because(innermost(err)).
			WithHint("check the image name after FROM and the connection to its registry; `slipway bases list` shows bases that need no registry; dockerfile: false in slipway.yaml ignores the service's own Dockerfile")
	}
	out := &engine.StepError{Service: p.service, Stage: p.failed.stage, Step: p.failed.text, Log: p.failed.log.Bytes(), Err: p.shorter(err)}
	exit := (*gatewaypb.ExitError)(nil)
	ran := errors.As(err, &exit)
	if m := unpacksTooMuch().FindString(err.Error()); m != "" && !ran {
		out.Err = errors.New(m)
		what := "the image that the step starts from is too large"
		if strings.HasPrefix(m, "the archive") {
			what = "an archive is too large"
		}
		return diag.Fail(diag.ExitBuild, "%s", what).Because(out).
			WithHint("if you trust it, allow more: --max-unpacked 100GB")
	}
	if ran {
		out.ExitCode = int(exit.ExitCode)
		out.Err = exit
		return p.atLimit(out)
	}
	if m := missingFile().FindStringSubmatch(err.Error()); m != nil {
		out.Err = errors.New(m[1] + " is not in the build context")
		return diag.Fail(diag.ExitBuild, "a file is missing").Because(out).
			WithHint("check the path and the patterns of .dockerignore; paths count from the directory of the context")
	}
	return out
}

// killed is the exit code of a shell whose program got SIGKILL.
const killed = 128 + 9

// atLimit says which limit a failed step met, if one.
func (p *progress) atLimit(failed *engine.StepError) error {
	switch met := p.limits[p.failed.key]; {
	case met == OutOfPIDs, met == "" && failed.ExitCode != killed && cannotFork().Match(lastLines(failed.Log)):
		return diag.Fail(diag.ExitBuild, "a step started as many processes as one may have").Because(failed).
			WithHint("if it needs more: SLIPWAY_STEP_PIDS=65536")
	case met == OutOfMemory, failed.ExitCode == killed:
		return diag.Fail(diag.ExitBuild, "a process of a step was killed, as the kernel does when memory runs out").Because(failed).
			WithHint("if the machine has more: --resource memory=16g; else build fewer services at once: --parallel 1")
	}
	return failed
}

// cannotFork matches what shells, compilers, Node.js, Python and the JVM say where the kernel gives
// them no process or thread more. A step may end sooner than anyone sees it at its limit.
var cannotFork = pattern.Lazy(`(?i)can't fork|\bfork\b.*resource temporarily unavailable|pthread_create failed|can't start new thread|unable to create (new )?native thread|spawn \S+ EAGAIN|failed to spawn thread`)

// lastLines are the end of a log, where a failed step says why.
func lastLines(log []byte) []byte { return log[max(0, len(log)-2048):] }

// missingFile matches what BuildKit says of a COPY whose source is not there.
var missingFile = pattern.Lazy(`failed to calculate checksum of ref [^ ]+: "/?([^"]+)": not found`)

// unpacksTooMuch matches what the embedded engine says of bombs, with the archive's name.
var unpacksTooMuch = pattern.Lazy(`(the archive [^:]+: )?` + quota.Message)

// notAllowed matches what BuildKit says of RUN --network=host and RUN --security=insecure.
var notAllowed = pattern.Lazy(`failed to load LLB: (network\.host|security\.insecure) is not allowed`)

// shorter takes off what every error of BuildKit begins with, and secrets.
func (p *progress) shorter(err error) error {
	text := err.Error()
	if rest := p.hidden.hide(strings.TrimPrefix(text, "failed to solve: ")); rest != text {
		return &shortened{rest, err}
	}
	return err
}

type shortened struct {
	text string
	err  error
}

func (s *shortened) Error() string { return s.text }
func (s *shortened) Unwrap() error { return s.err }

// innermost keeps the end of BuildKit's chain of causes: what went wrong, after
// which request.
func innermost(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, "failed to do request: "); i >= 0 {
		return errors.New(strings.TrimPrefix(text[i:], "failed to do request: "))
	}
	if i := strings.LastIndex(text, "failed to resolve source metadata for "); i >= 0 {
		if _, rest, ok := strings.Cut(text[i+len("failed to resolve source metadata for "):], ": "); ok {
			return errors.New(rest)
		}
	}
	return err
}
