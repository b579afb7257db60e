package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/slipway-build/slipway/internal/manifest"
)

// Between two looks at a service that does not change. A watch of its pods ends the wait
// early; what else there is to see, such as what a person asks for, is seen after slow.
// Without the right to watch pods, or a server that lets one, it is unwatched. Each look is
// five requests, so that a minute of waiting is 60, and 12 for the lock; with pods that are
// ready it is one more, for their endpoints.
const (
	slow      = 5 * time.Second
	unwatched = time.Second
	moments   = 200 * time.Millisecond // in which endpoints follow pods
)

// Wait waits at least for one time, and until a pod of a service is not as Observe last saw
// it, at most for the other time and slow.
func (c *Client) Wait(ctx context.Context, service string, least, most time.Duration) error {
	until := time.Now().Add(min(most, slow))
	if err := pause(ctx, least); err != nil {
		return err
	}
	c.mu.Lock()
	last := c.looked[service]
	c.mu.Unlock()
	left := time.Until(until)
	if left <= 0 {
		return nil
	}
	if last.behind {
		return pause(ctx, min(moments, left))
	}
	if last.version == "" || c.watch(ctx, service, last.version, left) != nil {
		return pause(ctx, min(unwatched, left))
	}
	return context.Cause(ctx)
}

// watch returns when a pod of a service changes after a version of their list, or when the
// time is over. An error is a server that lets nobody watch.
func (c *Client) watch(ctx context.Context, service, since string, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	req, err := c.request(ctx, question{verb: http.MethodGet, kind: "Pod", query: url.Values{
		"watch": {"true"}, "resourceVersion": {since}, "labelSelector": {selector(manifest.Selector(c.opts.Environment, service))},
		"timeoutSeconds": {strconv.Itoa(int(most/time.Second) + 1)},
	}})
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if ctx.Err() != nil {
		return nil // nothing changed
	}
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("watching pods: %s", res.Status)
	}
	_, _ = res.Body.Read(make([]byte, 1)) // an event begins, or the time is over
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
