package shipping

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// TestAnUnreadableJournalOfHooksIsNoFailedHook: only a command that fails takes a release
// back.
func TestAnUnreadableJournalOfHooksIsNoFailedHook(t *testing.T) {
	r := host.Rollout{ID: "r1", Environment: "prod", Hooks: map[string][]host.Hook{"before": {{Service: "web", Command: []string{"migrate"}, Timeout: time.Second}}}}
	for verb, back := range map[string]bool{"entries": false, "append": false, "job": true} {
		server := httptest.NewServer(failing(verb))
		t.Cleanup(server.Close)
		done, err := carryOut(t.Context(), dialled(t, server), r, "a test", event.Discard{}, nil)
		if rolledBack := err == nil && done.Outcome == deploy.RolledBack; rolledBack != back || !back && err == nil {
			t.Errorf("%s fails: %+v, %v", verb, done, err)
		}
	}
}

// failing is a host that refuses one verb.
func failing(verb string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/"+verb {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_ = json.NewEncoder(w).Encode(map[string]any{"text": "the disk is full", "exit": diag.ExitRun})
			return
		}
		_ = json.NewEncoder(w).Encode(nil)
	})
}
