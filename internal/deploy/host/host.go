// Package host owns what runs on one machine: containers of services, how many there are
// of each side, their restarts, and the proxy that clients and the services themselves
// talk to. What is to run is in a file, so a host that starts again goes on with what it
// finds: its containers live without it.
//
//	h, err := host.Open(host.Options{Dir: dir, Containers: containers, Network: network})
//	go h.Run(ctx)
//	err = h.Serve(ctx, listener) // what Client asks
//
// A service is in an environment. Each of its sides is one workload: a release with its
// settings. The service has an address of its own on this machine, which its proxy
// listens on, so other services reach the side that has the traffic under its name.
package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/acme"
	"github.com/slipway-build/slipway/internal/deploy/proxy"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
)

// Containers starts and ends groups of containers, which go on without this process.
type Containers interface {
	// Start returns when the group runs, healthy or not.
	Start(ctx context.Context, g localrun.Group) error
	// Stop returns when the group has ended. One that does not run is no error.
	Stop(ctx context.Context, group string) error
	// List returns the groups of this machine.
	List(ctx context.Context) ([]Group, error)
	// LastLines are what a service of a group wrote last.
	LastLines(group, service string, most int) []string
}

// Group is a group of one service, as it is.
type Group struct {
	Name    string
	Running bool
	Service localrun.Status
}

// Network gives services addresses.
type Network interface {
	// Front gives this machine count addresses in a row for an environment, the same
	// each time, and returns the first.
	Front(ctx context.Context, environment string, count int) (netip.Addr, error)
	Listen(ctx context.Context, address netip.AddrPort) (net.Listener, error)
}

// Options are what a host works with.
type Options struct {
	Dir         string // its own; private
	Containers  Containers
	Network     Network
	Images      Images
	Note        func(text string)
	NoCPU       bool          // containers cannot be limited to cores
	AccessLog   io.Writer     // see proxy.Options
	Drain       time.Duration // how long open requests of what is retired may take; 0: 30 s
	Version     string        // of slipway
	Authorities *http.Client  // by which certificates are asked for; nil: http.DefaultClient
	Left        func(to int)  // called when another process has taken over, with its number; it may take the lock then
}

// Workload is how the containers of a side run.
type Workload struct {
	Release     string            `json:"release"`
	Image       string            `json:"image"` // with its digest
	Type        string            `json:"type,omitempty"`
	Names       []string          `json:"names,omitempty"` // further ones, by which other services find it
	Port        int               `json:"port,omitempty"`
	Protocol    proxy.Protocol    `json:"protocol,omitempty"` // what it speaks on Port
	Health      plan.HealthCheck  `json:"health,omitzero"`
	MemoryBytes int64             `json:"memory_bytes,omitempty"`
	CPU         float64           `json:"cpu,omitempty"` // cores
	Env         map[string]string `json:"env,omitempty"`
	Files       []File            `json:"files,omitempty"`
}

// File is a secret that a container finds at a path, read-only.
type File struct {
	Target  string `json:"target"` // absolute
	Content []byte `json:"content"`
}

// Key names a workload: the release that brought it, and a number that any other setting
// changes.
func (w Workload) Key() string { return fmt.Sprintf("%.80s-%s", w.Release, w.content()) }

// content is a number for all but the release.
func (w Workload) content() string {
	w.Release = ""
	data, _ := json.Marshal(w) // of strings and numbers
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:4])
}

// As is the workload as the release of a side brought it, if that side runs the same; else
// it is as it was. So a new release leaves services alone that are the same in it.
func (w Workload) As(key string) Workload {
	if before, same := strings.CutSuffix(key, "-"+w.content()); same {
		w.Release = before
	}
	return w
}

// Host is the owner of what runs on this machine. It is safe for concurrent use.
type Host struct {
	opts  Options
	proxy *proxy.Proxy
	names *acme.Manager // their certificates
	kick  chan struct{}
	work  sync.WaitGroup // starts, stops, drains

	unlimited sync.Once // says that limits of cores have no effect

	mu        sync.Mutex
	wanted    wanted
	live      map[place]*live
	listeners map[string]net.Listener // of the proxy, by name
	told      map[string]string       // routes of outside addresses, by these
	kinds     map[string]string       // of their listeners: with TLS or TCP
	shut      map[string]string       // why nobody comes in there
	started   time.Time
	leaving   bool          // another process takes over: nothing begins here
	successor int           // the number of that process
	handed    chan struct{} // closed when it has taken over
}

// place is a service in an environment.
type place struct{ environment, service string }

// String is the service's name in the proxy.
func (p place) String() string { return p.environment + "." + p.service }

// Open reads what is to run, and removes what was half-written. Nothing else happens before
// Run.
func Open(o Options) (*Host, error) {
	if o.Drain == 0 {
		o.Drain = 30 * time.Second
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	h := &Host{
		opts: o, proxy: proxy.New(proxy.Options{AccessLog: o.AccessLog}),
		names: acme.New(acme.Options{Dir: filepath.Join(o.Dir, "acme"), Note: o.Note, Client: o.Authorities}), kick: make(chan struct{}, 1),
		live: map[place]*live{}, listeners: map[string]net.Listener{}, told: map[string]string{}, kinds: map[string]string{}, shut: map[string]string{}, started: time.Now(), handed: make(chan struct{}),
	}
	if err := sweep(o.Dir); err != nil {
		o.Note(err.Error())
	}
	var err error
	h.wanted, err = readWanted(o.Dir)
	return h, err
}

// look is how often the containers are looked at while something changes; calm is how
// often otherwise.
const (
	look = 100 * time.Millisecond
	calm = time.Second
)

// Run keeps what is to run running, until the context ends. The containers go on then.
func (h *Host) Run(ctx context.Context) error {
	last := ""
	for ctx.Err() == nil {
		err := h.reconcile(ctx)
		if err != nil && err.Error() != last {
			h.opts.Note(err.Error())
		}
		last = fmt.Sprint(err)
		pause := look
		if err == nil && h.settled() {
			pause = calm
		}
		select {
		case <-ctx.Done():
		case <-h.handed:
			return h.leave(ctx)
		case <-time.After(pause):
		case <-h.kick:
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.opts.Drain)
	defer cancel()
	err := h.proxy.Close(end)
	h.work.Wait()
	return err
}

// settled reports that all that is to run is healthy, and nothing else runs.
func (h *Host) settled() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, env := range h.wanted.Environments {
		for service, s := range env.Services {
			for key, sd := range s.Sides {
				l := h.live[place{name, service}]
				if l == nil || l.sides[key] == nil {
					return false
				}
				ls := l.sides[key]
				if sd.Retired || ls.healthy(sd.Count) < sd.Count || len(ls.replicas) != sd.Count {
					return false
				}
			}
		}
	}
	return true
}

// noteCores says once that a limit of cores has no effect here.
func (h *Host) noteCores(at place, w Workload) {
	if w.CPU > 0 && h.opts.NoCPU {
		h.unlimited.Do(func() {
			h.opts.Note("the control groups of this machine cannot limit cores; the limit cpu: of " + at.String() + " and of others has no effect")
		})
	}
}

// wake lets Run look at once.
func (h *Host) wake() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}
