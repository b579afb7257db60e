package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/retry"
)

// Journal is that of a service in a rollout; it is a pipeline.Journal. It is a ConfigMap
// with a key for each entry. Who appends has to have seen all that is there.
type Journal struct {
	Client   *Client
	Rollout  string
	Service  string
	Patience time.Duration // how long a cluster may give no answer to a write; what reads waits itself, and says so
}

// readTime bounds the tries to read a journal.
const readTime = 10 * time.Second

// patiently does something until the cluster has answered.
func patiently(ctx context.Context, total time.Duration, do func(context.Context) error) error {
	return retry.Policy{Attempts: math.MaxInt, First: 200 * time.Millisecond, Longest: 5 * time.Second, Total: total}.Do(ctx, do)
}

func (j Journal) name() string { return j.Client.named(j.Rollout, j.Service) }

// Append adds an entry. Entries of a loop need the lock; what a person asks for does not.
func (j Journal) Append(ctx context.Context, e deploy.Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	for range tries {
		err := patiently(ctx, j.Patience, func(ctx context.Context) error {
			if e.Asked == "" {
				if err := j.Client.mine(ctx); err != nil {
					return err
				}
			}
			return j.add(ctx, string(line))
		})
		if !errors.Is(err, errConflict) && !errors.Is(err, errExists) {
			return err
		}
	}
	return diag.Fail(diag.ExitRun, "others write the journal of %s at the same time", j.Service).WithHint("slipway deploy status %s", j.Client.opts.Environment)
}

func (j Journal) add(ctx context.Context, line string) error {
	o, err := j.Client.get(ctx, "ConfigMap", j.name())
	if missing(err) {
		labels := anyLabels(j.Client.kept("journal"))
		labels[labelRollout] = shortLabel(j.Rollout)
		return j.Client.create(ctx, object{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": j.name(), "labels": labels},
			"data": map[string]any{entryKey(0): line},
		})
	}
	if err != nil {
		return err
	}
	data := sub(o, "data")
	if data == nil {
		data = map[string]any{}
		o["data"] = data
	}
	data[entryKey(len(data))] = line
	return j.Client.replace(ctx, o)
}

func entryKey(n int) string { return fmt.Sprintf("%06d", n) }

// Entries are all that was added.
func (j Journal) Entries(ctx context.Context) ([]deploy.Entry, error) {
	var o object
	err := patiently(ctx, readTime, func(ctx context.Context) (err error) {
		o, err = j.Client.get(ctx, "ConfigMap", j.name())
		return err
	})
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data := sub(o, "data")
	var out []deploy.Entry
	for _, key := range slices.Sorted(maps.Keys(data)) {
		var e deploy.Entry
		if err := json.Unmarshal([]byte(text(data, key)), &e); err != nil {
			return nil, diag.Fail(diag.ExitRun, "the journal of %s cannot be read", j.Service).Because(err).
				WithHint("see who changed it: kubectl %sget configmap %s -o yaml", j.Client.flags(), j.name())
		}
		out = append(out, e)
	}
	return out, nil
}

// Keep writes a rollout, for its holder. What it is made of is up to the caller.
func (c *Client) Keep(ctx context.Context, id string, rollout []byte) error {
	if err := c.mine(ctx); err != nil {
		return err
	}
	labels := anyLabels(c.kept("rollout"))
	labels[labelRollout] = shortLabel(id)
	return c.apply(ctx, object{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": c.named(id), "labels": labels},
		"data": map[string]any{"rollout": string(rollout)},
	}, Manager)
}

// Rollouts are those of the environment, in no order.
func (c *Client) Rollouts(ctx context.Context) ([][]byte, error) {
	all, err := c.list(ctx, "ConfigMap", c.kept("rollout"), "")
	var out [][]byte
	for _, o := range all {
		out = append(out, []byte(text(o, "data", "rollout")))
	}
	return out, err
}

// Forget removes a rollout and its journals.
func (c *Client) Forget(ctx context.Context, id string) error {
	for _, what := range []string{"journal", "rollout"} { // a rollout without journals is found again, not the other way around
		labels := c.kept(what)
		labels[labelRollout] = shortLabel(id)
		all, err := c.list(ctx, "ConfigMap", labels, "")
		if err != nil {
			return err
		}
		for _, o := range all {
			if err := c.remove(ctx, "ConfigMap", o.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// shortLabel is an id as the value of a label.
func shortLabel(id string) string { return strings.Trim(fmt.Sprintf("%.63s", id), "-._") }
