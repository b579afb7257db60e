package kube_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/manifest"
)

// lateness is a controller of endpoints that learns of pods and of Services some requests
// to the API after they changed.
type lateness struct {
	pods, services int
	known          []map[string]map[string]any // the objects after each request
}

func (l *lateness) see(objects map[string]map[string]any) {
	now := map[string]map[string]any{}
	for key, o := range objects {
		if strings.HasPrefix(key, "pods/") || strings.HasPrefix(key, "services/") {
			now[key] = merge(o, nil) // a copy
		}
	}
	l.known = append(l.known, now)
}

// ago is what was known so many requests ago of a resource.
func (l *lateness) ago(n int, resource string) (out []map[string]any) {
	if len(l.known) <= n {
		return nil
	}
	then := l.known[len(l.known)-1-n]
	for _, key := range slices.Sorted(maps.Keys(then)) {
		if strings.HasPrefix(key, resource) {
			out = append(out, then[key])
		}
	}
	return out
}

// leads is which ready pods each Service leads to.
func (l *lateness) leads() map[string][]string {
	out := map[string][]string{}
	for _, s := range l.ago(l.services, "services/") {
		selector, _ := s["spec"].(map[string]any)["selector"].(map[string]any)
		for _, p := range l.ago(l.pods, "pods/") {
			labels, matches := meta(p)["labels"].(map[string]any), len(selector) > 0
			for k, v := range selector {
				matches = matches && labels[k] == v
			}
			if matches && fmt.Sprint(p["status"]) == fmt.Sprint(healthy()) {
				out[nameOf(s)] = append(out[nameOf(s)], nameOf(p))
			}
		}
	}
	return out
}

func (l *lateness) slices() []any {
	out := []any{}
	for service, pods := range l.leads() {
		endpoints := []any{}
		for _, pod := range pods {
			endpoints = append(endpoints, map[string]any{"conditions": map[string]any{"ready": true}, "targetRef": map[string]any{"kind": "Pod", "name": pod}})
		}
		labels := map[string]any{"kubernetes.io/service-name": service}
		out = append(out, map[string]any{"metadata": map[string]any{"name": service + "-x", "labels": labels}, "endpoints": endpoints})
	}
	return out
}

// TestALateControllerOfEndpointsLosesNoRequest: whenever it is late, each Service leads to
// a pod that is there, from the end of the first release on.
func TestALateControllerOfEndpointsLosesNoRequest(t *testing.T) {
	for _, late := range []lateness{{pods: 60}, {services: 60}, {pods: 50, services: 80}} {
		for name, s := range strategies() {
			if name == deploy.Recreate {
				continue // loses requests on purpose
			}
			t.Run(fmt.Sprintf("pods %d, services %d, %s", late.pods, late.services, name), func(t *testing.T) {
				a := &api{late: late}
				c := running(t, a)
				if err := c.Prepare(t.Context(), webBy(v2, s)); err != nil {
					t.Fatal(err)
				}
				r := rollout(c, spec(s))
				lost, looks := "", len(a.late.known)
				check := func() {
					a.mu.Lock()
					defer a.mu.Unlock()
					all := a.late.known
					for ; looks < len(all); looks++ { // as it was after each request
						then := lateness{pods: late.pods, services: late.services, known: all[:looks+1]}
						for _, service := range []string{"web", "front"} {
							if !slices.ContainsFunc(then.leads()[service], func(pod string) bool { return all[looks]["pods/"+pod] != nil }) && lost == "" {
								lost = fmt.Sprintf("after request %d %s leads to %v", looks, service, then.leads()[service])
							}
						}
					}
				}
				check()
				end, err := r.Run(t.Context(), spec(s))
				if err != nil || end.Outcome != deploy.Deployed {
					t.Fatalf("%+v, %v", end, err)
				}
				check()
				if lost != "" {
					t.Error(lost)
				}
				preview := name == deploy.BlueGreen
				if got := a.objects["services/web-preview"]; preview != (got != nil) {
					t.Errorf("the preview is %v", got)
				} else if preview && got["spec"].(map[string]any)["selector"].(map[string]any)[manifest.LabelSide] != "22222222" {
					t.Errorf("the preview leads to %v", got["spec"])
				}
			})
		}
	}
}
