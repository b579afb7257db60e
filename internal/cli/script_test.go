package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipway-build/slipway/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"slipway": func() { os.Exit(int(cli.Main(os.Args[1:], cli.Process()))) },
	})
}

// TestScripts runs testdata/script: the command line as people use it, without
// root, network and engine. To refresh the expected output that stands in the
// scripts: UPDATE_SCRIPTS=1 go test ./internal/cli -run TestScripts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") == "1",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SLIPWAY_STATE_DIR", filepath.Join(env.WorkDir, ".state"))
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": exitCode, "try": try},
	})
}

// exitCode runs slipway and fails the script unless it ends with a code:
//
//	code 2 build lost-service
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code NUMBER arguments of slipway…")
	}
	script := `"$0" "$@"; got=$?; [ $got = $want ] || { echo "exit code $got, want $want" >&2; exit 1; }`
	ts.Setenv("want", args[0])
	ts.Check(ts.Exec("/bin/sh", append([]string{"-c", script, "slipway"}, args[1:]...)...))
}

// try runs slipway and leaves its output to the script, however it ends: a check
// of the machine may fail here.
func try(ts *testscript.TestScript, _ bool, args []string) { _ = ts.Exec("slipway", args...) }
