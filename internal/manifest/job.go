package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// Phase is when hooks run.
type Phase string

// The phases.
const (
	Before   Phase = "before"
	After    Phase = "after"
	Rollback Phase = "rollback"
)

// Jobs are the hooks of a phase, in their order. Each is to end before the next one begins.
func (f Fleet) Jobs(phase Phase) ([]Object, error) {
	var out []Object
	hooks := map[Phase][]config.Hook{Before: f.Hooks.Before, After: f.Hooks.After, Rollback: f.Hooks.Rollback}[phase]
	for i, h := range hooks {
		s, ok := f.named(h.Service)
		if !ok {
			return nil, diag.Fail(diag.ExitUsage, "a hook runs %s, which the release %s does not have", h.Service, f.Version).
				WithHint("slipway release show %s lists its services", f.Version)
		}
		if len(s.Placement.Env) > 0 {
			out = append(out, f.configMap(s))
		}
		out = append(out, f.job(s, h, phase, i))
	}
	return out, nil
}

// job runs a hook once. It is not tried again: what a migration did half is for a person.
func (f Fleet) job(s Service, h config.Hook, phase Phase, index int) Object {
	sum := sha256.Sum256([]byte(f.Version + "\x00" + s.Digest + "\x00" + strings.Join(h.Command, "\x00")))
	out := f.object("batch/v1", "Job", fmt.Sprintf("%.40s-%s-%d-%s", s.Name, phase, index+1, hex.EncodeToString(sum[:3])), s)
	labels := f.labels(s)
	labels["app.kubernetes.io/component"] = "hook"
	labels["app.kubernetes.io/name"] = fmt.Sprintf("%s-%s", s.Name, phase) // no Service chooses its pods
	s.Port = 0                                                             // nor asks one for health
	s.Health = config.Service{}.Health
	pod := f.pod(s)
	pod["restartPolicy"] = "Never"
	delete(pod, "serviceAccountName") // that of the service may not be there yet
	if len(h.Command) > 0 {
		pod["containers"].([]any)[0].(map[string]any)["command"] = anys(h.Command)
	}
	out["metadata"].(map[string]any)["labels"] = labels
	out["spec"] = map[string]any{
		"backoffLimit": 0, "activeDeadlineSeconds": seconds(h.Timeout), "ttlSecondsAfterFinished": 24 * 60 * 60,
		"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": pod},
	}
	return out
}

// Command is a Job that runs a command in the image of a service, once for a rollout. It
// is the last of the objects; the others are what it needs.
func (f Fleet) Command(s Service, rollout string, command []string, timeout time.Duration) []Object {
	var out []Object
	if len(s.Placement.Env) > 0 {
		out = append(out, f.configMap(s))
	}
	job := f.job(s, config.Hook{Service: s.Name, Command: command, Timeout: timeout}, "run", 0)
	sum := sha256.Sum256([]byte(rollout + "\x00" + strings.Join(command, "\x00")))
	job["metadata"].(map[string]any)["name"] = fmt.Sprintf("%.40s-run-%s", s.Name, hex.EncodeToString(sum[:5]))
	return append(out, job)
}

// Secret has values for the secrets of a side.
func (f Fleet) Secret(s Service, data map[string]any) Object {
	out := f.object("v1", "Secret", SecretName(s), s)
	out["immutable"], out["type"], out["data"] = true, "Opaque", data
	return out
}
