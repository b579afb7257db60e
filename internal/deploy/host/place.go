package host

import (
	"context"

	"github.com/slipway-build/slipway/internal/pipeline"
)

// Answers is an error when the host does not answer.
func (c *Client) Answers(ctx context.Context) error {
	_, err := c.Info(ctx)
	return err
}

// Journal is that of a service in a rollout.
func (c *Client) Journal(r Rollout, service string) pipeline.Journal {
	return Journal{Client: c, Environment: r.Environment, ID: r.ID, Service: service}
}

// Target is a service of a rollout, as the loop and its judge see it.
func (c *Client) Target(r Rollout, p Part) pipeline.JudgedTarget {
	return Target{Client: c, Environment: r.Environment, ID: r.ID, Part: p}
}
