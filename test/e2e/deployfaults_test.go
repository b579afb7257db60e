package e2e

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/shipping"
	"github.com/slipway-build/slipway/internal/shipping/placetest"
)

// TestFaultsOfDeploys runs the suite of all places with real containers, on this machine and
// on another one by ssh. In package deploy/host it runs always, without containers.
func TestFaultsOfDeploys(t *testing.T) {
	real(t)
	if os.Getenv("SLIPWAY_FAULTS") == "" {
		t.Skip("takes long: SLIPWAY_FAULTS=some or all runs it; TestKilledDeploysGoOn kills some deploys, and package deploy/host runs the suite without containers")
	}
	t.Run("host", func(t *testing.T) {
		y := newShipyard(t, "host")
		y.slipway("deploy", "here", "v1").must(t, 0)
		y.faults(t, func() *host.Client {
			return host.NewClient("the host", func(ctx context.Context) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(stateOf(y.env), "hosting", "host.sock"))
			}).Of("yard")
		})
	})
	t.Run("ssh", func(t *testing.T) {
		m := newMachine(t)
		t.Cleanup(m.stop)
		y := newShipyard(t, "ssh://"+m.address, "SLIPWAY_SSH="+m.ssh)
		y.slipway("host", "install", m.address).must(t, 0)
		y.slipway("deploy", "here", "v1").must(t, 0)
		y.faults(t, func() *host.Client {
			return host.NewSSHClient(host.SSH{Address: m.address, Command: strings.Fields(m.ssh)}).Of("yard")
		})
	})
}

// faults runs the suite beside what the shipyard has deployed, with the same image.
func (y *shipyard) faults(t *testing.T, connect func() *host.Client) {
	c := connect()
	defer c.Close()
	view, err := c.View(t.Context(), "here")
	if err != nil {
		t.Fatal(err)
	}
	web := view.Services["web"]
	base := web.Sides[web.Main].Workload
	workload := func(release string) host.Workload {
		w := base
		w.Release, w.Env = release, maps.Clone(base.Env)
		w.Env["GREETING"] = release
		if release == "bad" {
			w.Env["BROKEN"] = "crash"
		}
		return w
	}
	placetest.Run(t, func(t *testing.T) placetest.World {
		address := "127.0.0.1:" + freePort(t)
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		world := placetest.World{
			Environment: "suite-" + strings.Map(letters, strings.ToLower(filepath.Base(t.Name()))), Workload: workload, Deadline: 30 * time.Second, Every: placetest.Faults(7),
			Routes: []host.Route{{Listen: address, Service: "web"}},
			Connect: func() shipping.Place {
				c := connect()
				t.Cleanup(c.Close)
				return c
			},
			Serves: func() string {
				res, err := client.Get("http://" + address + "/greeting")
				if err != nil {
					return err.Error()
				}
				defer res.Body.Close()
				text, err := io.ReadAll(res.Body)
				if err != nil {
					return err.Error()
				}
				return string(text)
			},
		}
		t.Cleanup(func() {
			c := connect()
			defer c.Close()
			if err := shipping.Remove(context.Background(), c, world.Environment, "a test", time.Now()); err != nil {
				t.Error(err)
			}
		})
		return world
	})
}

// letters keeps what names of environments may have.
func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return '-'
}
