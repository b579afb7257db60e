package solve

import (
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-build/slipway/internal/event"
)

func TestParseStepName(t *testing.T) {
	for name, want := range map[string]stepName{
		"[builder 3/5] RUN npm run build":               {stage: "builder", index: 3, total: 5, text: "RUN npm run build"},
		"[linux/arm64 production 1/4] COPY a b":         {platform: "linux/arm64", stage: "production", index: 1, total: 4, text: "COPY a b"},
		"[linux/amd64->arm64 builder 2/2] RUN go build": {platform: "linux/amd64->arm64", stage: "builder", index: 2, total: 2, text: "RUN go build"},
		"[internal] load build context":                 {text: "[internal] load build context"},
		"[2/3] RUN true":                                {index: 2, total: 3, text: "RUN true"},
		"exporting to oci image format":                 {text: "exporting to oci image format"},
		"[dependencies  2/10] COPY package.json ./":     {stage: "dependencies", index: 2, total: 10, text: "COPY package.json ./"},
	} {
		if got := parseStepName(name); got != want {
			t.Errorf("parseStepName(%q) = %+v, want %+v", name, got, want)
		}
	}
}

func TestForeignFrontEndsAreRefused(t *testing.T) {
	for text, ok := range map[string]bool{
		"# syntax=docker/dockerfile:1\nFROM scratch\n": true,
		"FROM scratch\n": true,
		"# syntax=evil.example/frontend:latest\nFROM scratch\n": false,
	} {
		if err := refuseForeignSyntax([]byte(text)); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// finished is a sink that keeps the memory of each step.
type finished map[string]int64

func (f finished) Emit(e event.Event) {
	if s, ok := e.(event.StepFinished); ok {
		f[s.Step] = s.PeakMemory
	}
}

func TestThePeakOfAStepIsToldWithItsEnd(t *testing.T) {
	now := time.Unix(1, 0)
	vertex := func(name string, end *time.Time) *client.Vertex {
		return &client.Vertex{Digest: digest.FromString(name), Name: "[builder 1/2] " + name, Started: &now, Completed: end}
	}
	status := func(name, what string, n int64) *client.VertexStatus {
		return &client.VertexStatus{ID: "1", Vertex: digest.FromString(name), Name: what, Current: n}
	}
	got := finished{}
	p := newProgress("web", got, nil)
	p.update(&client.SolveStatus{Vertexes: []*client.Vertex{vertex("RUN a", nil)}, Statuses: []*client.VertexStatus{status("RUN a", PeakMemory, 5)}})
	p.update(&client.SolveStatus{
		Vertexes: []*client.Vertex{vertex("RUN a", &now), vertex("RUN b", &now), vertex("RUN c", &now)},
		Statuses: []*client.VertexStatus{status("RUN b", PeakMemory, 7), status("RUN c", "extracting", 9)},
	})
	if got["RUN a"] != 5 || got["RUN b"] != 7 || got["RUN c"] != 0 || len(got) != 3 {
		t.Errorf("told %v", got)
	}
}
