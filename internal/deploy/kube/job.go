package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
)

// look is how often a Job is looked at.
const look = 500 * time.Millisecond

// Run makes a Job, or goes on with the one of its name, and waits for its end. An API that
// gives no answer for a while is waited for, as long as the Job may take.
func (c *Client) Run(ctx context.Context, job manifest.Object, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout+answerTime) // the cluster ends it after its time
	defer cancel()
	if err := c.create(ctx, job); err != nil && !errors.Is(err, errExists) {
		return c.unprepared(job, err)
	}
	var last error
	for {
		now, err := c.get(ctx, "Job", job.Name())
		switch {
		case missing(err):
			return diag.Fail(diag.ExitRun, "the Job %s is gone", job.Name()).WithHint("somebody removed it: kubectl %sget events", c.flags())
		case err != nil:
			last = err
		case condition(now, "Complete")["status"] == "True":
			return nil
		case condition(now, "Failed")["status"] == "True":
			return c.failed(ctx, now)
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting for the Job %s: %w", job.Name(), ctx.Err()), last)
		case <-time.After(look):
		}
	}
}

// failed explains the end of a Job by its pod.
func (c *Client) failed(ctx context.Context, job object) error {
	why := text(condition(job, "Failed"), "message")
	pods, err := c.list(ctx, "Pod", map[string]string{"batch.kubernetes.io/job-name": job.Name()}, "")
	if err == nil && len(pods) > 0 {
		pod := pods[0]
		for _, container := range list(sub(pod, "status"), "containerStatuses") {
			if end := sub(container, "state", "terminated"); len(end) > 0 {
				why = ended(end)
			} else if a, ill := containerAilment(container); ill {
				why = a.what
			}
		}
		if lines := c.log(ctx, pod.Name(), text(first(list(sub(pod, "spec"), "containers")), "name"), false); lines != "" {
			why += ": " + lines
		}
	}
	return diag.Fail(diag.ExitRun, "the Job %s failed: %s", job.Name(), diag.Printable(why)).WithHint("kubectl %slogs job/%s", c.flags(), job.Name())
}

// Store keeps texts of the environment under a name; those that are there stay.
func (c *Client) Store(ctx context.Context, what string, texts map[string]string) error {
	for range tries {
		o, err := c.get(ctx, "ConfigMap", c.named(what))
		fresh := missing(err)
		if err != nil && !fresh {
			return err
		}
		if fresh {
			o = object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": c.named(what), "labels": anyLabels(c.kept("store"))}}
		}
		data := sub(o, "data")
		if data == nil {
			data = map[string]any{}
		}
		for k, v := range texts {
			data[k] = v
		}
		o["data"] = data
		if fresh {
			err = c.create(ctx, o)
		} else {
			err = c.replace(ctx, o)
		}
		if !errors.Is(err, errConflict) && !errors.Is(err, errExists) {
			return err
		}
	}
	return diag.Fail(diag.ExitRun, "others change %s at the same time", c.named(what)).WithHint("try again")
}

// Stored are the texts under a name.
func (c *Client) Stored(ctx context.Context, what string) (map[string]string, error) {
	o, err := c.get(ctx, "ConfigMap", c.named(what))
	if missing(err) {
		return nil, nil
	}
	out := map[string]string{}
	data := sub(o, "data")
	for k := range data {
		out[k] = text(data, k)
	}
	return out, err
}

// Answers is an error when the cluster gives no answer, or not to this user.
func (c *Client) Answers(ctx context.Context) error {
	_, err := c.get(ctx, "Lease", c.named())
	if missing(err) {
		return nil
	}
	return err
}

// Decode reads an object that JSON has.
func Decode(data string) (o manifest.Object, err error) {
	return o, json.Unmarshal([]byte(data), &o)
}
