package cli_test

import (
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/cli"
	"github.com/slipway-build/slipway/test/sigstore"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"slipway": func() {
			// The same file as slipway, because a development version's fingerprints
			// contain its own file.
			if words := os.Getenv("SLIPWAY_TEST_FIXTURE"); words != "" {
				os.Exit(fixture(strings.Fields(words)))
			}
			os.Exit(int(cli.Main(os.Args[1:], cli.Process())))
		},
	})
}

// TestScripts runs testdata/script: the command line as people use it, without
// root, network and engine. To refresh the expected output that the scripts hold:
// UPDATE_SCRIPTS=1 go test ./internal/cli -run TestScripts.
func TestScripts(t *testing.T) {
	carried := sync.OnceValue(func() error {
		_, err := assets.InstallTools(t.TempDir())
		return err
	})
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") == "1",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SLIPWAY_STATE_DIR", filepath.Join(env.WorkDir, ".state"))
			env.Setenv("DOCKER_CONFIG", env.WorkDir)
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "tools": // make build put slipway-tools into internal/assets
				return carried() == nil, nil
			}
			return false, errors.New("no such condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": exitCode, "try": try, "json": normalised, "fixture": runFixture, "until": until, "registry": startRegistry,
			"sigstore": func(ts *testscript.TestScript, _ bool, _ []string) { startSigstore(t, ts) },
		},
	})
}

// startSigstore runs a Sigstore until the tests end, with its address in $SIGSTORE, a
// token of dev@example.com in token and whom to trust in root.json.
func startSigstore(t *testing.T, ts *testscript.TestScript) {
	s := sigstore.Start(t)
	ts.Setenv("SIGSTORE", s.URL)
	for name, data := range map[string][]byte{
		"token": []byte(s.Token("dev@example.com", "https://issuer.example")), "root.json": s.TrustedRoot(t, sigstore.Trust{Log: true}),
		"signing.json": s.SigningConfig(t), "other.json": sigstore.Start(t).TrustedRoot(t, sigstore.Trust{Log: true}),
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), data, 0o600))
	}
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

// runFixture puts something into the state directory; see fixture.
func runFixture(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("SLIPWAY_TEST_FIXTURE", strings.Join(args, " "))
	ts.Check(ts.Exec("slipway"))
	ts.Setenv("SLIPWAY_TEST_FIXTURE", "")
}

// until waits for a file that a command in the background writes.
func until(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // a process has no other way to say that it is ready
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("%s is not there after a minute", args[0])
}

// startRegistry runs an empty registry until the script ends, with its address in
// $REGISTRY.
func startRegistry(ts *testscript.TestScript, _ bool, _ []string) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	ts.Defer(server.Close)
	ts.Setenv("REGISTRY", strings.TrimPrefix(server.URL, "http://"))
}
