package kube_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/slipway-build/slipway/internal/deploy/kube"
)

// api is the outside of a cluster: an API server that keeps objects, and what would make
// pods of Deployments. Server-side apply merges; it knows no owners of fields. The real
// server is in TestOnARealCluster.
type api struct {
	mu       sync.Mutex
	objects  map[string]map[string]any // by resource/name
	version  int
	requests int                       // that came
	faults   func(r *http.Request) int // an HTTP status, 0: none
	says     string                    // of a fault; "": a fault
	master   bool                      // allows what its rules do not have
	rights   any                       // the status of a SelfSubjectRulesReview; nil: not known
	pod      func(d map[string]any) map[string]any
	logs     map[string]string // by the pod's Deployment
	answers  func(path string) int
	// admission is why a dry run of an object is refused, by its resource and name.
	admission func(key string, o map[string]any) string
	address   string
	ahead     time.Duration // its clock
	late      lateness
}

func (a *api) serve(t *testing.T) *kube.Client {
	t.Helper()
	a.objects = map[string]map[string]any{}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	a.address = s.URL
	return a.client(t)
}

// client is one more process that asks it.
func (a *api) client(t *testing.T) *kube.Client {
	t.Helper()
	c, err := kube.New(&rest.Config{Host: a.address}, kube.Options{Namespace: "payments", Fleet: "shop", Environment: "production"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.requests++
	defer a.mu.Unlock()
	w.Header().Set("Date", time.Now().Add(a.ahead).UTC().Format(http.TimeFormat))
	if a.faults != nil {
		if code := a.faults(r); code != 0 {
			answerCode(w, code, map[string]any{"reason": "Faulty", "message": cmp.Or(a.says, "a fault"), "details": map[string]any{"kind": "of it"}})
			return
		}
	}
	if strings.HasSuffix(r.URL.Path, "/selfsubjectrulesreviews") && a.rights != nil {
		answer(w, map[string]any{"status": a.rights})
		return
	}
	if strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") && a.rights != nil {
		answer(w, map[string]any{"status": map[string]any{"allowed": a.master}})
		return
	}
	if !strings.Contains(r.URL.Path, "/namespaces/payments/") {
		refuse(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource")
		return
	}
	_, rest, _ := strings.Cut(inside(r), "/")
	resource := resource(r)
	name, subresource, _ := strings.Cut(rest, "/")
	body := map[string]any{}
	if data, _ := io.ReadAll(r.Body); len(data) > 0 {
		if err := json.Unmarshal(data, &body); err != nil {
			refuse(w, http.StatusBadRequest, "BadRequest", err.Error())
			return
		}
	}
	switch {
	case r.URL.Query().Get("watch") != "":
		a.watch(w, r)
	case subresource == "log":
		_, _ = io.WriteString(w, a.logs[ownerOf(name)])
	case strings.HasPrefix(subresource, "proxy"):
		code := http.StatusOK
		if a.answers != nil {
			code = a.answers(strings.TrimPrefix(subresource, "proxy"))
		}
		w.WriteHeader(code)
	case r.Method == http.MethodGet && name == "":
		a.list(w, r, resource)
	default:
		a.one(w, r, resource, cmp.Or(name, nameOf(body)), body)
	}
	a.control()
	a.late.see(a.objects)
}

// inside is the path of a request in its namespace.
func inside(r *http.Request) string {
	_, path, _ := strings.Cut(r.URL.Path, "/namespaces/payments/")
	return path
}

// resource is what a request is about.
func resource(r *http.Request) string {
	name, _, _ := strings.Cut(inside(r), "/")
	return name
}

func (a *api) one(w http.ResponseWriter, r *http.Request, resource, name string, body map[string]any) {
	key, verb := resource+"/"+name, r.Method
	now, known := a.objects[key]
	switch {
	case verb == http.MethodPost && known:
		refuse(w, http.StatusConflict, "AlreadyExists", key+" already exists")
		return
	case !known && verb != http.MethodPost && (verb != http.MethodPatch || body["kind"] == nil):
		refuse(w, http.StatusNotFound, "NotFound", key+" not found")
		return
	case verb == http.MethodGet:
		answer(w, now)
		return
	case verb == http.MethodDelete:
		delete(a.objects, key)
		answer(w, now)
		return
	case verb == http.MethodPut && meta(body)["resourceVersion"] != meta(now)["resourceVersion"]:
		refuse(w, http.StatusConflict, "Conflict", key+" was changed")
		return
	case verb == http.MethodPatch:
		body = merge(now, body)
	}
	if r.URL.Query().Get("dryRun") != "" {
		if why := a.admits(key, body); why != "" {
			answerCode(w, http.StatusForbidden, map[string]any{"reason": "Forbidden", "message": why, "details": map[string]any{"kind": resource, "name": name}})
			return
		}
		answer(w, body)
		return
	}
	a.version++
	meta(body)["resourceVersion"] = fmt.Sprint(a.version)
	written(body, r.URL.Query().Get("fieldManager"))
	a.objects[key] = body
	answer(w, body)
}

// written notes who wrote an object; which fields, only tests note that say so.
func written(o map[string]any, manager string) {
	entries, _ := meta(o)["managedFields"].([]any)
	if !slices.ContainsFunc(entries, func(e any) bool { return e.(map[string]any)["manager"] == manager }) {
		meta(o)["managedFields"] = append(entries, map[string]any{"manager": manager})
	}
}

// merge is what a patch makes of an object. A selector is one value, as in Kubernetes.
func merge(into, change map[string]any) map[string]any {
	out := maps.Clone(into)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range change {
		below, isMap := v.(map[string]any)
		there, both := out[k].(map[string]any)
		if isMap && both && k != "selector" {
			out[k] = merge(there, below)
		} else {
			out[k] = v
		}
	}
	return out
}

func (a *api) list(w http.ResponseWriter, r *http.Request, resource string) {
	items := []any{}
	if resource == "endpointslices" {
		items = a.late.slices()
	}
	for _, key := range slices.Sorted(maps.Keys(a.objects)) {
		if strings.HasPrefix(key, resource+"/") && chosen(a.objects[key], r.URL.Query().Get("labelSelector")) {
			items = append(items, a.objects[key])
		}
	}
	answer(w, map[string]any{"metadata": map[string]any{"resourceVersion": fmt.Sprint(a.version)}, "items": items})
}

// watch answers when anything changes; a.mu is held, but not while it waits.
func (a *api) watch(w http.ResponseWriter, r *http.Request) {
	most, _ := strconv.Atoi(r.URL.Query().Get("timeoutSeconds"))
	for until := time.Now().Add(time.Duration(most) * time.Second); time.Now().Before(until) && r.Context().Err() == nil; {
		if fmt.Sprint(a.version) != r.URL.Query().Get("resourceVersion") {
			answer(w, map[string]any{"type": "MODIFIED"})
			return
		}
		a.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		a.mu.Lock()
	}
}

func chosen(o map[string]any, selector string) bool {
	labels, _ := meta(o)["labels"].(map[string]any)
	for _, part := range strings.Split(selector, ",") {
		if k, v, ok := strings.Cut(part, "="); ok && labels[k] != v {
			return false
		}
	}
	return true
}

// control makes the pods of Deployments, healthy ones unless pod says otherwise.
func (a *api) control() {
	for key, d := range a.objects {
		name, ok := strings.CutPrefix(key, "deployments/")
		if !ok {
			continue
		}
		spec := d["spec"].(map[string]any)
		want := 1
		if n, ok := spec["replicas"].(float64); ok {
			want = int(n)
		}
		if d["status"] == nil {
			d["status"] = map[string]any{}
		}
		if status := d["status"].(map[string]any); status["observedGeneration"] == nil { // else a test says how it is
			status["updatedReplicas"] = float64(want)
		}
		for i := range 20 {
			pod := fmt.Sprintf("pods/%s.%d", name, i)
			switch {
			case i >= want:
				delete(a.objects, pod)
			case a.objects[pod] == nil:
				o := map[string]any{"metadata": map[string]any{"name": strings.TrimPrefix(pod, "pods/"), "labels": spec["template"].(map[string]any)["metadata"].(map[string]any)["labels"]}}
				o["spec"] = map[string]any{"containers": []any{map[string]any{"name": "c"}}}
				o["status"] = healthy()
				if a.pod != nil {
					if status := a.pod(d); status != nil {
						o["status"] = status
					}
				}
				a.objects[pod] = o
			}
		}
	}
}

func healthy() map[string]any {
	return map[string]any{"phase": "Running", "conditions": []any{map[string]any{"type": "Ready", "status": "True"}}}
}

// waiting is a container that waits for a reason.
func waiting(reason, message string, restarts int, last map[string]any) map[string]any {
	c := map[string]any{"state": map[string]any{"waiting": map[string]any{"reason": reason, "message": message}}, "restartCount": float64(restarts)}
	if last != nil {
		c["lastState"] = map[string]any{"terminated": last}
	}
	return map[string]any{"phase": "Pending", "conditions": []any{map[string]any{"type": "Ready", "status": "False"}}, "containerStatuses": []any{c}}
}

func meta(o map[string]any) map[string]any {
	m, _ := o["metadata"].(map[string]any)
	return m
}

func nameOf(o map[string]any) string {
	s, _ := meta(o)["name"].(string)
	return s
}

func ownerOf(pod string) string {
	owner, _, _ := strings.Cut(pod, ".")
	return owner
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func answerCode(w http.ResponseWriter, code int, v any) {
	w.WriteHeader(code)
	answer(w, v)
}

// admits is why a dry run of an object is refused.
func (a *api) admits(key string, body map[string]any) string {
	if a.admission == nil {
		return ""
	}
	return a.admission(key, body)
}

func refuse(w http.ResponseWriter, code int, reason, message string) {
	answerCode(w, code, map[string]any{"kind": "Status", "reason": reason, "message": message})
}

// some makes a share of requests fail, in turn with each way of failing.
func some(percent int, seed uint64) func(*http.Request) int {
	random := rand.New(rand.NewPCG(seed, 1))
	return func(r *http.Request) int {
		if random.IntN(100) >= percent {
			return 0
		}
		codes := []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusGatewayTimeout, http.StatusConflict}
		if r.Method == http.MethodGet { // nothing conflicts with a look
			codes = codes[:4]
		}
		return codes[random.IntN(len(codes))]
	}
}
