package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/relay"
	"github.com/slipway-build/slipway/test/cluster/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// fleetAtSea is a copy of the FAST fleet that is shipped.
type fleetAtSea struct {
	dir      string
	env      []string
	releases string                       // what their versions begin with: releases never change
	pay      func(context.Context) string // the answer of production to a payment
}

// The line of the orchestrator that a release changes.
const takesPayment = "  const body = await read(request);\n"

func (f *fleetAtSea) write(t *testing.T, settings string) {
	t.Helper()
	f.dir = filepath.Join(t.TempDir(), "fast")
	copyExample(t, f.dir, fast())
	write(t, filepath.Join(f.dir, "slipway.yaml"), settings)
}

// fresh begins versions that no run before has made.
func fresh(name string) string { return fmt.Sprintf("%s-%d-", name, time.Now().Unix()) }

// becomes puts a line into the orchestrator.
func (f *fleetAtSea) becomes(t *testing.T, line string) {
	t.Helper()
	const file = "fast-orchestrator-service/src/http-server.ts"
	source := read(t, filepath.Join(fast(), file))
	if !strings.Contains(source, takesPayment) {
		t.Fatalf("%s has changed", file)
	}
	write(t, filepath.Join(f.dir, file), strings.Replace(source, takesPayment, takesPayment+line, 1))
}

// ship brings the fleet as it is to where it runs, while payments come.
func (f *fleetAtSea) ship(t *testing.T, version string) (result, map[string]int) {
	t.Helper()
	stop := load(30, f.pay)
	r := invocation{dir: f.dir, env: f.env, args: []string{"ship", version}}.run(t)
	answers := stop()
	t.Logf("slipway ship %s: exit %d after %s; %v", version, r.code, r.took.Round(100*time.Millisecond), answers)
	return r, answers
}

// paysTo sends the good payment, which moves money once however often it comes.
func paysTo(t *testing.T, client *http.Client, address string) func(context.Context) string {
	t.Helper()
	good, err := os.ReadFile(filepath.Join(fast(), "payments", "good.json"))
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context) string {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/payments", bytes.NewReader(good))
		if err != nil {
			return err.Error()
		}
		res, err := client.Do(req)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		var answer struct{ Status, Error, Failure string }
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			return res.Status + " " + err.Error()
		}
		return res.Status + " " + answer.Status + answer.Error + answer.Failure
	}
}

const accepted = "200 OK ACCEPTED"

// ships brings a good, a better and a bad release to production. want is why the bad one
// goes back. Of the payments meanwhile, one in so many may meet it; they get broken, "" is
// anything.
func (f *fleetAtSea) ships(t *testing.T, bad, broken string, oneIn int, want string) {
	t.Helper()
	t.Cleanup(func() {
		for _, environment := range []string{"production", "staging"} {
			invocation{dir: f.dir, env: f.env, args: []string{"deploy", "abort", environment}}.run(t)
			invocation{dir: f.dir, env: f.env, args: []string{"deploy", "remove", environment}}.run(t).must(t, 0)
		}
		invocation{dir: f.dir, env: f.env, args: []string{"host", "stop"}}.run(t).must(t, 0)
	})
	invocation{dir: f.dir, env: f.env, args: []string{"host", "start", "--background"}}.run(t).must(t, 0) // not by the systemd of this machine
	v1, v2, v3 := f.releases+"1", f.releases+"2", f.releases+"3"
	invocation{dir: f.dir, env: f.env, args: []string{"ship", v1}}.run(t).must(t, 0).says(t, v1+" is in staging, production")
	if got := f.pay(t.Context()); got != accepted {
		t.Fatalf("a payment gets %q", got)
	}
	f.becomes(t, "  response.setHeader('X-Version', '2');\n")
	r, answers := f.ship(t, v2)
	r.must(t, 0).says(t, v2+" is in staging, production")
	only(t, v2, answers, accepted)
	f.becomes(t, bad)
	r, answers = f.ship(t, v3)
	r.must(t, 6).says(t, v3+" was rolled back in production: fast-orchestrator-service:", want)
	met, all := 0, 0
	for text, n := range answers {
		all += n
		if text != accepted && (broken == "" || text == broken) {
			met += n
			delete(answers, text)
		}
	}
	if met > all/oneIn {
		t.Errorf("%d of %d payments met the bad release", met, all)
	}
	only(t, v3, answers, accepted)
	f.audited(t, v1, v2, v3)
}

// audited looks at what the audit log has of the releases.
func (f *fleetAtSea) audited(t *testing.T, v1, v2, v3 string) {
	t.Helper()
	slipway := func(args ...string) string {
		return invocation{dir: f.dir, env: f.env, args: args}.run(t).must(t, 0).stdout
	}
	slipway("audit", "verify")
	var log struct {
		Records []struct{ Action, Environment, Version string }
	}
	if err := json.Unmarshal([]byte(slipway("audit", "export", "--for", "json")), &log); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range log.Records {
		if strings.HasPrefix(r.Version, f.releases) && slices.Contains([]string{"built-release", "deployed", "rolled-back"}, r.Action) {
			got = append(got, strings.TrimSpace(r.Action+" "+r.Version+" "+r.Environment))
		}
	}
	want := []string{
		"built-release " + v1, "deployed " + v1 + " staging", "deployed " + v1 + " production", "built-release " + v2, "deployed " + v2 + " staging", "deployed " + v2 + " production",
		"built-release " + v3, "deployed " + v3 + " staging", "rolled-back " + v3 + " production",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the audit log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for standard, control := range map[string]string{"soc2": "CC8.1", "pci-dss": "6.5.1"} {
		if text := slipway("audit", "export", "--for", standard); !strings.Contains(text, control) || !strings.Contains(text, v3) {
			t.Errorf("the export for %s has not %s and %s:\n%s", standard, control, v3, text)
		}
	}
}

// settings are those of the example with shorter times, and what the caller replaces.
func settings(t *testing.T, replace ...string) string {
	t.Helper()
	text := read(t, filepath.Join(fast(), "slipway.yaml"))
	replace = append([]string{"keep: 10s", "keep: 1s", "soak: 10s", "soak: 2s", "every: 20s, keep: 30s", "every: 4s, keep: 2s"}, replace...)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the example has no %q", replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text + "    env: {REGION: production}\n"
}

// TestShipsTheFleet brings FAST to both of its environments on this machine: the canary of
// a bad release fails payments, and goes back.
func TestShipsTheFleet(t *testing.T) {
	builtFleet(t)
	f := &fleetAtSea{releases: fresh("host")}
	staging, production := freePort(t), freePort(t)
	f.write(t, settings(t, "127.0.0.1:8104", "127.0.0.1:"+staging, "127.0.0.1:8004", "127.0.0.1:"+production))
	f.pay = paysTo(t, http.DefaultClient, "http://127.0.0.1:"+production)
	f.ships(t, "  if (process.env.REGION === 'production') return sendJson(response, 500, { error: 'no ledger' });\n", "500 Internal Server Error no ledger", 10, "requests failed")
}

// TestShipsTheFleetToACluster has staging on this machine and production on a real
// Kubernetes, where a bad release ends at its first payment: one pod of four.
func TestShipsTheFleetToACluster(t *testing.T) {
	real(t)
	if os.Getenv("SLIPWAY_E2E_CLUSTER") != "1" {
		t.Skip("a real Kubernetes takes a quarter of an hour to compile: make cluster, or SLIPWAY_E2E_CLUSTER=1")
	}
	builtFleet(t)
	dir, err := os.MkdirTemp("", "kube") // sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cluster, err := kubernetes.Up(t.Context(), kubernetes.Options{Dir: filepath.Join(dir, "c"), Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Down(); err != nil {
			t.Error(err)
		}
	})
	if err := cluster.Names(t.Context()); err != nil {
		t.Fatal(err)
	}
	registry := servedRegistry(t, nil)
	api := throughTo(t, cluster, registry)
	config := filepath.Join(dir, "config")
	write(t, config, strings.ReplaceAll(read(t, cluster.Kubeconfig), "127.0.0.1:6443", api))
	f := &fleetAtSea{releases: fresh("cluster"), env: []string{"KUBECONFIG=" + config}}
	const routes = "    routes: [{listen: \"127.0.0.1:8004\", service: fast-orchestrator-service}]\n    checks: [{service: fast-orchestrator-service, http: /health}]"
	f.write(t, settings(t, "registry: localhost:5000", "registry: "+registry, "127.0.0.1:8104", "127.0.0.1:"+freePort(t),
		"    target: host\n    after: staging", "    target: kubernetes\n    after: staging", "    analysis: {samples: 20}\n", "",
		routes, "    services: {fast-orchestrator-service: {replicas: 3}}\n    checks: [{service: fast-orchestrator-service, http: /health}]"))
	inside := &http.Client{Transport: &http.Transport{DialContext: cluster.Dial, MaxIdleConnsPerHost: 10}}
	f.pay = func(ctx context.Context) string {
		f.pay = paysTo(t, inside, "http://"+clusterIP(t, config, "fast-orchestrator-service")+":3004")
		return f.pay(ctx)
	}
	f.ships(t, "  if (process.env.REGION === 'production') process.exit(3);\n", "", 4, "the pod fast-orchestrator-service-")
}

// throughTo makes a registry of this machine reachable inside a cluster, under its own
// address, and returns an address of this machine that reaches the cluster's API.
func throughTo(t *testing.T, cluster *kubernetes.Cluster, registry string) (api string) {
	t.Helper()
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inside, err := cluster.Listen(registry)
	if err != nil {
		t.Fatal(err)
	}
	var r relay.Relay
	t.Cleanup(func() {
		_, _ = outside.Close(), inside.Close()
		r.Close()
	})
	r.Serve(outside, func(net.Conn) (net.Conn, error) { return cluster.Dial(context.Background(), "tcp", "127.0.0.1:6443") })
	r.Serve(inside, func(net.Conn) (net.Conn, error) { return net.Dial("tcp", registry) })
	return outside.Addr().String()
}

// clusterIP is the address of a Service in the namespace default.
func clusterIP(t *testing.T, kubeconfig, service string) string {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Get(config.Host + "/api/v1/namespaces/default/services/" + service)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var found struct{ Spec struct{ ClusterIP string } }
	if err := json.NewDecoder(res.Body).Decode(&found); err != nil || found.Spec.ClusterIP == "" {
		t.Fatalf("the Service %s has no address: %s, %v", service, res.Status, err)
	}
	return found.Spec.ClusterIP
}
