package kube

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/account"
	"github.com/slipway-build/slipway/internal/diag"
)

// Lock is who changes the environment.
type Lock struct {
	Holder         string // a Client
	Rollout        string
	Process        int    // on the machine of By
	Machine        string // account.Machine of that
	By             string
	Since, Expires time.Time // by the clock of the server
}

// lease is how long a lock lasts that its holder does not renew.
const lease = 30 * time.Second

// What a Lease has no field for.
const (
	annotationBy      = "slipway.build/by"
	annotationRollout = "slipway.build/rollout"
	annotationProcess = "slipway.build/process"
	annotationMachine = "slipway.build/machine"
)

// tries is how often something is done again that another process was faster with.
const tries = 5

// micro is a time as a Lease has it.
const micro = "2006-01-02T15:04:05.000000Z07:00"

// Take takes the lock for a rollout, or renews it; the holder is this Client. Another
// one's is an error that says who, unless it has expired or is forced, and is returned.
func (c *Client) Take(ctx context.Context, rollout, by string, force bool) (before Lock, err error) {
	for range tries {
		o, err := c.get(ctx, "Lease", c.named())
		if err != nil && !missing(err) {
			return before, err
		}
		before, fresh := c.lockOf(o), missing(err)
		now := c.now()
		if before.Holder != "" && before.Holder != c.holder && now.Before(before.Expires) && !force {
			return before, c.locked(before)
		}
		since := now
		if before.Holder == c.holder {
			since = before.Since
		}
		err = c.keepLock(ctx, o, fresh, Lock{Holder: c.holder, Rollout: rollout, Process: os.Getpid(), Machine: account.Machine(), By: by, Since: since, Expires: now.Add(lease)})
		if errors.Is(err, errConflict) || errors.Is(err, errExists) {
			continue
		}
		return before, err
	}
	return before, diag.Fail(diag.ExitRun, "others change the lock of %s at the same time", c.opts.Environment).WithHint("slipway deploy status %s", c.opts.Environment)
}

func (c *Client) keepLock(ctx context.Context, o object, fresh bool, l Lock) error {
	if fresh {
		o = object{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": map[string]any{"name": c.named(), "labels": anyLabels(c.kept("lock"))}}
	}
	meta := sub(o, "metadata")
	meta["annotations"] = map[string]any{annotationBy: l.By, annotationRollout: l.Rollout, annotationProcess: strconv.Itoa(l.Process), annotationMachine: l.Machine}
	o["spec"] = map[string]any{
		"holderIdentity": l.Holder, "leaseDurationSeconds": int(lease / time.Second),
		"acquireTime": l.Since.UTC().Format(micro), "renewTime": l.Expires.Add(-lease).UTC().Format(micro),
	}
	if fresh {
		return c.create(ctx, o)
	}
	return c.replace(ctx, o)
}

// Release gives the lock back; that of another holder stays.
func (c *Client) Release(ctx context.Context) error {
	for range tries {
		o, err := c.get(ctx, "Lease", c.named())
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.lockOf(o).Holder != c.holder {
			return nil
		}
		o["spec"] = map[string]any{}
		if err := c.replace(ctx, o); !errors.Is(err, errConflict) {
			return err
		}
	}
	return nil // it was renewed meanwhile, by whom it belongs to
}

// Locked is who changes the environment now; without a Holder, nobody does.
func (c *Client) Locked(ctx context.Context) (Lock, error) {
	o, err := c.get(ctx, "Lease", c.named())
	if missing(err) {
		return Lock{}, nil
	}
	if l := c.lockOf(o); err == nil && c.now().Before(l.Expires) {
		return l, nil
	}
	return Lock{}, err
}

func (c *Client) lockOf(o object) Lock {
	spec := sub(o, "spec")
	more := sub(o, "metadata", "annotations")
	l := Lock{Holder: text(spec, "holderIdentity"), Rollout: text(more, annotationRollout), By: text(more, annotationBy), Since: moment(spec, "acquireTime")}
	l.Process, _ = strconv.Atoi(text(more, annotationProcess))
	l.Machine = text(more, annotationMachine)
	if l.Holder != "" {
		l.Expires = moment(spec, "renewTime").Add(time.Duration(number(spec, "leaseDurationSeconds")) * time.Second)
	}
	return l
}

// mine refuses whoever has not the lock.
func (c *Client) mine(ctx context.Context) error {
	o, err := c.get(ctx, "Lease", c.named())
	if err != nil && !missing(err) {
		return err
	}
	if l := c.lockOf(o); l.Holder != c.holder {
		return c.locked(l)
	}
	return nil
}

func (c *Client) locked(l Lock) error {
	env := c.opts.Environment
	if l.Holder == "" {
		return diag.Fail(diag.ExitDeployStopped, "nobody holds the lock of %s, and this needs it", env).WithHint("slipway deploy resume %s", env)
	}
	since := strings.Replace(l.Since.UTC().Format(time.DateTime), " ", " at ", 1)
	return diag.Fail(diag.ExitDeployStopped, "%s is being changed: by %s (process %d), rollout %s, since %s UTC", env, l.By, l.Process, l.Rollout, since).
		WithHint("wait for it, look: slipway deploy status %[1]s; or, when its process is gone: slipway deploy resume %[1]s --force-unlock", env)
}

func anyLabels(in map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range in {
		out[k] = v
	}
	return out
}
