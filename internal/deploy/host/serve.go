package host

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// Question is what a client asks; each verb uses its own part of it.
type Question struct {
	Fleet       string           `json:"fleet,omitempty"` // that the environment is of
	Environment string           `json:"environment,omitempty"`
	Service     string           `json:"service,omitempty"`
	Holder      string           `json:"holder,omitempty"` // of the lock
	Side        string           `json:"side,omitempty"`
	Workload    Workload         `json:"workload,omitzero"`
	Count       int              `json:"count,omitempty"`
	Share       int              `json:"share,omitempty"`
	Sticky      bool             `json:"sticky,omitempty"`
	Preview     bool             `json:"preview,omitempty"`
	Back        bool             `json:"back,omitempty"` // shift: all of the traffic to Side again
	Since       time.Time        `json:"since,omitzero"`
	Check       plan.HealthCheck `json:"check,omitzero"`
	Routes      []Route          `json:"routes,omitempty"`
	Rollout     Rollout          `json:"rollout,omitzero"`
	ID          string           `json:"id,omitempty"`
	Entry       deploy.Entry     `json:"entry,omitzero"`
	By          string           `json:"by,omitempty"`
	Process     int              `json:"process,omitempty"`
	Machine     string           `json:"machine,omitempty"` // of Process
	Force       bool             `json:"force,omitempty"`
	Command     []string         `json:"command,omitempty"`
	Timeout     time.Duration    `json:"timeout,omitempty"`
	Approval    Approval         `json:"approval,omitzero"`
	Blobs       []v1.Hash        `json:"blobs,omitempty"`
	Image       string           `json:"image,omitempty"`
	Descriptor  *v1.Descriptor   `json:"descriptor,omitempty"`
}

// Info is about a host.
type Info struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
}

// trouble is an error on its way to the client.
type trouble struct {
	Text string        `json:"text"`
	Hint string        `json:"hint,omitempty"`
	Exit diag.ExitCode `json:"exit"`
}

// answers are what a host does when it is asked.
func (h *Host) answers() map[string]func(context.Context, Question) (any, error) {
	out := h.tells()
	maps.Copy(out, h.changes())
	return out
}

// of is the service of a question.
func (q Question) of() place { return place{q.Environment, q.Service} }

// changes are the answers that need the lock of the environment.
func (h *Host) changes() map[string]func(context.Context, Question) (any, error) {
	out := map[string]func(context.Context, Question) (any, error){}
	for verb, do := range map[string]func(context.Context, Question) error{
		"scale": func(_ context.Context, q Question) error { return h.Scale(q.of(), q.Workload, q.Count, q.Preview) },
		"shift": func(_ context.Context, q Question) error {
			if q.Back {
				return h.Return(q.of(), q.Side)
			}
			return h.Shift(q.of(), q.Side, q.Share, q.Sticky)
		},
		"retire": func(_ context.Context, q Question) error { return h.Retire(q.of(), q.Side) },
		"routes": func(_ context.Context, q Question) error { return h.SetRoutes(q.Environment, q.Routes) },
		"job": func(ctx context.Context, q Question) error {
			ctx, cancel := context.WithTimeout(ctx, q.Timeout)
			defer cancel()
			return h.Job(ctx, q.of(), q.Workload, q.Command)
		},
	} {
		out[verb] = func(ctx context.Context, q Question) (any, error) {
			h.mu.Lock()
			err := h.mine(q.Environment, q.Holder)
			h.mu.Unlock()
			if err != nil {
				return nil, err
			}
			return nil, do(ctx, q)
		}
	}
	return out
}

// tells are the other answers.
func (h *Host) tells() map[string]func(context.Context, Question) (any, error) {
	return map[string]func(context.Context, Question) (any, error){
		"info": func(context.Context, Question) (any, error) {
			return Info{Version: h.opts.Version, PID: os.Getpid(), Started: h.started}, nil
		},
		"view":  func(_ context.Context, q Question) (any, error) { return h.View(q.Environment), nil },
		"stats": func(_ context.Context, q Question) (any, error) { return h.Stats(q.of(), q.Side, q.Since) },
		"ask":   func(ctx context.Context, q Question) (any, error) { return nil, h.Ask(ctx, q.of(), q.Side, q.Check) },
		"lock": func(_ context.Context, q Question) (any, error) {
			return h.Take(q.Environment, Lock{Holder: q.Holder, Rollout: q.ID, By: q.By, Process: q.Process, Machine: q.Machine}, q.Force)
		},
		"unlock": func(_ context.Context, q Question) (any, error) { return nil, h.Release(q.Environment, q.Holder) },
		"locked": func(_ context.Context, q Question) (any, error) { return h.Locked(q.Environment), nil },
		"keep": func(_ context.Context, q Question) (any, error) {
			return nil, h.Keep(q.Holder, scoped(q.Rollout.Environment, q.Fleet), q.Rollout)
		},
		"rollouts":  func(_ context.Context, q Question) (any, error) { return h.Rollouts(q.Environment) },
		"approve":   func(_ context.Context, q Question) (any, error) { return nil, h.Approve(q.Environment, q.Approval) },
		"approvals": func(_ context.Context, q Question) (any, error) { return h.Approvals(q.Environment) },
		"append": func(_ context.Context, q Question) (any, error) {
			return nil, h.Append(q.Holder, q.Environment, q.ID, q.Service, q.Entry)
		},
		"entries": func(_ context.Context, q Question) (any, error) { return h.Entries(q.Environment, q.ID, q.Service) },
		"missing": func(ctx context.Context, q Question) (any, error) { return h.opts.Images.Missing(ctx, q.Blobs) },
		"name": func(ctx context.Context, q Question) (any, error) {
			if q.Descriptor == nil {
				return nil, diag.Fail(diag.ExitUsage, "a name without an image")
			}
			return nil, h.opts.Images.Tag(ctx, q.Image, *q.Descriptor)
		},
	}
}

// mostAsked bounds a question, in bytes: workloads bring their secrets.
const mostAsked = 16 << 20

// Serve answers what clients ask on a listener, until the context ends or another process
// has taken over.
func (h *Host) Serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	for verb, do := range h.answers() {
		mux.HandleFunc("POST /v1/"+verb, func(w http.ResponseWriter, r *http.Request) { answer(w, r, do) })
	}
	h.imageHandlers(mux)
	mux.HandleFunc("POST /v1/handover", h.handOver)
	mux.Handle("GET /metrics", h.proxy.Metrics())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() {
		select {
		case <-ctx.Done():
		case <-h.handed:
		}
		_ = server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answer(w http.ResponseWriter, r *http.Request, do func(context.Context, Question) (any, error)) {
	var q Question
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostAsked)).Decode(&q)
	if err != nil {
		err = diag.Fail(diag.ExitUsage, "the host does not understand what it was asked").Because(err)
	}
	var out any
	q.Environment = scoped(q.Environment, q.Fleet)
	if err == nil {
		out, err = do(r.Context(), q)
	}
	reply(w, out, err)
}

// reply writes an answer, or why there is none.
func reply(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		out = trouble{Text: err.Error(), Hint: diag.HintOf(err), Exit: diag.ExitOf(err)}
	}
	_ = json.NewEncoder(w).Encode(out) // a client that left needs no answer
}
