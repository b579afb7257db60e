package host

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
)

// Job runs a command of a workload in a container of its own, which finds the services of
// the environment, and waits for its end. Without a command it is the image's. A job whose
// context ends is stopped.
func (h *Host) Job(ctx context.Context, at place, w Workload, command []string) (err error) {
	h.mu.Lock()
	env := h.wanted.environment(at.environment)
	hosts, err := h.addresses(ctx, at.environment, env)
	h.mu.Unlock()
	if err != nil {
		return err
	}
	id := make([]byte, 4)
	_, _ = rand.Read(id) // it never fails
	key := "job-" + hex.EncodeToString(id)
	w.Type, w.Health, w.Port = "job", plan.HealthCheck{}, 0
	g, err := h.group(at, key, w, groupName(at, key, 0), hosts)
	if err != nil {
		return err
	}
	g.Services[0].Args = command
	defer func() {
		if stopErr := h.opts.Containers.Stop(context.WithoutCancel(ctx), g.Name); stopErr != nil {
			h.opts.Note(fmt.Sprintf("stopping %s: %v", g.Name, stopErr))
		}
		h.removeFiles(at, key)
	}()
	if err := h.opts.Containers.Start(ctx, g); err != nil {
		return err
	}
	for {
		if done, err := h.jobEnded(ctx, g.Name, at.service); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return diag.Fail(diag.ExitRun, "the command in %s was stopped: %s", at.service, strings.Join(command, " ")).Because(context.Cause(ctx))
		case <-time.After(look):
		}
	}
}

// jobEnded reports whether a job has ended, and how badly.
func (h *Host) jobEnded(ctx context.Context, group, service string) (bool, error) {
	all, err := h.opts.Containers.List(ctx)
	if err != nil {
		return false, err
	}
	for _, g := range all {
		if g.Name != group || g.Running && g.Service.Exit == nil {
			continue
		}
		if e := g.Service.Exit; e != nil && e.Code == 0 {
			return true, nil
		}
		return true, badEnd(g.Service, h.opts.Containers.LastLines(group, service, 5))
	}
	return false, nil
}

func badEnd(s localrun.Status, lines []string) error {
	code := -1
	if s.Exit != nil {
		code = s.Exit.Code
	}
	f := diag.Fail(diag.ExitRun, "the command in %s ended with exit code %d", s.Service, code)
	if len(lines) > 0 {
		f.Text += ": " + strings.Join(lines, " | ")
	}
	return f
}
