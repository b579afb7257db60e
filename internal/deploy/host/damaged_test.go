package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
)

// TestADamagedRecordIsNamed, and what to do about it.
func TestADamagedRecordIsNamed(t *testing.T) {
	dir := t.TempDir()
	b := newYard(t).host(dir)
	if _, err := b.Lock(t.Context(), env, "r1", "me", false); err != nil {
		t.Fatal(err)
	}
	if err := b.Keep(t.Context(), host.Rollout{ID: "r1", Environment: env}); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "rollouts", env, "r1")
	if err := os.WriteFile(filepath.Join(at, "rollout.json"), []byte(`{"id": "r`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := b.Rollouts(t.Context(), env)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(at, "rollout.json")) || !strings.Contains(diag.HintOf(err), "mv "+at+" ") {
		t.Errorf("%v; %s", err, diag.HintOf(err))
	}
}
