package peer

import (
	"strings"
	"testing"
	"time"
)

func TestExecuteSaysWhatFailed(t *testing.T) {
	_, err := Execute(t.Context(), Command{Argv: []string{"sh", "-c", "echo because >&2; exit 4"}})
	if err == nil || !strings.Contains(err.Error(), "because") || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("error = %v, want its exit status and output", err)
	}
}

func TestExecuteEndsWhatTakesTooLong(t *testing.T) {
	began := time.Now()
	_, err := Execute(t.Context(), Command{Argv: []string{"sleep", "60"}, Limit: 50 * time.Millisecond})
	if err == nil || time.Since(began) > 20*time.Second {
		t.Errorf("error = %v after %v, want one at once", err, time.Since(began))
	}
}

func TestExecuteHandsOnEnvironmentAndOutput(t *testing.T) {
	out, err := Execute(t.Context(), Command{Argv: []string{"sh", "-c", "printf %s $BENCH_WORD; printf err >&2"}, Env: []string{"BENCH_WORD=hello"}})
	if err != nil {
		t.Fatal(err)
	}
	if string(out.Stdout) != "hello" || string(out.Stderr) != "err" || out.Seconds <= 0 {
		t.Errorf("outcome = %q, %q, %v s", out.Stdout, out.Stderr, out.Seconds)
	}
}
