package remote

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// The variables that tell the test binary, called docker or kubectl, what to do.
const (
	dialEnv = "SLIPWAY_TEST_DIAL" // host:port that it joins with its standard input and output
	argsEnv = "SLIPWAY_TEST_ARGS" // file that gets its arguments
)

func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); name == "docker" || name == "kubectl" {
		if err := dialStdio(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// dialStdio does what `buildctl dial-stdio` does in the container.
func dialStdio() error {
	if err := os.WriteFile(os.Getenv(argsEnv), []byte(strings.Join(os.Args[1:], " ")), 0o600); err != nil {
		return err
	}
	conn, err := net.Dial("tcp", os.Getenv(dialEnv))
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(os.Stdout, conn) }()
	_, err = io.Copy(conn, os.Stdin)
	return err
}

func TestContainersAndPodsAreReachedThroughTheirTools(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"docker", "kubectl"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	t.Setenv(dialEnv, strings.TrimPrefix(fake{version: "v0.33.1"}.listen(t), "tcp://"))
	for address, want := range map[string]string{
		"docker-container://builder?context=far":        "--context=far exec -i builder buildctl dial-stdio",
		"kube-pod://pod-0?namespace=ci&container=build": "--context= --namespace=ci exec --container=build -i pod-0 -- buildctl dial-stdio",
	} {
		args := filepath.Join(t.TempDir(), "args")
		t.Setenv(argsEnv, args)
		e, err := Open(t.Context(), Options{Addresses: []string{address}, StateDir: t.TempDir(), ImageDir: t.TempDir()}, event.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		got, err := os.ReadFile(args)
		if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", address, err, diff)
		}
	}
	t.Setenv("PATH", t.TempDir())
	for address, hint := range map[string]string{"docker-container://builder": "docker ps --filter name=builder", "kube-pod://pod-0": "kubectl get pod pod-0"} {
		_, err := Open(t.Context(), Options{Addresses: []string{address}, StateDir: t.TempDir(), ImageDir: t.TempDir()}, event.Discard{})
		if err == nil || !strings.Contains(err.Error(), "executable file not found") || !strings.Contains(diag.HintOf(err), hint) {
			t.Errorf("%s without its tool: %v, hint %q", address, err, diag.HintOf(err))
		}
	}
}
