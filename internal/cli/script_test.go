package cli_test

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipway-build/slipway/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"slipway": func() {
			w := cli.Process()
			w.Args = nil
			os.Exit(int(cli.Main(os.Args[1:], w)))
		},
	})
}

// TestScripts runs the command line as a user does: exit codes, both outputs,
// and what must not be there.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(e *testscript.Env) error {
		e.Setenv("SLIPWAY_STATE_DIR", e.WorkDir+"/.state")
		return nil
	}})
}
