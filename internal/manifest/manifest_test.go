package manifest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/release"
)

var update = flag.Bool("update", false, "write the golden files")

// shop is a fleet with every kind of service.
func shop() manifest.Fleet {
	whole := ""
	digest := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	image := func(name, c string) release.Service {
		return release.Service{Name: name, Image: "registry.example/shop/" + name, Digest: digest(c), User: "1001:1001"}
	}
	web, api, mailer, store, migrate := image("web", "a"), image("api", "b"), image("mailer", "c"), image("store", "d"), image("migrate", "b")
	web.Type, web.Port, web.MemoryBytes = "http", 8080, 1<<30
	web.Health = plan.HealthCheck{HTTP: "/health", Health: plan.Health{Interval: 2 * time.Second, Retries: 5}}
	api.Type, api.Port, api.Health, api.User = "grpc", 50051, plan.HealthCheck{GRPC: &whole}, "nodejs"
	mailer.Type = "worker"
	store.Type, store.Port, store.User = "http", 9000, "65532:65533"
	store.Health = plan.HealthCheck{GRPC: &whole, TLS: true}
	migrate.Type = "job"
	rolling := deploy.Strategy{Kind: deploy.Rolling, Surge: 1}
	return manifest.Fleet{
		Name: "shop", Version: "v1.2.3", Environment: "production", Namespace: "payments", Deadline: 2 * time.Minute,
		Services: []manifest.Service{
			{
				Service: web, Names: []string{"front"},
				Placement: config.Placement{Strategy: rolling, Replicas: 3, Env: map[string]string{"LOG_LEVEL": "info", "RETRIES": "3", "TEXT": "a {{ b }}\nc"}},
				Secrets: []config.EnvironmentSecret{
					{Name: "DATABASE_URL", Kubernetes: "database/url"},
					{Name: "TOKEN", Command: []string{"sops", "-d", "token"}},
					{Target: "/run/secrets/signing.pem", File: "signing.pem"},
				},
			},
			{Service: api, Callers: []string{"store", "web"}, Placement: config.Placement{Strategy: deploy.Strategy{Kind: deploy.Recreate}, Replicas: 1}},
			{Service: mailer, Placement: config.Placement{Strategy: deploy.Strategy{Kind: deploy.Rolling, Unavailable: 1}, Replicas: 1, MemoryBytes: 96 << 20, CPU: 0.25}},
			{Service: store, Callers: []string{"web"}, Placement: config.Placement{Strategy: deploy.Strategy{Kind: deploy.BlueGreen}, Replicas: 2, CPU: 2}},
			{Service: migrate, Placement: config.Placement{Replicas: 1, Env: map[string]string{"DRY": "no"}}},
		},
		Routes: []config.Route{
			{Listen: netip.MustParseAddrPort("[::]:443"), Host: "shop.example", Service: "web", Certificate: "x.pem", Key: "x.key"},
			{Listen: netip.MustParseAddrPort("[::]:443"), Host: "shop.example", Path: "/store", Service: "store"},
		},
		Hooks: config.Hooks{
			Before:   []config.Hook{{Service: "migrate", Timeout: 30 * time.Minute}},
			After:    []config.Hook{{Service: "web", Command: []string{"node", "warm.js"}, Timeout: time.Minute}},
			Rollback: []config.Hook{{Service: "api", Command: []string{"node", "clean.js"}, Timeout: time.Minute}},
		},
	}
}

func TestFiles(t *testing.T) {
	for _, format := range manifest.Formats() {
		t.Run(format, func(t *testing.T) {
			files, err := shop().Files(manifest.Format(format))
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(files, func(a, b manifest.File) int { return strings.Compare(a.Path, b.Path) })
			var got bytes.Buffer
			for _, f := range files {
				got.WriteString("-- " + f.Path + " --\n")
				got.Write(f.Text)
			}
			golden(t, format+".golden", got.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", path, diff)
	}
}

// everything are all objects of the shop, hooks included, in each shape that they have.
func everything(t *testing.T) []manifest.Object {
	t.Helper()
	plain := shop()
	scaled := shop()
	scaled.Gateway = "infra/public"
	for i := range scaled.Services {
		scaled.Services[i].Placement.Autoscale = deploy.Autoscale{Min: 2, Max: 10, CPU: 60}
	}
	sided := shop()
	for i := range sided.Services {
		sided.Services[i].Side = "0badcafe"
	}
	var out []manifest.Object
	for _, f := range []manifest.Fleet{plain, scaled, sided} {
		objects, err := f.Objects()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, objects...)
		for _, phase := range []manifest.Phase{manifest.Before, manifest.After, manifest.Rollback} {
			jobs, err := f.Jobs(phase)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, jobs...)
		}
	}
	return out
}

// TestObjectsAreOnesOfKubernetes decodes every object into the type of Kubernetes, which
// refuses unknown fields and wrong types.
func TestObjectsAreOnesOfKubernetes(t *testing.T) {
	kinds := map[string]func() any{
		"ServiceAccount": func() any { return &corev1.ServiceAccount{} }, "Service": func() any { return &corev1.Service{} },
		"ConfigMap": func() any { return &corev1.ConfigMap{} }, "Deployment": func() any { return &appsv1.Deployment{} },
		"NetworkPolicy": func() any { return &networkingv1.NetworkPolicy{} }, "Ingress": func() any { return &networkingv1.Ingress{} },
		"PodDisruptionBudget": func() any { return &policyv1.PodDisruptionBudget{} }, "Job": func() any { return &batchv1.Job{} },
		"HorizontalPodAutoscaler": func() any { return &autoscalingv2.HorizontalPodAutoscaler{} },
	}
	seen := map[string]bool{}
	for _, o := range everything(t) {
		seen[o.Kind()] = true
		if o.Kind() == "HTTPRoute" {
			continue // no package of Kubernetes; the test cluster has its definition
		}
		if kinds[o.Kind()] == nil {
			t.Fatalf("unknown kind %s", o.Kind())
		}
		data, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(kinds[o.Kind()]()); err != nil {
			t.Errorf("%s %s: %v", o.Kind(), o.Name(), err)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if !seen[kind] {
			t.Errorf("no object is a %s", kind)
		}
	}
}

// TestPodsAreRestricted asks the evaluator that Kubernetes has.
func TestPodsAreRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	refused := func(spec corev1.PodSpec) string {
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &metav1.ObjectMeta{}, &spec))
		if result.Allowed {
			return ""
		}
		return result.ForbiddenDetail()
	}
	if refused(corev1.PodSpec{Containers: []corev1.Container{{Name: "x"}}}) == "" {
		t.Fatal("the evaluator allows a pod that says nothing")
	}
	pods := 0
	for _, o := range everything(t) {
		if o.Kind() != "Deployment" && o.Kind() != "Job" {
			continue
		}
		var with struct {
			Spec struct {
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		data, err := json.Marshal(o)
		if err == nil {
			err = json.Unmarshal(data, &with)
		}
		if err != nil {
			t.Fatal(err)
		}
		pods++
		if why := refused(with.Spec.Template.Spec); why != "" {
			t.Errorf("%s %s: %s", o.Kind(), o.Name(), why)
		}
	}
	if pods < 12 {
		t.Errorf("only %d kinds of pods were seen", pods)
	}
}

// TestSelectorsChooseTheirPods: each selector chooses pods that exist, and those of hooks
// get no requests.
func TestSelectorsChooseTheirPods(t *testing.T) {
	f := shop()
	objects, err := f.Objects()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]map[string]any{}
	for _, o := range objects {
		if o.Kind() == "Deployment" {
			labels[o.Name()] = at(o, "spec", "template", "metadata", "labels")
		}
	}
	chosen := func(selector map[string]any) (out []string) {
		for name, l := range labels {
			if all := maps.Clone(l); maps.Equal(merged(all, selector), l) {
				out = append(out, name)
			}
		}
		slices.Sort(out)
		return out
	}
	for _, o := range objects {
		var got, want []string
		switch o.Kind() {
		case "Service":
			got, want = chosen(at(o, "spec", "selector")), []string{strings.Replace(o.Name(), "front", "web", 1)}
		case "PodDisruptionBudget":
			got, want = chosen(at(o, "spec", "selector", "matchLabels")), []string{o.Name()}
		case "NetworkPolicy":
			got, want = chosen(at(o, "spec", "podSelector", "matchLabels")), []string{o.Name()}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", o.Kind(), o.Name(), diff)
		}
	}
	jobs, err := f.Jobs(manifest.After)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range jobs {
		if o.Kind() == "Job" {
			labels = map[string]map[string]any{o.Name(): at(o, "spec", "template", "metadata", "labels")}
		}
	}
	for _, o := range objects {
		if o.Kind() == "Service" && len(chosen(at(o, "spec", "selector"))) > 0 {
			t.Errorf("the Service %s chooses the pod of a hook", o.Name())
		}
	}
}

func merged(into, more map[string]any) map[string]any {
	maps.Copy(into, more)
	return into
}

func at(o manifest.Object, path ...string) map[string]any {
	m := map[string]any(o)
	for _, p := range path {
		m, _ = m[p].(map[string]any)
	}
	return m
}

// TestAMeasuredStartLimitsTheStartupProbe: seconds are tries.
func TestAMeasuredStartLimitsTheStartupProbe(t *testing.T) {
	for name, c := range map[string]struct {
		millis int64
		own    time.Duration // start period of the service
		want   float64
	}{
		"not measured": {0, 0, 120}, "fast": {800, 0, 30}, "slow": {7100, 0, 36}, "with a longer start period": {800, time.Minute, 60}, "slower than the deadline": {40_000, 0, 200},
	} {
		f := shop()
		f.Services[0].StartMillis, f.Services[0].Health.StartPeriod = c.millis, c.own
		objects, err := f.Objects()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(objects, func(o manifest.Object) bool { return o.Kind() == "Deployment" && o.Name() == "web" })
		data, err := json.Marshal(objects[i])
		if err != nil {
			t.Fatal(err)
		}
		var d appsv1.Deployment
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatal(err)
		}
		if p := d.Spec.Template.Spec.Containers[0].StartupProbe; float64(p.FailureThreshold*p.PeriodSeconds) != c.want {
			t.Errorf("%s: %d tries every %d s, want %v s", name, p.FailureThreshold, p.PeriodSeconds, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*manifest.Fleet)
		want   string
		hint   string
	}{
		"name":      {func(f *manifest.Fleet) { f.Services[0].Name = "2fa" }, `2fa: "2fa" cannot be the name of a Service`, "rename it"},
		"alias":     {func(f *manifest.Fleet) { f.Services[0].Names = []string{"a_b"} }, `web: "a_b" cannot be the name`, "rename it"},
		"long":      {func(f *manifest.Fleet) { f.Services[0].Name = strings.Repeat("a", 53) }, "cannot be the name", "at most 52"},
		"namespace": {func(f *manifest.Fleet) { f.Namespace = "Payments" }, `"Payments" cannot be a namespace`, "namespace:"},
		"tcp":       {func(f *manifest.Fleet) { f.Routes[0].TCP = true }, "is for plain TCP", "LoadBalancer"},
		"route":     {func(f *manifest.Fleet) { f.Routes[0].Service = "mailer" }, "leads to no port", "port:"},
		"hook":      {func(f *manifest.Fleet) { f.Hooks.Before[0].Service = "gone" }, "a hook runs gone", "slipway release show v1.2.3"},
		"scale":     {func(f *manifest.Fleet) { f.Services[0].Placement.Autoscale = deploy.Autoscale{Min: 3, Max: 2} }, "3 to 2 pods", "2-10"},
		"preview": {func(f *manifest.Fleet) {
			f.Services[0].Placement.Strategy.Kind, f.Services[0].Names = deploy.BlueGreen, []string{"web-preview"}
		}, "web-preview has the name", "another strategy than blue-green"},
	} {
		t.Run(name, func(t *testing.T) {
			f := shop()
			c.change(&f)
			_, err := f.Files(manifest.Plain)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if diag.ExitOf(err) != diag.ExitUsage {
				t.Errorf("exit code %d", diag.ExitOf(err))
			}
			if hint := diag.HintOf(err); !strings.Contains(hint, c.hint) {
				t.Errorf("hint %q, want %q", hint, c.hint)
			}
		})
	}
}
