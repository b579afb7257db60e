package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
)

// The targets of an environment.
const (
	TargetHost       = "host"
	TargetSSH        = "ssh"
	TargetKubernetes = "kubernetes"
)

// Environment is where a fleet runs, and how a release gets there.
type Environment struct {
	Name      string
	Target    string               // TargetHost (this machine), TargetSSH or TargetKubernetes
	Hosts     []string             `json:",omitempty"` // ssh: user@host[:port], in the order in which they get a release
	Context   string               `json:",omitempty"` // kubernetes: of the kubeconfig; "": the current one
	Namespace string               `json:",omitempty"` // kubernetes; "": that of the context
	Gateway   string               `json:",omitempty"` // "NAME" or "NAMESPACE/NAME"; "": routes are Ingresses
	After     string               `json:",omitempty"` // the environment in which a release has to have run, with its checks passed
	Soak      time.Duration        `json:",omitempty"` // how long it has to have run there
	Approval  bool                 `json:",omitempty"` // somebody has to approve
	Require   []string             `json:",omitempty"` // evidence: words of Requirements
	Freeze    []Freeze             `json:",omitempty"` // when nothing is deployed
	Deadline  time.Duration        // in which new containers become healthy
	Patience  time.Duration        // how long a target or a source of metrics may give no answer
	Env       map[string]string    `json:",omitempty"` // of every service, over its own
	EnvFiles  []string             `json:",omitempty"` // of every service, relative to the fleet's root; later ones win, Env wins over all
	Secrets   []EnvironmentSecret  `json:",omitempty"` // as written
	Routes    []Route              `json:",omitempty"` // host and ssh: what the proxy takes from outside
	ACME      Authority            `json:",omitzero"`  // of routes with ACME
	Checks    []Check              `json:",omitempty"` // of the new side, before and while it gets traffic
	Analysis  Analysis             // limits of canaries
	Hooks     Hooks                `json:",omitzero"`
	Placement Placement            `json:",omitzero"`  // of every service; its Env is the environment's
	Services  map[string]Placement `json:",omitempty"` // over it
	Line      int                  // of the environment's key in slipway.yaml
}

// Placement says how a service runs in an environment.
type Placement struct {
	Strategy    deploy.Strategy   `json:",omitzero"`  // Kind "": not written
	Replicas    int               `json:",omitempty"` // 0: not written
	MemoryBytes int64             `json:",omitempty"` // 0: that of the service
	CPU         float64           `json:",omitempty"` // cores; 0: not limited
	Env         map[string]string `json:",omitempty"`
	Autoscale   deploy.Autoscale  `json:",omitzero"` // in place of Replicas
}

// Route is what the proxy of a host takes from outside and hands to a service.
type Route struct {
	Listen      netip.AddrPort // [::] is every address of the host, IPv4 too
	Host        string         `json:",omitempty"` // "shop.example", "*.shop.example"; "": any other host
	Path        string         `json:",omitempty"` // "/api" is for /api and all below it; "": all
	Service     string
	TCP         bool   `json:",omitempty"` // bytes are handed on as they are
	Certificate string `json:",omitempty"` // file, absolute on the host or relative to the fleet's root, or a Secret of Kubernetes; "": no TLS
	Key         string `json:",omitempty"` // the same; there exactly when Certificate is
	ACME        bool   `json:",omitempty"` // the certificate comes from the environment's authority
}

// TLS reports a route whose connections are encrypted.
func (r Route) TLS() bool { return r.Certificate != "" || r.ACME }

// Authority gives certificates by ACME (RFC 8555).
type Authority struct {
	Directory string `json:",omitempty"` // URL; "": that of Let's Encrypt
	Email     string `json:",omitempty"` // which it may write to; "": none
}

// Check asks the new side of a service whether it is good. Exactly one of HTTP, GRPC,
// Command, Tests and Prometheus is set.
type Check struct {
	Service    string
	HTTP       string        `json:",omitempty"` // path that answers 2xx or 3xx
	GRPC       *string       `json:",omitempty"` // service of grpc.health.v1; "": the whole server
	Command    []string      `json:",omitempty"` // in the image of the new release; exits with 0
	Tests      string        `json:",omitempty"` // quality stage of the service, run against the new side
	Prometheus string        `json:",omitempty"` // query with one number as its result, for Analysis.Prometheus
	Below      *float64      `json:",omitempty"` // prometheus: the number is smaller
	Above      *float64      `json:",omitempty"` // prometheus: the number is larger
	Within     time.Duration // in which it passes
	Line       int           // in slipway.yaml
}

// Analysis limits how a canary may differ from the running version.
type Analysis struct {
	Off        bool    `json:",omitempty"` // nothing is compared
	ErrorRate  float64 // percent of the requests that fail beyond those of the running version
	P95        float64 // factor of the running version's 95th percentile
	Samples    int     // least requests of the new side to judge by
	Prometheus string  `json:",omitempty"` // address; "": the proxy's own metrics
}

// Hooks are commands around a rollout, one after the other. One that fails ends the rollout.
type Hooks struct {
	Before   []Hook `json:",omitempty"` // anything of the release is started, such as migrations
	After    []Hook `json:",omitempty"` // all of it runs
	Rollback []Hook `json:",omitempty"` // it went back
}

// Hook is a command in the image of a service of the new release.
type Hook struct {
	Service string
	Command []string `json:",omitempty"` // nil: the image's own
	Timeout time.Duration
	Line    int // in slipway.yaml
}

// EnvironmentSecret is a secret by reference: as a variable or a file of containers, from
// exactly one source. Nothing here reads its value.
type EnvironmentSecret struct {
	Name       string   `json:",omitempty"` // variable; "": it is a file
	Target     string   `json:",omitempty"` // absolute path of the file in containers; "": it is a variable
	File       string   `json:",omitempty"` // relative to the fleet's root
	Env        string   `json:",omitempty"` // variable of the machine that deploys
	Command    []string `json:",omitempty"` // on the machine that deploys, such as sops; its output is the value
	Kubernetes string   `json:",omitempty"` // "secret/key" in the namespace
	Services   []string `json:",omitempty"` // that get it; none: all
	Line       int      // in slipway.yaml
}

// Environment returns an environment by its name.
func (f *Fleet) Environment(name string) (Environment, error) {
	var names []string
	for _, e := range f.Environments {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	failed := diag.Fail(diag.ExitUsage, "there is no environment %q", clip(name))
	switch near := diag.Nearest(name, names); {
	case len(names) == 0:
		return Environment{}, failed.WithHint("add environments: to %s, such as {%s: {target: host}}", or(f.File, FileName), NameOf(name))
	case near != "":
		return Environment{}, failed.WithHint("did you mean %q?", near)
	}
	return Environment{}, failed.WithHint("the environments are %s", strings.Join(names, ", "))
}

// Of returns how a service runs: its own settings over those of the environment, over the
// defaults. What checks and analysis ask of the strategy is set too; there is no analysis
// of a service that takes no traffic, which only the caller can tell.
func (e Environment) Of(service string) Placement {
	own, all := e.Services[service], e.Placement
	out := Placement{
		Strategy:    all.Strategy,
		Replicas:    or(or(own.Replicas, all.Replicas), 1),
		MemoryBytes: or(own.MemoryBytes, all.MemoryBytes),
		CPU:         or(own.CPU, all.CPU),
		Env:         map[string]string{},
	}
	if out.Autoscale = or(own.Autoscale, all.Autoscale); own.Replicas != 0 {
		out.Autoscale = deploy.Autoscale{}
	}
	if own.Strategy.Kind != "" {
		out.Strategy = own.Strategy
	}
	if out.Strategy.Kind == "" {
		out.Strategy = defaultStrategy(deploy.Rolling)
	}
	out.Strategy.Checked = slices.ContainsFunc(e.Checks, func(c Check) bool { return c.Service == service })
	out.Strategy.Analysed = out.Strategy.Kind == deploy.Canary && !e.Analysis.Off
	for _, env := range []map[string]string{e.Env, all.Env, own.Env} {
		maps.Copy(out.Env, env)
	}
	return out
}

// SecretsOf returns the secrets that a service gets, as written.
func (e Environment) SecretsOf(service string) []EnvironmentSecret {
	var out []EnvironmentSecret
	for _, s := range e.Secrets {
		if len(s.Services) == 0 || slices.Contains(s.Services, service) {
			out = append(out, s)
		}
	}
	return out
}

// Source says where the value of a secret comes from, without the value.
func (s EnvironmentSecret) Source() string {
	switch {
	case s.File != "":
		return "the file " + s.File
	case s.Env != "":
		return "the variable " + s.Env
	case s.Kubernetes != "":
		return "the Kubernetes Secret " + s.Kubernetes
	}
	return fmt.Sprintf("the command %q", strings.Join(s.Command, " "))
}

// Requirements are the kinds of evidence that require: takes.
func Requirements() []string {
	return []string{"tests", "scan", "signature", "sbom", "provenance"}
}

// The defaults of an environment. Those of strategies are in defaultStrategy.
const (
	defaultDeadline  = 2 * time.Minute
	defaultPatience  = 5 * time.Minute
	defaultWithin    = time.Minute
	defaultTimeout   = 10 * time.Minute
	defaultErrorRate = 1
	defaultP95       = 1.5
	defaultSamples   = 50
	defaultListen    = 80
	defaultACMEPort  = 443 // where authorities ask
)

// DefaultCPU is the percentage of the limit in cores at which Autoscale keeps containers.
const DefaultCPU = 60

// defaultStrategy is a strategy of which only the name is written.
func defaultStrategy(kind string) deploy.Strategy {
	switch kind {
	case deploy.Rolling:
		return deploy.Strategy{Kind: kind, Surge: 1}
	case deploy.BlueGreen:
		return deploy.Strategy{Kind: kind, Keep: 10 * time.Minute}
	case deploy.Canary:
		return deploy.Strategy{Kind: kind, Percent: []int{10, 50}, Every: 5 * time.Minute, Keep: 10 * time.Minute}
	}
	return deploy.Strategy{Kind: kind}
}
