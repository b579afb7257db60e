package diag_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
)

func TestAHintIsFoundThroughWrappedAndJoinedErrors(t *testing.T) {
	hinted := diag.Fail(diag.ExitBuild, "no").WithHint("do it")
	for name, err := range map[string]error{
		"itself":               hinted,
		"wrapped":              fmt.Errorf("web: %w", hinted),
		"joined":               errors.Join(nil, errors.New("first"), fmt.Errorf("web: %w", hinted)),
		"outer without a hint": diag.Fail(diag.ExitBuild, "outer").Because(errors.Join(hinted, errors.New("x"))),
	} {
		if got := diag.HintOf(err); got != "do it" {
			t.Errorf("%s: hint %q", name, got)
		}
	}
	if got := diag.HintOf(errors.Join(errors.New("a"), errors.New("b"))); got != "" {
		t.Errorf("hint %q out of nothing", got)
	}
}

func TestTheNearestWordCountsSwappedLettersAsOneMistake(t *testing.T) {
	services := []string{"worker-bill", "worker-mail", "web"}
	for word, want := range map[string]string{"worker-mial": "worker-mail", "wbe": "web", "WEB": "web", "worker-bil": "worker-bill", "something": "", "": ""} {
		if got := diag.Nearest(word, services); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}
