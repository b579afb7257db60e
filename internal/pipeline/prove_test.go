package pipeline

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// judge finds in the image of a service what it was told to find.
type judge struct {
	findings map[string]diag.Findings
	fails    error
	asked    atomic.Int32
}

func (j *judge) Prove(_ context.Context, job Job, _ engine.Result) (diag.Findings, error) {
	j.asked.Add(1)
	return j.findings[job.Request.Name], j.fails
}

// knowsAll is a History that knows all images already.
type knowsAll struct{ kept []Built }

func (knowsAll) Recall(_ context.Context, jobs []Job) []Recalled {
	out := make([]Recalled, len(jobs))
	for i := range out {
		out[i].Result.Digest = "sha256:known"
	}
	return out
}

func (r *knowsAll) Keep(_ context.Context, _ Job, _ Recalled, b Built) { r.kept = append(r.kept, b) }

func TestABrokenImageGetsNoNameAndIsNotPushed(t *testing.T) {
	w := newWorld()
	b := w.build()
	b.Pusher, b.KeepGoing = w, true
	broken := diag.Finding{Code: "SLP360", Place: diag.Place{File: "web/package.json", Line: 3}, Text: "web: no program", Hint: "add it"}
	perhaps := diag.Finding{Code: "SLP370", Severity: diag.Warning, Text: "api: no ffmpeg"}
	b.Prover = &judge{findings: map[string]diag.Findings{"web": {broken, perhaps}, "api": {perhaps}}}
	built, err := b.Run(t.Context(), []Job{job("api"), job("web")})
	if diff := cmp.Diff([]string{"x/api:1"}, w.tagged); diff != "" {
		t.Errorf("named (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x/api:1"}, w.pushed); diff != "" {
		t.Errorf("pushed (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(diag.Findings{perhaps}, built[0].Findings); diff != "" || built[0].Err != nil {
		t.Errorf("api: %v, findings (-want +got)\n%s", built[0].Err, diff)
	}
	if diff := cmp.Diff(diag.Findings{broken, perhaps}, built[1].Findings); diff != "" {
		t.Errorf("web (-want +got)\n%s", diff)
	}
	var e *BrokenError
	if !errors.As(err, &e) || diag.ExitOf(err) != diag.ExitBuild || !strings.Contains(err.Error(), "web/package.json:3: error: web: no program [SLP360]\n  hint: add it") || strings.Contains(err.Error(), "ffmpeg") {
		t.Errorf("exit code %d: %v", diag.ExitOf(err), err)
	}
}

func TestWhatIsNotAnImageOfTheStoreIsNotChecked(t *testing.T) {
	w := newWorld()
	b, j := w.build(), &judge{}
	b.Prover = j
	unnamed, target, file := job("a"), job("b"), job("c")
	unnamed.Image, target.Request.Target, file.Request.Output.Kind = "", "builder", engine.OutputTar
	if _, err := b.Run(t.Context(), []Job{unnamed, target, file}); err != nil || j.asked.Load() != 0 {
		t.Errorf("asked %d times: %v", j.asked.Load(), err)
	}
}

func TestAnUnchangedImageIsNotCheckedAgain(t *testing.T) {
	w := newWorld()
	b, j := w.build(), &judge{}
	b.Prover, b.History = j, &knowsAll{}
	if _, err := b.Run(t.Context(), []Job{job("a")}); err != nil || j.asked.Load() != 0 {
		t.Errorf("asked %d times: %v", j.asked.Load(), err)
	}
}

func TestAnImageThatCannotBeReadIsAnError(t *testing.T) {
	w := newWorld()
	b := w.build()
	b.Prover = &judge{fails: errors.New("torn")}
	if _, err := b.Run(t.Context(), []Job{job("a")}); err == nil || !strings.Contains(err.Error(), "checking the image: torn") || len(w.tagged) > 0 {
		t.Errorf("%v, named %v", err, w.tagged)
	}
}
