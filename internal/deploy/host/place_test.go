package host_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/shipping"
	"github.com/slipway-build/slipway/internal/shipping/placetest"
)

// TestMain lets this program be the ssh of TestAHostOverSSHIsAPlace.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "ssh" {
		if err := beSSH(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(255)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// beSSH connects its two streams with the host whose socket it is given, as slipway does
// on the other machine.
func beSSH(socket string, args []string) error {
	if script := args[len(args)-1]; args[len(args)-2] != "yard.example" || !strings.Contains(script, "exec /usr/local/bin/slipway host _call") {
		return fmt.Errorf("ssh was asked for %q", args)
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, conn)
	return err
}

// world is a host whose containers are servers of this process.
func world(t *testing.T) (placetest.World, string) {
	y, dir := newYard(t), t.TempDir()
	y.host(dir)
	workload := func(release string) host.Workload {
		if release == "bad" {
			release = "sick"
		}
		return y.workload(release)
	}
	return placetest.World{Environment: env, Workload: workload, Serves: func() string { return y.get("/") }, Deadline: 300 * time.Millisecond, Every: placetest.Faults(5)}, dir
}

func TestAHostIsAPlace(t *testing.T) {
	placetest.Run(t, func(t *testing.T) placetest.World {
		w, dir := world(t)
		w.Connect = func() shipping.Place { return connect(t, dir) }
		return w
	})
}

func TestAHostOverSSHIsAPlace(t *testing.T) {
	placetest.Run(t, func(t *testing.T) placetest.World {
		w, dir := world(t)
		w.Connect = func() shipping.Place {
			c := host.NewSSHClient(host.SSH{Address: "me@yard.example:2222", Command: []string{os.Args[0], "ssh", filepath.Join(dir, "host.sock")}})
			t.Cleanup(c.Close)
			return c
		}
		return w
	})
}
