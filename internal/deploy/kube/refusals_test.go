package kube_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/deploy/kube"
	"github.com/slipway-build/slipway/internal/diag"
)

// TestRefusals: what the API says, where, and the next command.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		code       int
		want, hint string
	}{
		"no rights": {http.StatusForbidden, "does not allow it: patch ServiceAccount web: a fault", "kubectl -n payments auth can-i patch serviceaccounts"},
		"no login":  {http.StatusUnauthorized, "does not know who asks", "log in again"},
		"overload":  {http.StatusServiceUnavailable, "cannot answer now: patch ServiceAccount web: a fault", "kubectl -n payments get pods"},
		"not valid": {http.StatusUnprocessableEntity, "refuses the ServiceAccount web: patch ServiceAccount web: a fault", "slipway manifests production VERSION"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{}
			client := a.serve(t)
			a.faults = func(r *http.Request) int {
				if r.Method == http.MethodPatch {
					return c.code
				}
				return 0
			}
			err := client.Prepare(t.Context(), web(v1))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(diag.HintOf(err), c.hint) {
				t.Errorf("%v, hint %q", err, diag.HintOf(err))
			}
		})
	}
}

func TestNoCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nowhere/config")
	_, err := kube.Open(kube.Options{Environment: "production"})
	if err == nil || diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(diag.HintOf(err), "/nowhere/config") {
		t.Errorf("%v, hint %q", err, diag.HintOf(err))
	}
}

// TestRefusalsSayWhatToDo: of the lock, which is the first thing that a rollout makes.
func TestRefusalsSayWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		code             int
		says, want, hint string
	}{
		"no namespace": {http.StatusNotFound, `namespaces "payments" not found`, "there is no namespace payments in the cluster", "kubectl -n payments create namespace payments"},
		"a webhook":    {http.StatusForbidden, `admission webhook "owners.example" denied the request: no owner`, "a rule of the cluster", "slipway manifests production VERSION"},
		"a quota":      {http.StatusForbidden, `leases "x" is forbidden: exceeded quota: small`, "the quota of the namespace payments", "kubectl -n payments describe quota"},
		"no rights":    {http.StatusForbidden, `leases "x" is forbidden: User "ann" cannot create`, "does not allow it: create Lease", "kubectl -n payments auth can-i create leases"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{says: c.says}
			client := a.serve(t)
			a.faults = func(r *http.Request) int {
				if r.Method == http.MethodPost {
					return c.code
				}
				return 0
			}
			_, err := client.Take(t.Context(), "a rollout", "ann", false)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(diag.HintOf(err), c.hint) {
				t.Errorf("%v, hint %q", err, diag.HintOf(err))
			}
		})
	}
}

// TestAnotherServerIsNoCluster, such as a proxy with a page to log in.
func TestAnotherServerIsNoCluster(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>Please sign in</html>")
	}))
	t.Cleanup(s.Close)
	_, err := (&api{address: s.URL}).client(t).Rollouts(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not answer as a Kubernetes does") || diag.ExitOf(err) != diag.ExitRun || !strings.Contains(diag.HintOf(err), "NO_PROXY") {
		t.Errorf("%v, hint %q", err, diag.HintOf(err))
	}
}
