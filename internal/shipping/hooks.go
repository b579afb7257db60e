package shipping

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/event"
)

// hookDone is the kind of an entry in the journal of hooks.
const hookDone deploy.Kind = "hook"

// hookError says that the command of a hook failed. Other errors of hooks are those of the
// place: nobody knows what was run, and nothing follows from that.
type hookError struct {
	when string
	err  error
}

func (e *hookError) Error() string { return "the hook " + e.when + ": " + e.err.Error() }

func (e *hookError) Unwrap() error { return e.err }

// hooks runs commands of a rollout, those that have not been run. The first that fails
// ends it, with a hookError.
func hooks(ctx context.Context, client Place, r host.Rollout, when string, by string, sink event.Sink) error {
	j := client.Journal(r, "hooks."+when)
	entries, err := j.Entries(ctx)
	if err != nil {
		return fmt.Errorf("the journal of the hooks cannot be read: %w", err)
	}
	done := map[int]bool{}
	for _, e := range entries {
		done[e.Action.Step] = done[e.Action.Step] || e.Done
	}
	for i, hook := range r.Hooks[when] {
		if done[i] {
			continue
		}
		entry := deploy.Entry{At: time.Now(), By: by, Action: deploy.Action{Kind: hookDone, Step: i, Reason: strings.Join(hook.Command, " ")}}
		if err := j.Append(ctx, entry); err != nil {
			return err
		}
		sink.Emit(event.Note{Service: hook.Service, Text: fmt.Sprintf("running the hook %s: %s", when, strings.Join(hook.Command, " "))})
		if err := client.Job(ctx, r, hook.Service, hook.Workload, hook.Command, hook.Timeout); err != nil {
			return &hookError{when, err}
		}
		entry.Done, entry.At = true, time.Now()
		if err := j.Append(ctx, entry); err != nil {
			return err
		}
	}
	return nil
}
