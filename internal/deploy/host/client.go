package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/slipway-build/slipway/internal/account"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// Client asks a host, on this machine or elsewhere.
type Client struct {
	http   *http.Client
	what   string        // for messages
	far    bool          // it is another machine
	said   func() string // what the way there said last
	hint   string        // when it does not answer
	holder string        // names this one, where it holds a lock
	fleet  string        // whose environments it asks about
}

// NewClient asks the host that dial reaches; what names it in messages.
func NewClient(what string, dial func(ctx context.Context) (net.Conn, error)) *Client {
	return &Client{what: what, holder: rand.Text(), said: func() string { return "" }, hint: "slipway host status; slipway host start", http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}}
}

// Of asks about the environments of a fleet. Those of other fleets on the host, with the
// same name or not, are others.
func (c *Client) Of(fleet string) *Client {
	of := *c
	of.fleet = fleet
	return &of
}

// Close lets connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// answerTime bounds an answer.
const answerTime = 30 * time.Second

// ask asks one thing; out may be nil.
func (c *Client) ask(ctx context.Context, verb string, q Question, out any) error {
	q.Holder, q.Fleet = c.holder, c.fleet
	data, err := json.Marshal(q)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime+q.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://host/v1/"+verb, bytes.NewReader(data))
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return c.silent(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAsked))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.what, err)
	}
	switch {
	case res.StatusCode == http.StatusNotFound:
		return diag.Fail(diag.ExitRun, "%s does not know %q: its slipway is older than this one", c.what, verb).WithHint("slipway host install updates it")
	case res.StatusCode != http.StatusOK:
		return c.refused(res, body)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.what, err)
	}
	return nil
}

// Info is about the host.
func (c *Client) Info(ctx context.Context) (out Info, err error) {
	return out, c.ask(ctx, "info", Question{}, &out)
}

// View shows an environment.
func (c *Client) View(ctx context.Context, environment string) (out View, err error) {
	return out, c.ask(ctx, "view", Question{Environment: environment}, &out)
}

// Lock takes or renews the lock of an environment for a rollout, and returns who had it.
// The holder is this Client.
func (c *Client) Lock(ctx context.Context, environment, rollout, by string, force bool) (before Lock, err error) {
	return before, c.ask(ctx, "lock", Question{Environment: environment, ID: rollout, By: by, Process: os.Getpid(), Machine: account.Machine(), Force: force}, &before)
}

// Unlock gives the lock back; that of another holder stays.
func (c *Client) Unlock(ctx context.Context, environment string) error {
	return c.ask(ctx, "unlock", Question{Environment: environment}, nil)
}

// Locked is who changes an environment now.
func (c *Client) Locked(ctx context.Context, environment string) (out Lock, err error) {
	return out, c.ask(ctx, "locked", Question{Environment: environment}, &out)
}

// Keep writes a rollout.
func (c *Client) Keep(ctx context.Context, r Rollout) error {
	return c.ask(ctx, "keep", Question{Rollout: r}, nil)
}

// Rollouts are those of an environment, the newest first.
func (c *Client) Rollouts(ctx context.Context, environment string) (out []Rollout, err error) {
	return out, c.ask(ctx, "rollouts", Question{Environment: environment}, &out)
}

// SetRoutes replaces what clients from outside reach.
func (c *Client) SetRoutes(ctx context.Context, r Rollout) error {
	return c.ask(ctx, "routes", Question{Environment: r.Environment, Routes: r.Routes}, nil)
}

// Job runs a command in the image of a workload, and waits for its end.
func (c *Client) Job(ctx context.Context, r Rollout, service string, w Workload, command []string, timeout time.Duration) error {
	return c.ask(ctx, "job", Question{Environment: r.Environment, Service: service, Workload: w, Command: command, Timeout: timeout}, nil)
}

// Approve notes that somebody approves a release for an environment.
func (c *Client) Approve(ctx context.Context, environment string, a Approval) error {
	return c.ask(ctx, "approve", Question{Environment: environment, Approval: a}, nil)
}

// Approvals are all that were noted for an environment.
func (c *Client) Approvals(ctx context.Context, environment string) (out []Approval, err error) {
	return out, c.ask(ctx, "approvals", Question{Environment: environment}, &out)
}

// Journal is that of a service in a rollout; it is a pipeline.Journal.
type Journal struct {
	Client                   *Client
	Environment, ID, Service string
}

// Append adds an entry.
func (j Journal) Append(ctx context.Context, e deploy.Entry) error {
	return j.Client.ask(ctx, "append", Question{Environment: j.Environment, ID: j.ID, Service: j.Service, Entry: e}, nil)
}

// Entries are all that was added.
func (j Journal) Entries(ctx context.Context) (out []deploy.Entry, err error) {
	return out, j.Client.ask(ctx, "entries", Question{Environment: j.Environment, ID: j.ID, Service: j.Service}, &out)
}

// Target is a service of a rollout on a host; it is a pipeline.Target and a
// pipeline.Judge.
type Target struct {
	Client          *Client
	Environment, ID string
	Part            Part
}

func (t Target) question() Question {
	return Question{Environment: t.Environment, Service: t.Part.Spec.Service}
}

// Observe says how both sides are.
func (t Target) Observe(ctx context.Context, service string) (deploy.Observed, error) {
	view, err := t.Client.View(ctx, t.Environment)
	if err != nil {
		return deploy.Observed{}, err
	}
	v := view.Services[service]
	if v.Unknown {
		return deploy.Observed{}, diag.Fail(diag.ExitRun, "the requests of %s go nowhere yet", service)
	}
	spec := t.Part.Spec
	out := deploy.Observed{Old: v.Sides[spec.Replaces].group(), New: v.Sides[spec.Release].group()}
	switch spec.Release {
	case v.Main:
		out.Share = 100
	case v.Fresh:
		out.Share = v.Share
	}
	return out, nil
}

func (v SideView) group() deploy.Group {
	return deploy.Group{Want: v.Want, Up: v.Up, Healthy: v.Healthy, Short: v.Short, Ill: v.Ill, Failed: v.Failed}
}

// Do carries out an action.
func (t Target) Do(ctx context.Context, spec deploy.Spec, a deploy.Action) error {
	q := t.question()
	key := spec.Release
	q.Workload = t.Part.New
	if a.Side == deploy.Old {
		key = spec.Replaces
		if t.Part.Old != nil {
			q.Workload = *t.Part.Old
		}
	}
	switch a.Kind {
	case deploy.Scale:
		q.Count, q.Preview = a.Count, a.Side == deploy.New && spec.Strategy.Preview != ""
		return t.Client.ask(ctx, "scale", q, nil)
	case deploy.Retire:
		q.Side = key
		return t.Client.ask(ctx, "retire", q, nil)
	case deploy.Shift:
		q.Side, q.Share, q.Sticky = spec.Release, a.Share, spec.Strategy.Sticky
		if a.Share == 0 && spec.Replaces != "" {
			q.Side, q.Back = spec.Replaces, true
		}
		return t.Client.ask(ctx, "shift", q, nil)
	}
	return nil // Promote: the journal says it
}

// A check fails that fails each time, within the time.
const (
	checkTries = 3
	checkTime  = 15 * time.Second
)

// Judge asks the checks of the new side and compares its requests with those of the old
// one.
func (t Target) Judge(ctx context.Context, spec deploy.Spec, seen deploy.Observed) (deploy.Verdict, string) {
	if seen.New.Healthy == 0 {
		return deploy.NoData, ""
	}
	for _, check := range t.Part.Checks {
		if verdict, why := t.check(ctx, spec, check); verdict != deploy.Good {
			return verdict, why
		}
	}
	if t.Part.Limits == (Limits{}) || seen.Share == 0 {
		return deploy.Good, ""
	}
	return t.compare(ctx, spec, seen)
}

// check asks the new side. A host that does not answer is no verdict.
func (t Target) check(ctx context.Context, spec deploy.Spec, check plan.HealthCheck) (deploy.Verdict, string) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	q := t.question()
	q.Side, q.Check = spec.Release, check
	var err error
	for range checkTries {
		if err = t.Client.ask(ctx, "ask", q, nil); err == nil {
			return deploy.Good, ""
		}
		select {
		case <-ctx.Done():
			return deploy.NoData, err.Error()
		case <-time.After(time.Second):
		}
	}
	if _, infoErr := t.Client.Info(ctx); infoErr != nil {
		return deploy.NoData, infoErr.Error()
	}
	return deploy.Bad, fmt.Sprintf("the check %s of %s failed: %v", check.Describe(), spec.Service, err)
}
