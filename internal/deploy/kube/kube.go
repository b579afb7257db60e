// Package kube brings releases to Kubernetes. Each side of a service is a Deployment, and
// one Service gives them the traffic, by its selector: to the old side, to the new one, or
// to both by the number of their pods. The journal of a rollout and its lock are objects in
// the same namespace, so any machine can go on with it.
//
//	c, err := kube.Open(kube.Options{Context: "prod", Namespace: "payments", Fleet: "shop", Environment: "production"})
//	_, err = c.Take(ctx, rollout, "me@here", false)
//	err = c.Prepare(ctx, sides) // objects with no pods yet
//	seen, err := kube.Target{Client: c, Spec: spec}.Observe(ctx, "web")
//
// Every error of the API is an error, and says nothing about the release; what is wrong with
// a side is what its pods say.
package kube

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
)

// Options say which cluster, and whose objects.
type Options struct {
	Kubeconfig  string // file; "": as kubectl finds it, and the pod's own credentials without one
	Context     string // "": the current one
	Namespace   string // "": that of the context
	Fleet       string
	Environment string
}

// Client is an environment of a fleet in a namespace. It is safe for concurrent use.
type Client struct {
	Namespace string

	http   *http.Client
	server *url.URL
	what   string // for messages
	opts   Options
	holder string // names this one, where it holds the lock

	mu     sync.Mutex
	offset time.Duration        // of the server's clock
	short  map[string]time.Time // since when sides have fewer healthy pods than they want
	lines  map[string]string    // what was found out about a pod, by the state that it was in
	looked map[string]sighting  // what was seen last, by service
}

// sighting is what a look at the pods of a service found.
type sighting struct {
	version string // of their list
	behind  bool   // a Service does not send requests yet to one that is ready
}

// Open reads the configuration. It asks the cluster nothing.
func Open(o Options) (*Client, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	cfg, err := loader.ClientConfig()
	if err != nil {
		return nil, unconfigured(o, rules, loader, err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, unconfigured(o, rules, loader, err)
	}
	if o.Namespace != "" {
		namespace = o.Namespace
	}
	o.Namespace = namespace
	return New(cfg, o)
}

// unconfigured explains why there is no cluster to ask.
func unconfigured(o Options, rules *clientcmd.ClientConfigLoadingRules, loader clientcmd.ClientConfig, err error) error {
	failed := diag.Fail(diag.ExitUsage, "the cluster of the environment %s is not known", o.Environment).Because(err)
	raw, rawErr := loader.RawConfig()
	switch {
	case rawErr == nil && len(raw.Contexts) == 0:
		places := rules.GetLoadingPrecedence()
		for _, file := range places {
			if _, err := os.Stat(file); err == nil {
				return failed.WithHint("the kubeconfig %s names no context; set KUBECONFIG to the path of another one", file)
			}
		}
		return failed.WithHint("there is no kubeconfig in %s: set KUBECONFIG to its path", strings.Join(places, ", "))
	case rawErr == nil && o.Context != "" && raw.Contexts[o.Context] == nil:
		var names []string
		for name := range raw.Contexts {
			names = append(names, name)
		}
		slices.Sort(names)
		return failed.WithHint("context: is one of %s", strings.Join(names, ", "))
	}
	return failed.WithHint("see whether kubectl works: kubectl config view --minify")
}

// New asks the cluster of a configuration.
func New(cfg *rest.Config, o Options) (*Client, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.UserAgent = "slipway"
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "the credentials of the cluster cannot be used").Because(err).WithHint("see whether kubectl works: kubectl config view --minify")
	}
	address := cfg.Host
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	server, err := url.Parse(address)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "%q is no address of a cluster", cfg.Host).Because(err)
	}
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	return &Client{
		Namespace: o.Namespace, http: client, server: server, opts: o, holder: rand.Text(), what: fmt.Sprintf("the cluster %s", server.Host),
		short: map[string]time.Time{}, lines: map[string]string{}, looked: map[string]sighting{},
	}, nil
}

// Close lets connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// String names the place.
func (c *Client) String() string { return "the namespace " + c.Namespace + " of " + c.what }

// flags are those of kubectl for the same place.
func (c *Client) flags() string {
	out := "-n " + c.Namespace + " "
	if c.opts.Context != "" {
		out = "--context " + c.opts.Context + " " + out
	}
	return out
}

// clock notes the time of the server. Times in objects are its own, whatever the clock of
// this machine says.
func (c *Client) clock(res *http.Response) {
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if off := time.Until(date); off.Abs() > 2*time.Second { // it has no fractions
		c.offset = off
	} else {
		c.offset = 0
	}
}

// now is the time of the server.
func (c *Client) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Labels of the objects that Slipway keeps for itself.
const (
	labelFleet   = "slipway.build/fleet"
	labelKept    = "slipway.build/kept" // "rollout" or "journal"
	labelRollout = "slipway.build/rollout"
)

// kept are the labels of what is kept of this environment.
func (c *Client) kept(what string) map[string]string {
	return map[string]string{labelFleet: c.opts.Fleet, manifest.LabelEnvironment: c.opts.Environment, labelKept: what}
}

// named makes the name of an object of Slipway's own.
func (c *Client) named(parts ...string) string {
	name := strings.Join(append([]string{"slipway", c.opts.Fleet, c.opts.Environment}, parts...), ".")
	return strings.Trim(strings.NewReplacer("_", "-", "..", ".", "-.", ".", ".-", ".").Replace(strings.ToLower(name)), ".-")
}

func selector(labels map[string]string) string {
	var out []string
	for k, v := range labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// missing reports an object that does not exist.
func missing(err error) bool { return errors.Is(err, errNotFound) }

// The parts of an object, empty where they are not.

func sub(o map[string]any, path ...string) map[string]any {
	for _, p := range path {
		o, _ = o[p].(map[string]any)
	}
	return o
}

func list(o map[string]any, key string) (out []map[string]any) {
	all, _ := o[key].([]any)
	for _, v := range all {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func text(o map[string]any, path ...string) string {
	s, _ := sub(o, path[:len(path)-1]...)[path[len(path)-1]].(string)
	return s
}

func number(o map[string]any, path ...string) int {
	f, _ := sub(o, path[:len(path)-1]...)[path[len(path)-1]].(float64)
	return int(f)
}

func moment(o map[string]any, path ...string) time.Time {
	t, _ := time.Parse(time.RFC3339, text(o, path...))
	return t
}
