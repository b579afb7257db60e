package shipping_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/release"
	"github.com/slipway-build/slipway/internal/shipping"
)

// after looks at what stays of a deploy: routes, an autoscaler, what somebody changes by
// hand, and services that the fleet drops.
func (b *bed) after(t *testing.T) {
	const in = "/api/v1/namespaces/kept/"
	const apps, networks = "/apis/apps/v1/namespaces/kept/deployments/", "/apis/networking.k8s.io/v1/namespaces/kept/"
	b.namespace(t, "kept")
	if done := b.deploy(t, "kept", "v1"); done.Outcome != deploy.Deployed {
		t.Fatalf("%+v", done)
	}
	side := "web-" + b.sideOf(t, "kept", "web")
	if text := b.get(t, "/apis/autoscaling/v2/namespaces/kept/horizontalpodautoscalers/web"); !strings.Contains(text, side) || !strings.Contains(text, `"maxReplicas":4`) {
		t.Errorf("the autoscaler is %s", text)
	}
	if text := b.get(t, networks+"ingresses"); !strings.Contains(text, `"host":"shop.example"`) || !strings.Contains(text, `"name":"web"`) {
		t.Errorf("the routes are %s", text)
	}
	b.drifted(t)

	b.ask(t, http.MethodDelete, networks+"networkpolicies/web", "")
	b.byHand(t, apps+side, `{"spec": {"progressDeadlineSeconds": 77}}`)
	b.byHand(t, in+"services/web", `{"spec": {"selector": {"app.kubernetes.io/name": "nobody"}, "publishNotReadyAddresses": true}}`)
	b.drifted(t, "Deployment "+side+" spec.progressDeadlineSeconds 120 77 somebody", "NetworkPolicy web missing",
		"Service web spec.publishNotReadyAddresses  true somebody", "Service web spec.selector[app.kubernetes.io/name] web nobody somebody")
	if done := b.deploy(t, "kept", "v1"); done.Outcome != deploy.Deployed {
		t.Fatalf("%+v", done)
	}
	b.drifted(t, "Service web spec.publishNotReadyAddresses  true somebody") // what others add is theirs
	if got := b.asks(t, b.address(t, "kept"))(); !strings.Contains(got, "v1") {
		t.Errorf("after it was put back, web says %q", got)
	}

	o := b.order(t, "kept", "v1")
	o.Release.Services = slices.DeleteFunc(o.Release.Services, func(s release.Service) bool { return s.Name == "web" })
	o.Environment.Routes = nil
	removed, err := o.Prune(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Deployment " + side, "Service web", "NetworkPolicy web", "PodDisruptionBudget web", "ServiceAccount web", "HorizontalPodAutoscaler web"} {
		if !slices.Contains(removed, want) {
			t.Errorf("%s is not among what was removed: %q", want, removed)
		}
	}
	for _, kind := range []string{apps, in + "services", networks + "networkpolicies"} {
		if text := b.get(t, strings.TrimSuffix(kind, "/")); !strings.Contains(text, `"items":[]`) {
			t.Errorf("left in the namespace: %s", text)
		}
	}
}

// byHand changes an object as a program called somebody does.
func (b *bed) byHand(t *testing.T, path, change string) {
	t.Helper()
	b.askAs(t, http.MethodPatch, path+"?fieldManager=somebody", change, "application/merge-patch+json")
}

// drifted compares what is not as Slipway made it.
func (b *bed) drifted(t *testing.T, want ...string) {
	t.Helper()
	all, err := b.order(t, "kept", "v1").Client.(shipping.Drifter).Drift(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		if d.Missing {
			got = append(got, d.Object+" missing")
		}
		for _, f := range d.Fields {
			got = append(got, strings.Join([]string{d.Object, f.Path, f.Applied, f.Live, f.By}, " "))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("changed by hand:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// sideOf is the side of a service that has the requests.
func (b *bed) sideOf(t *testing.T, environment, service string) string {
	t.Helper()
	view, err := b.client(t, environment, environment).View(t.Context())
	if err != nil || view[service].Main == "" {
		t.Fatalf("%+v, %v", view, err)
	}
	main := view[service].Main
	return main[len(main)-8:]
}
