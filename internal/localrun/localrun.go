// Package localrun describes services that run on this machine: what to start,
// the states they pass through, when they count as healthy, and why they are
// not. It is pure; package localrun/oci starts the containers.
//
//	group := localrun.Group{Name: "shop", Services: []localrun.Spec{{Name: "cart", Image: "shop/cart:latest", Port: 50051}}}
//	publish, err := localrun.ParsePublish("8080:3004")
package localrun

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// Group is a set of services that share a network and a life.
type Group struct {
	Name     string // unique on the machine; letters, digits, "-", "_" and "."
	Services []Spec
	Hosts    map[string]netip.Addr `json:",omitempty"` // further names that the services find, such as those of other groups
}

// Spec says how one service runs. Zero values leave it to the image.
type Spec struct {
	Name        string            // host name in the group
	Type        string            // "job" ends by itself, the others of slipway.yaml go on; "": not known
	Image       string            // name in the image store
	Platform    string            // "linux/arm64"; empty: the machine's, or the image's only one
	Args        []string          // instead of the image's command
	Env         map[string]string // over that of the image
	Unset       []string          // variables of the image that it does not get
	Reads       []plan.Use        // variables that its sources read without a default
	Connects    []plan.Use        // "host:port" of servers that its settings and sources name
	Secrets     []Secret          // files that it finds, read-only
	MemoryBytes int64             // limit, swap included; 0: that of the runtime
	CPU         float64           // limit in cores; 0: none
	PIDs        int64             // most processes and threads; 0: that of the runtime
	RawSockets  bool              // it may send and read packets of any kind
	Port        int               // container port that health checks ask
	Publish     []Publish
	Health      plan.HealthCheck // none: that of the image

	// What companions have, and services that others need.
	Aliases   []string `json:",omitempty"` // further host names in the group
	Beside    bool     `json:",omitempty"` // the others start when it is ready, and nothing of it is kept: it ends without grace
	User      string   `json:",omitempty"` // instead of the image's
	Protocol  string   `json:",omitempty"` // that tells when it is ready, over that port; see package probe
	Layers    []string `json:",omitempty"` // directories over the image's layers, the lowest first; nothing is written to them
	Writables []Secret `json:",omitempty"` // directories of this machine that it finds and may write to
}

// Secret is a file of this machine that a container finds at a path, read-only.
type Secret struct {
	Target string // absolute, in the container
	File   string // absolute, on this machine
}

// Publish makes a container port reachable on the machine.
type Publish struct {
	Service   string     `json:"service,omitempty"` // of a flag: which service is meant; empty: the one with the port
	HostIP    netip.Addr `json:"host_ip"`
	Host      int        `json:"host"` // 0: a free port, filled in at the start
	Container int        `json:"container"`
}

// ParsePublish reads [SERVICE=][IP:]HOST:CONTAINER. Without IP the port is
// published on 127.0.0.1, not on every interface of the machine as Docker does.
func ParsePublish(s string) (Publish, error) {
	p := Publish{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	rest := s
	if name, after, ok := strings.Cut(rest, "="); ok {
		p.Service, rest = name, after
	}
	rest, container, ok := cutLast(rest, ":")
	if !ok {
		return p, fmt.Errorf("%q is not [SERVICE=][IP:]HOST:CONTAINER", s)
	}
	ip, host, ok := cutLast(rest, ":")
	if !ok {
		ip, host = "", rest
	}
	var err error
	if ip != "" {
		if p.HostIP, err = netip.ParseAddr(strings.Trim(ip, "[]")); err != nil {
			return p, fmt.Errorf("%q: %q is not an IP address", s, ip)
		}
	}
	if p.Host, err = port(host, 0); err != nil {
		return p, fmt.Errorf("%q: %w", s, err)
	}
	if p.Container, err = port(container, 1); err != nil {
		return p, fmt.Errorf("%q: %w", s, err)
	}
	return p, nil
}

func port(s string, lowest int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < lowest || n > 65535 {
		return 0, fmt.Errorf("%q is not a port (%d to 65535)", s, lowest)
	}
	return n, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}

// String is the form that people type, without the service.
func (p Publish) String() string {
	return netip.AddrPortFrom(p.HostIP, uint16(p.Host)).String() + "->" + strconv.Itoa(p.Container)
}

// State is where a service is in its life.
type State string

// Settle is how long a service has to run to count as up when it has no health
// check, or one that only connects to its port.
const Settle = 2 * time.Second

// The states. A service without a health check is Running instead of Healthy,
// once it has run for a while.
const (
	Waiting   State = "waiting"
	Starting  State = "starting"
	Running   State = "running"
	Healthy   State = "healthy"
	Unhealthy State = "unhealthy"
	Exited    State = "exited"
)

// Exit is how a service's first process ended.
type Exit struct {
	Code      int    `json:"code"` // 128+N when signal N ended it
	Signal    string `json:"signal,omitempty"`
	OOMKilled bool   `json:"oom_killed,omitempty"`
	Stopped   bool   `json:"stopped,omitempty"` // because slipway was told to
}

// Status is what is known of a service at a moment.
type Status struct {
	Service          string    `json:"service"`
	Type             string    `json:"type,omitempty"`
	Image            string    `json:"image"`
	State            State     `json:"state"`
	PID              int       `json:"pid,omitempty"` // of its first process, as the machine counts
	IP               string    `json:"ip,omitempty"`
	Ports            []Publish `json:"ports,omitempty"`
	StartedAt        time.Time `json:"started_at,omitzero"`
	ReadyMillis      int64     `json:"ready_ms,omitempty"` // from start to the first good probe
	MemoryLimitBytes int64     `json:"memory_limit_bytes,omitempty"`
	MemoryBytes      int64     `json:"memory_bytes,omitempty"` // in use, without reclaimable cache
	Check            string    `json:"check,omitempty"`        // the health check in words
	LastProbe        string    `json:"last_probe,omitempty"`   // why the last probe failed; empty: it did not
	Failures         int       `json:"failures,omitempty"`     // probes that failed in a row
	Exit             *Exit     `json:"exit,omitempty"`
}

// Ready tells whether a caller that waits for healthy services may go on: it is
// healthy, keeps running without a health check, or was a job that ended well.
// Without a known type, what ends well was a job.
func (s Status) Ready() bool {
	switch s.State {
	case Healthy:
		return true
	case Running:
		return s.Type != "job"
	case Exited:
		return s.Check == "" && (s.Type == "" || s.Type == "job") && s.Exit != nil && s.Exit.Code == 0
	}
	return false
}

// MayStart reports whether the service may still be starting: it runs, and was
// never healthy.
func (s Status) MayStart() bool {
	return s.Exit == nil && s.ReadyMillis == 0 && (s.State == Starting || s.State == Unhealthy)
}

// Failed tells whether waiting for the service is in vain.
func (s Status) Failed() bool {
	return s.State == Unhealthy || s.State == Exited && !s.Ready()
}

// Watcher is told what happens in a group. It is called from several goroutines.
type Watcher interface {
	Changed(Status)
	Log(service string, line []byte) // without the line end
	Note(text string)
}

// OnlyPort returns the TCP port that an image exposes ("3004/tcp") when it is
// the only one, else 0.
func OnlyPort(exposed map[string]struct{}) int {
	if len(exposed) != 1 {
		return 0
	}
	for p := range exposed {
		number, proto, _ := strings.Cut(p, "/")
		if n, err := port(number, 1); err == nil && (proto == "" || proto == "tcp") {
			return n
		}
	}
	return 0
}

// Assign gives every published port to the service that it means: the named
// one, or the one that listens on the container port.
func Assign(services []Spec, ports []Publish) error {
	for _, p := range ports {
		i, err := owner(services, p)
		if err != nil {
			return err
		}
		p.Service = ""
		services[i].Publish = append(services[i].Publish, p)
	}
	return nil
}

func owner(services []Spec, p Publish) (int, error) {
	var with, ports []string
	found := -1
	for i, s := range services {
		if s.Name == p.Service || p.Service == "" && s.Port == p.Container {
			found = i
			with = append(with, s.Name)
		}
		if s.Port != 0 {
			ports = append(ports, fmt.Sprintf("%s listens on %d", s.Name, s.Port))
		}
	}
	switch {
	case len(with) == 1:
		return found, nil
	case p.Service != "":
		return 0, unknownService(services, p.Service, "to publish a port of")
	case len(with) > 1:
		return 0, diag.Fail(diag.ExitUsage, "several services listen on %d: %s", p.Container, strings.Join(with, ", ")).
			WithHint("choose one: -p %s=%d:%d", with[0], p.Host, p.Container)
	case len(services) == 1:
		return 0, nil // it may listen on more ports than it says
	}
	return 0, diag.Fail(diag.ExitUsage, "no service listens on %d, so it cannot be published", p.Container).
		WithHint("%s; or choose one: -p SERVICE=%d:%d", strings.Join(ports, ", "), p.Host, p.Container)
}
