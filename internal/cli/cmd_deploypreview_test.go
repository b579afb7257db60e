package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/deploy"
)

// TestPrintPreview: what changes has its fields, what stays is one line.
func TestPrintPreview(t *testing.T) {
	var out bytes.Buffer
	(&app{World: World{Stdout: &out}}).printPreview([]deploy.Change{
		{Object: "Service web", What: deploy.Unchanged},
		{Object: "Deployment web-2", What: deploy.Created, Like: "web-1", Fields: []deploy.Field{{Path: "image", From: "a", To: "b\x1b[31m"}, {Path: "args[0]", To: "x"}}},
		{Object: "NetworkPolicy web", What: deploy.Changed, Fields: []deploy.Field{{Path: "gone", From: "x"}}, Refused: "no"},
		{Object: "ServiceAccount web", What: deploy.Unchanged, Refused: "quota"},
		{Object: "service cart", What: deploy.Dropped},
	})
	want := `created  Deployment web-2, in place of web-1
    image: a → b\x1b[31m
    args[0]: - → x
changed  NetworkPolicy web
    gone: x → -
    refused: no
unchanged ServiceAccount web
    refused: quota
dropped  service cart: the release does not have it; it stays
unchanged: Service web
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestPrintDrift: what was changed, by whom, and what a deploy leaves.
func TestPrintDrift(t *testing.T) {
	var out bytes.Buffer
	printDrift(&out, []deploy.Drift{
		{Object: "NetworkPolicy web", Missing: true},
		{Object: "Deployment web-1", Fields: []deploy.DriftField{{Path: "spec.replicas", Applied: "2", Live: "5", By: "kubectl"}, {Path: "spec.paused", Live: "true"}}},
	})
	want := `changed by hand: the NetworkPolicy web is gone
changed by hand: Deployment web-1
    spec.replicas: 5 (was 2; by kubectl)
    spec.paused: true (added; a deploy leaves it; by nobody knows whom)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
}
