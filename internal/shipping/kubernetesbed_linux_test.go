package shipping_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/release"
	"github.com/slipway-build/slipway/internal/shipping"
	"github.com/slipway-build/slipway/test/cluster/kubernetes"
)

// slipwayYAML has an environment for each strategy, and a plain one.
func slipwayYAML() string {
	out := `version: 1
fleet: shop
services:
  web: {path: web, type: http, port: 8080, health: {http: /health}}
  task: {path: task, type: job}
environments:
`
	for name, strategy := range map[string]string{"rolling": "rolling", "blue-green": "{blue-green: {keep: 0s}}", "canary": "{canary: {steps: [50], every: 2s, keep: 0s}}", "recreate": "recreate"} {
		out += fmt.Sprintf(`  %s:
    target: kubernetes
    replicas: 2
    deadline: 30s
    strategy: %s
    memory: 64Mi
    env: {GREETING: hello}
    secrets: {TOKEN: {env: SHOP_TOKEN, services: web}}
    checks: [{service: web, http: /health}]
    hooks: {before: [{service: task, command: [/app, migrate]}]}
`, name, strategy)
	}
	return out + `  plain: {target: kubernetes, memory: 64Mi, cpu: 100m}
  kept: {target: kubernetes, memory: 64Mi, autoscale: {min: 2, max: 4}, routes: [{host: shop.example, service: web}]}
`
}

// bed is a cluster with a registry, and images of an application in it.
type bed struct {
	cluster *kubernetes.Cluster
	config  *rest.Config
	fleet   *fleet.Fleet
	digests map[string]string // by version
}

// registryAddress is inside the network of the cluster, where it needs no TLS.
const registryAddress = "127.0.0.1:5000"

func newBed(t *testing.T) *bed {
	t.Helper()
	if os.Getenv("SLIPWAY_E2E") != "1" || os.Geteuid() != 0 {
		t.Skip("a real cluster needs root and SLIPWAY_E2E=1; make test sets it")
	}
	b := &bed{digests: map[string]string{}}
	dir, err := os.MkdirTemp("", "kube") // sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	began := time.Now()
	if b.cluster, err = kubernetes.Up(t.Context(), kubernetes.Options{Dir: filepath.Join(dir, "c"), Log: os.Stderr}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.cluster.Down(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("the cluster runs after %s", time.Since(began).Round(100*time.Millisecond))
	if b.config, err = clientcmd.BuildConfigFromFlags("", b.cluster.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	b.config.Dial = b.cluster.Dial
	b.images(t)
	root := t.TempDir()
	for path, text := range map[string]string{"slipway.yaml": slipwayYAML(), "web/Dockerfile": "FROM scratch\n", "task/Dockerfile": "FROM scratch\n"} {
		at := filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	loader := fleet.Loader{Dir: root, Warn: func(diag.Findings) {}}
	if b.fleet, err = loader.Read(root, fleet.Overrides{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// images pushes a version for each thing that may happen.
func (b *bed) images(t *testing.T) {
	t.Helper()
	l, err := b.cluster.Listen(registryAddress)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: registry.New()}}
	s.Start()
	t.Cleanup(s.Close)
	program, err := kubernetes.Program(t.Context(), "app")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: b.cluster.Dial}
	defer transport.CloseIdleConnections()
	for version, mode := range map[string]string{"v1": "", "v2": "", "v3": "", "crash": "crash", "sick": "sick"} {
		img, err := kubernetes.Image(program, "/app", "VERSION="+version, "MODE="+mode)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(registryAddress+"/shop/app:"+version, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img, remote.WithTransport(transport)); err != nil {
			t.Fatal(err)
		}
		digest, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		b.digests[version] = digest.String()
	}
	b.digests["missing"] = "sha256:" + strings.Repeat("0", 64)
}

// post makes something that Slipway does not make.
func (b *bed) post(t *testing.T, path, body string) {
	t.Helper()
	b.ask(t, http.MethodPost, path, body)
}

func (b *bed) get(t *testing.T, path string) string {
	t.Helper()
	return b.ask(t, http.MethodGet, path, "")
}

// ask asks the API, past Slipway.
func (b *bed) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	return b.askAs(t, method, path, body, "application/json")
}

func (b *bed) askAs(t *testing.T, method, path, body, content string) string {
	t.Helper()
	client, err := rest.HTTPClientFor(b.config)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, b.config.Host+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", content)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %v, %s", method, path, err, answer)
	}
	return string(answer)
}

// namespace makes one that takes restricted pods alone, until the test ends.
func (b *bed) namespace(t *testing.T, name string) {
	t.Helper()
	t.Cleanup(func() {
		if answer := b.ask(t, http.MethodDelete, "/api/v1/namespaces/"+name, ""); !strings.Contains(answer, "Terminating") {
			t.Errorf("the namespace %s stays: %s", name, answer)
		}
	})
	b.post(t, "/api/v1/namespaces", fmt.Sprintf(`{"metadata": {"name": %q, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}`, name))
}

// client is another process that knows the cluster.
func (b *bed) client(t *testing.T, namespace, environment string) *kube.Client {
	t.Helper()
	c, err := kube.New(b.config, kube.Options{Namespace: namespace, Fleet: "shop", Environment: environment})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// order is a release of a version for an environment, in the namespace of its name.
func (b *bed) order(t *testing.T, environment, version string) shipping.Order {
	t.Helper()
	return b.orderIn(t, environment, environment, version)
}

func (b *bed) orderIn(t *testing.T, namespace, environment, version string) shipping.Order {
	t.Helper()
	env, err := b.fleet.Environment(environment)
	if err != nil {
		t.Fatal(err)
	}
	env.Namespace = namespace
	image := func(name string) release.Service {
		return release.Service{Name: name, Image: registryAddress + "/shop/app", Digest: b.digests[version], User: "65532:65532"}
	}
	web, task := image("web"), image("task")
	web.Type, web.Port, web.Health = "http", 8080, plan.HealthCheck{HTTP: "/health"}
	task.Type, task.Digest = "job", b.digests["v1"]
	return shipping.Order{
		Fleet: b.fleet, Environment: env, Release: release.Release{Fleet: "shop", Version: version, Services: []release.Service{task, web}}, Client: shipping.Kubernetes{Client: b.client(t, namespace, environment)},
		Lookup: func(name string) (string, bool) { return "CANARY-token", name == "SHOP_TOKEN" }, By: "a test",
	}
}

// deploy brings a version to an environment.
func (b *bed) deploy(t *testing.T, environment, version string) pipeline.Deployed {
	t.Helper()
	o := b.order(t, environment, version)
	r, err := o.Plan(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Waves) != 1 {
		t.Fatalf("%s: %d waves", version, len(r.Waves))
	}
	began := time.Now()
	if err := o.Start(t.Context(), r); err != nil {
		t.Fatalf("%v; %s", err, diag.HintOf(err))
	}
	done, err := shipping.Run(t.Context(), o.Client, r, "a test", told(func(e event.Event) {
		if n, ok := e.(event.Note); ok {
			t.Logf("%s, %5.1f s: %s: %s", time.Now().Format(clock), time.Since(began).Seconds(), n.Service, n.Text)
		}
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s to %s: %s after %s: %s", version, environment, done.Outcome, time.Since(began).Round(100*time.Millisecond), done.Reason)
	return done
}

// told is an event.Sink.
type told func(event.Event)

func (f told) Emit(e event.Event) { f(e) }

// interrupted is a deploy whose process ends on the way; another one goes on.
func (b *bed) interrupted(t *testing.T, environment, version string) {
	t.Helper()
	o := b.order(t, environment, version)
	r, err := o.Plan(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Start(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = shipping.Run(ctx, o.Client, r, "a test", told(func(e event.Event) {
		if n, ok := e.(event.Note); ok && strings.Contains(n.Text, "of the new side are to run") {
			cancel()
		}
	}), nil)
	if err == nil || ctx.Err() == nil {
		t.Fatalf("it was not interrupted: %v", err)
	}
	another := b.order(t, environment, version)
	if _, err := another.Plan(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := another.Start(t.Context(), host.Rollout{ID: "20270101-000000.000-x", Environment: environment}); err == nil || !strings.Contains(err.Error(), "has not ended") {
		t.Errorf("a second rollout begins beside the first: %v", err)
	}
	left, err := shipping.Unfinished(t.Context(), another.Client, environment)
	if err != nil || left == nil || left.ID != r.ID {
		t.Fatalf("the rollout is not found: %+v, %v", left, err)
	}
	if _, err := shipping.Resume(t.Context(), another.Client, *left, "another test", false); err != nil {
		t.Fatal(err)
	}
	done, err := shipping.Run(t.Context(), another.Client, *left, "another test", event.Discard{}, nil)
	if err != nil || done.Outcome != deploy.Deployed {
		t.Errorf("%+v, %v", done, err)
	}
}

// load sends requests to a Service until it is ended, and counts what they get.
type load struct {
	ok, failed atomic.Int64
	mu         sync.Mutex
	seen       map[string]int
	problems   []string
	end        func()
}

// clock is the form of times in logs, to find what happened when a request failed.
const clock = "15:04:05.000"

// rate is how many requests a second come.
const rate = 200

func (b *bed) load(t *testing.T, address string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	l := &load{seen: map[string]int{}}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: b.cluster.Dial, MaxIdleConnsPerHost: 50}}
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(time.Second / rate)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				running.Go(func() { l.ask(client, "http://"+address+"/") })
			}
		}
	})
	l.end = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		client.CloseIdleConnections()
	})
	t.Cleanup(l.end)
	return l
}

func (l *load) ask(client *http.Client, address string) {
	res, err := client.Get(address)
	text := ""
	if err == nil {
		var body []byte
		body, err = io.ReadAll(res.Body)
		res.Body.Close()
		text = string(body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", res.Status, text)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed.Add(1)
		l.problems = append(l.problems, time.Now().Format(clock)+" "+err.Error())
		return
	}
	l.ok.Add(1)
	l.seen[text]++
}

// address of the Service web.
func (b *bed) address(t *testing.T, namespace string) string {
	t.Helper()
	_, rest, ok := strings.Cut(b.get(t, "/api/v1/namespaces/"+namespace+"/services/web"), `"clusterIP":"`)
	ip, _, _ := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal("the Service web has no address")
	}
	return ip + ":8080"
}
