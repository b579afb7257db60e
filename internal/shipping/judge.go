package shipping

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/httplimit"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// judge looks at the new side of a service: as the host can, with commands in its image,
// and with queries of Prometheus. It is a pipeline.Judge.
type judge struct {
	pipeline.JudgedTarget
	client  Place
	part    host.Part
	rollout host.Rollout
	tests   Tests

	mu     sync.Mutex
	passed map[any]bool // host.Test, and commands by their number: each passes once
}

// Tests runs a quality stage of a service against an address. failed says which tests
// failed, "" when all passed; an error says why it could not run.
type Tests func(ctx context.Context, service, stage string, against netip.AddrPort) (failed string, err error)

// Judge implements pipeline.Judge.
func (j *judge) Judge(ctx context.Context, spec deploy.Spec, seen deploy.Observed) (deploy.Verdict, string) {
	verdict, why := j.JudgedTarget.Judge(ctx, spec, seen)
	if verdict != deploy.Good {
		return verdict, why
	}
	for i, c := range j.part.Commands {
		if verdict, why := j.command(ctx, i, c); verdict != deploy.Good {
			return verdict, why
		}
	}
	for _, t := range j.part.Tests {
		if verdict, why := j.test(ctx, spec, t); verdict != deploy.Good {
			return verdict, why
		}
	}
	for _, q := range j.part.Queries {
		if seen.Share == 0 {
			break // it measures what gets requests
		}
		if verdict, why := ask(ctx, q, seen.Now); verdict != deploy.Good {
			return verdict, why
		}
	}
	return deploy.Good, ""
}

// command runs a check in the image of the new release. A host that does not answer is no
// verdict.
func (j *judge) command(ctx context.Context, i int, c host.Command) (deploy.Verdict, string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.passed[i] {
		return deploy.Good, ""
	}
	err := j.client.Job(ctx, j.rollout, j.part.Spec.Service, j.part.New, c.Command, c.Timeout)
	if err == nil {
		j.passed[i] = true
		return deploy.Good, ""
	}
	if lost := j.client.Answers(ctx); lost != nil || ctx.Err() != nil {
		return deploy.NoData, err.Error()
	}
	return deploy.Bad, fmt.Sprintf("the check %q failed: %v", strings.Join(c.Command, " "), err)
}

// test runs a quality stage against the new side. One that could not run is no verdict.
func (j *judge) test(ctx context.Context, spec deploy.Spec, t host.Test) (deploy.Verdict, string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.passed[t] {
		return deploy.Good, ""
	}
	for until := time.Now().Add(t.Within); ; {
		against, err := j.newSide(ctx, spec)
		failed := ""
		if err == nil {
			failed, err = j.tests(ctx, spec.Service, t.Stage, against)
		}
		switch {
		case err != nil || ctx.Err() != nil:
			return deploy.NoData, fmt.Sprintf("the check %s of %s cannot run: %v", t.Stage, spec.Service, err)
		case failed == "":
			j.passed[t] = true
			return deploy.Good, ""
		case time.Now().After(until):
			return deploy.Bad, fmt.Sprintf("the check %s of %s failed: %s", t.Stage, spec.Service, failed)
		}
	}
}

// newSide is the address of a healthy container of the new side.
func (j *judge) newSide(ctx context.Context, spec deploy.Spec) (netip.AddrPort, error) {
	view, err := j.client.View(ctx, j.rollout.Environment)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, c := range view.Services[spec.Service].Sides[spec.Release].Containers {
		if ip, err := netip.ParseAddr(c.Status.IP); err == nil && c.Running && c.Status.Ready() {
			return netip.AddrPortFrom(ip, uint16(j.part.New.Port)), nil
		}
	}
	return netip.AddrPort{}, errors.New("no container of the new side is healthy")
}

// queryTime bounds a query.
const queryTime = 10 * time.Second

// ask asks Prometheus. One that does not answer, or has no number, is no verdict.
func ask(ctx context.Context, q host.Query, now time.Time) (deploy.Verdict, string) {
	value, err := query(ctx, q.Address, q.Query, now)
	switch {
	case err != nil:
		return deploy.NoData, fmt.Sprintf("the query %s: %v", q.Query, err)
	case q.Below != nil && value >= *q.Below:
		return deploy.Bad, fmt.Sprintf("the query %s is %g, which is not below %g", q.Query, value, *q.Below)
	case q.Above != nil && value <= *q.Above:
		return deploy.Bad, fmt.Sprintf("the query %s is %g, which is not above %g", q.Query, value, *q.Above)
	}
	return deploy.Good, ""
}

// errNoNumber says that a query has not one number as its result.
var errNoNumber = errors.New("its result is not one number")

// query asks for the value of a query at a moment.
func query(ctx context.Context, address, text string, now time.Time) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	form := url.Values{"query": {text}, "time": {strconv.FormatInt(now.Unix(), 10)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(address, "/")+"/api/v1/query?"+form.Encode(), nil)
	if err != nil {
		return 0, err
	}
	limits := httplimit.Limits{Redirects: 3, Answer: queryTime, Bytes: 1 << 20}
	res, err := (&http.Client{Transport: httplimit.New(http.DefaultTransport, limits)}).Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return 0, fmt.Errorf("the answer %s: %w", res.Status, err)
	}
	if answer.Status != "success" {
		return 0, fmt.Errorf("the answer: %s", answer.Error)
	}
	return number(answer.Data.ResultType, answer.Data.Result)
}

// number is the value of a scalar, or of a vector of one.
func number(kind string, result json.RawMessage) (float64, error) {
	pair := [2]any{}
	switch kind {
	case "scalar":
		if json.Unmarshal(result, &pair) != nil {
			return 0, errNoNumber
		}
	case "vector":
		var all []struct{ Value [2]any }
		if json.Unmarshal(result, &all) != nil || len(all) != 1 {
			return 0, errNoNumber
		}
		pair = all[0].Value
	}
	text, ok := pair[1].(string)
	v, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || v != v { // NaN
		return 0, errNoNumber
	}
	return v, nil
}
