package host_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/localrun"
)

// yard is a machine with containers that are servers of this process, each on an address
// of its own, all on one port. An image says how they behave.
type yard struct {
	t    *testing.T
	port int

	authorities *http.Client // by which it asks for certificates

	mu      sync.Mutex
	next    byte
	groups  map[string]*group
	starts  map[string]int // by image
	cpus    []float64      // limits of what was started
	noCPU   bool           // there are none
	said    []string       // by hosts
	front   string         // the address of services
	refuses string         // an image that does not start
	release chan struct{}  // lets slow requests end
}

type group struct {
	host.Group
	image  string
	server *http.Server
	serve  sync.WaitGroup
}

func newYard(t *testing.T) *yard {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	y := &yard{t: t, port: l.Addr().(*net.TCPAddr).Port, groups: map[string]*group{}, starts: map[string]int{}, front: "127.0.8.1", release: make(chan struct{})}
	t.Cleanup(func() {
		y.mu.Lock()
		defer y.mu.Unlock()
		for _, g := range y.groups {
			g.end()
		}
	})
	return y
}

func (g *group) end() {
	if g.server != nil {
		_ = g.server.Close()
		g.serve.Wait()
		g.server = nil
	}
}

// Start implements host.Containers.
func (y *yard) Start(_ context.Context, g localrun.Group) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	spec := g.Services[0]
	y.starts[spec.Image]++
	y.cpus = append(y.cpus, spec.CPU)
	if spec.Image == y.refuses {
		return errors.New("there is no such image")
	}
	if old := y.groups[g.Name]; old != nil && old.Running {
		return fmt.Errorf("%s runs already", g.Name)
	}
	y.next++
	ip := fmt.Sprintf("127.0.9.%d", y.next)
	n := &group{image: spec.Image, Group: host.Group{Name: g.Name, Running: true, Service: localrun.Status{Service: spec.Name, IP: ip, State: localrun.Healthy, ReadyMillis: 1}}}
	y.groups[g.Name] = n
	switch spec.Image {
	case "crash":
		n.Running, n.Service.State, n.Service.Exit = false, localrun.Exited, &localrun.Exit{Code: 3}
		return nil
	case "sick":
		n.Service.State, n.Service.ReadyMillis, n.Service.LastProbe = localrun.Unhealthy, 0, "GET /health answered 500"
	}
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", ip, y.port))
	if err != nil {
		return err
	}
	n.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-y.release
		}
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, spec.Image)
	})}
	n.serve.Go(func() { _ = n.server.Serve(l) })
	return nil
}

// Stop implements host.Containers.
func (y *yard) Stop(_ context.Context, name string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if g := y.groups[name]; g != nil {
		g.end()
		delete(y.groups, name)
	}
	return nil
}

// List implements host.Containers.
func (y *yard) List(context.Context) ([]host.Group, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	var out []host.Group
	for _, g := range y.groups {
		out = append(out, g.Group)
	}
	return out, nil
}

// LastLines implements host.Containers.
func (y *yard) LastLines(string, string, int) []string { return []string{"no database here"} }

// Front implements host.Network.
func (y *yard) Front(context.Context, string, int) (netip.Addr, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return netip.MustParseAddr(y.front), nil
}

// reboot loses every process and the addresses of services. Where the run-time files of
// groups are on a disk they are still there, and say that all is well.
func (y *yard) reboot(onDisk bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.front = "127.0.8.129"
	for name, g := range y.groups {
		g.end()
		if g.Running = false; !onDisk {
			delete(y.groups, name)
		}
	}
}

// Listen implements host.Network.
func (y *yard) Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", at.String())
}

// kill ends a container of an image as a crash does.
func (y *yard) kill(image string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, g := range y.groups {
		if g.image == image && g.Running {
			g.end()
			g.Service.State, g.Service.Exit = localrun.Exited, &localrun.Exit{Code: 137, Signal: "SIGKILL"}
			time.AfterFunc(1500*time.Millisecond, func() { // its supervisor ends after it
				y.mu.Lock()
				defer y.mu.Unlock()
				g.Running = false
			})
			return
		}
	}
	y.t.Errorf("no %s runs", image)
}

func (y *yard) note(text string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.t.Log(text)
	y.said = append(y.said, text)
}

func (y *yard) started(image string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.starts[image]
}
