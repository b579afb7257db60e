package companions

import (
	"testing"

	"github.com/slipway-build/slipway/internal/companion"
)

func TestLinesOfACompanionShowNoPassword(t *testing.T) {
	needs := []companion.Need{{Name: "db", Image: "x", Env: map[string]string{"DB_PASSWORD": "CANARY-q7Zr2KxV9b", "MODE": "production"}}}
	got := withoutSecrets(needs, "production: wrong password CANARY-q7Zr2KxV9b")
	if want := "production: wrong password [secret]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
