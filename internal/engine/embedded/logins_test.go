//go:build linux

package embedded

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/executor"

	"github.com/slipway-build/slipway/internal/event"
)

// TestLoginsReachStepsThatInstall: of a trusted repository, run by root, and nothing
// else. A note names each tool whose login another step lacks, once.
func TestLoginsReachStepsThatInstall(t *testing.T) {
	env, files := []string{"GOPROXY=https://go.example"}, map[string]string{"cargo.toml": "/open"}
	list := []Login{
		{Tool: "cargo", Installs: func(c string) bool { return strings.Contains(c, "cargo build") }, Files: map[string]string{"cargo.toml": "/closed"}},
		{Tool: "Go", Installs: func(c string) bool { return strings.Contains(c, " go build") }, Env: []string{"GOPROXY=https://me:secret@go.example"}},
	}
	for name, c := range map[string]struct {
		trusted       bool
		command, user string
		env           []string
		files         map[string]string
		withheld      []string
	}{
		"a trusted install":          {true, "cargo build", "", env, map[string]string{"cargo.toml": "/closed"}, nil},
		"of root by number":          {true, "cargo build", "0:0", env, map[string]string{"cargo.toml": "/closed"}, nil},
		"of another tool":            {true, "go build", "root", append([]string{"GOPROXY=https://me:secret@go.example"}, env...), files, nil},
		"of somebody else":           {true, "cargo build", "1001", env, files, []string{"cargo"}},
		"a trusted step":             {true, "cat /dev/slipway/cargo.toml; env", "", env, files, nil},
		"an install that is not":     {false, "cargo build", "", env, files, []string{"cargo"}},
		"two installs that are not":  {false, "cargo build && go build", "", env, files, []string{"cargo", "Go"}},
		"a step that is not trusted": {false, "cat /dev/slipway/cargo.toml", "", env, files, nil},
	} {
		var withheld []string
		e, o := &Engine{}, Options{Logins: list, Trusted: c.trusted, Withheld: func(tool string) { withheld = append(withheld, tool) }}
		e.let(o, event.Discard{})
		l := newLogins(e.throughTenant(o))
		for range 2 {
			gotEnv, gotFiles := l.into(executor.Meta{Args: []string{"/bin/sh", "-c", " " + c.command}, User: c.user}, env, files)
			if d := cmp.Diff([]any{c.env, c.files}, []any{gotEnv, gotFiles}); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
		if !slices.Equal(withheld, c.withheld) {
			t.Errorf("%s: withheld %q, want %q", name, withheld, c.withheld)
		}
	}
	if files["cargo.toml"] != "/open" || len(env) != 1 {
		t.Error("what all steps get was changed")
	}
}
