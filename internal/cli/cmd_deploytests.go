package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/history"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/shipping"
	"github.com/slipway-build/slipway/internal/testreport"
)

// hasStages refuses a rollout with a check that is a quality stage which its service does
// not have, before anything is changed.
func (a *app) hasStages(ctx context.Context, r host.Rollout) error {
	for _, p := range slices.Concat(r.Waves...) {
		for _, t := range p.Tests {
			src, _, err := a.stageOf(ctx, p.Spec.Service, t.Stage)
			if err != nil {
				return err
			}
			if err := src.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// stageOf is a quality stage of a service, to run afresh.
func (a *app) stageOf(ctx context.Context, service, stage string) (*source, *tested, error) {
	f := againstFlags(stage)
	src, err := a.source(ctx, []string{service}, f.buildFlags)
	if err != nil {
		return nil, nil, err
	}
	what, err := a.proveJobs(src, f)
	if err == nil && len(what.jobs) == 0 {
		err = diag.Fail(diag.ExitUsage, "%s has no stage %s, which a check of the environment names", service, stage).
			WithHint("slipway plan %s lists its stages and why others were left out", service)
	}
	if err != nil {
		return nil, nil, errors.Join(err, src.Close())
	}
	return src, what, nil
}

func againstFlags(stage string) proveFlags {
	return proveFlags{only: []string{stage}, again: true, noImage: true}
}

// testsAgainst runs quality stages against a service that runs. Nothing is shown but what
// came of it; the reports are where slipway test leaves them.
func (a *app) testsAgainst(sink event.Sink) shipping.Tests {
	return func(ctx context.Context, service, stage string, at netip.AddrPort) (failed string, err error) {
		sink.Emit(event.Note{Service: service, Text: fmt.Sprintf("running %s against the new side, %s", stage, at)})
		src, what, err := a.stageOf(ctx, service, stage)
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, src.Close()) }()
		what.against = reaching(service, at)
		for i := range what.jobs { // so that no other run is taken for it, nor it for another
			fleet.Beside(&what.jobs[i], fmt.Sprintf("%s at %s", service, at))
		}
		result, err := a.runAgainst(ctx, src, what, againstFlags(stage), &screen{Sink: event.Discard{}, close: func() {}})
		if err != nil {
			return "", err
		}
		failed, err = verdictOf(result)
		text := fmt.Sprintf("%s against the new side: %s", stage, result.Result)
		if failed == "" && err != nil {
			text += ": " + result.Why
		}
		if result.Reports != "" {
			text += "; reports: " + result.Reports
		}
		sink.Emit(event.Note{Service: service, Text: text, Warning: failed != "" || err != nil})
		return failed, err
	}
}

// runAgainst runs the one job of what.
func (a *app) runAgainst(ctx context.Context, src *source, what *tested, f proveFlags, quiet *screen) (_ report.TestStage, err error) {
	store, err := a.state.Images(quiet)
	if err != nil {
		return report.TestStage{}, err
	}
	if err := errors.Join(a.addCaches(src.Root, what.jobs, f.builder), a.nameNeeds(ctx, store, what)); err != nil {
		return report.TestStage{}, err
	}
	known := &history.Stages{History: a.history(src.history, f.afresh(), f.builder, store, quiet), Shelf: a.state.Tests(), Again: "deploy"}
	eng, err := a.engine(ctx, src, f.buildFlags, quiet)
	if err != nil {
		return report.TestStage{}, err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	built, err := a.runStages(ctx, src, what, f, proving{quiet, store, known, eng})
	if ctx.Err() != nil || len(built) == 0 || errors.As(built[0].Err, new(*pipeline.CommonError)) {
		return report.TestStage{}, errors.Join(err, ctx.Err())
	}
	return what.stage(0, built[0], known, a.reportsDir(what.root, f))
}

// verdictOf says what failed of a stage, with the first failures; an error when it did not
// run.
func verdictOf(s report.TestStage) (failed string, err error) {
	switch s.Result {
	case report.StagePassed, report.StageFlaky:
		return "", nil
	case report.StageFailed:
	default:
		return "", fmt.Errorf("%s: %s", s.Result, s.Why)
	}
	var names []string
	for _, c := range s.Tests.Cases {
		if c.Status == testreport.Failed || c.Status == testreport.Errored {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 && len(s.Output) > 0 {
		return s.Why + ": " + s.Output[len(s.Output)-1], nil
	}
	if len(names) == 0 {
		return cmp.Or(s.Why, "it failed"), nil
	}
	const most = 5
	text := strings.Join(names[:min(most, len(names))], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text, nil
}

// against is an engine whose builds also reach services that run.
type against struct {
	engine.Builder
	beside engine.Companions
}

// reaching is how steps reach a service at an address: as companions of the kind service are.
func reaching(service string, at netip.AddrPort) engine.Companions {
	out := engine.Companions{Hosts: map[string]netip.Addr{service: at.Addr()}, Env: map[string]string{}}
	for _, v := range companion.Variables([]companion.Need{{Name: service, Service: service, Port: int(at.Port())}}) {
		out.Env[v.Name] = v.Value
	}
	return out
}

// Build implements engine.Builder.
func (b against) Build(ctx context.Context, req engine.Request, sink event.Sink) (engine.Result, error) {
	c := engine.Companions{Stages: []string{req.Target}, Hosts: maps.Clone(req.Steps.Companions.Hosts), Env: maps.Clone(req.Steps.Companions.Env)}
	if c.Hosts == nil {
		c.Hosts, c.Env = map[string]netip.Addr{}, map[string]string{}
	}
	maps.Copy(c.Hosts, b.beside.Hosts)
	maps.Copy(c.Env, b.beside.Env)
	req.Steps.Companions = c
	return b.Builder.Build(ctx, req, sink)
}
