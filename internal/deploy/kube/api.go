package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
	"github.com/slipway-build/slipway/internal/retry"
)

// resources are where the API has the kinds that Slipway uses. To ask the server for them
// would take a second, and a library of 20 MB.
func resources() map[string]string {
	return map[string]string{
		"ConfigMap": "/api/v1|configmaps", "Event": "/api/v1|events", "Pod": "/api/v1|pods", "Secret": "/api/v1|secrets", "Service": "/api/v1|services",
		"ServiceAccount": "/api/v1|serviceaccounts",
		"EndpointSlice":  "/apis/discovery.k8s.io/v1|endpointslices",
		"Deployment":     "/apis/apps/v1|deployments", "Job": "/apis/batch/v1|jobs", "Lease": "/apis/coordination.k8s.io/v1|leases",
		"PodDisruptionBudget": "/apis/policy/v1|poddisruptionbudgets", "NetworkPolicy": "/apis/networking.k8s.io/v1|networkpolicies",
		"Ingress": "/apis/networking.k8s.io/v1|ingresses", "HTTPRoute": "/apis/gateway.networking.k8s.io/v1|httproutes",
		"HorizontalPodAutoscaler": "/apis/autoscaling/v2|horizontalpodautoscalers",
		"SelfSubjectRulesReview":  "/apis/authorization.k8s.io/v1|selfsubjectrulesreviews",
		"SelfSubjectAccessReview": "/apis/authorization.k8s.io/v1|selfsubjectaccessreviews",
	}
}

// object is an object of Kubernetes as JSON has it.
type object = manifest.Object

// Refused is an answer of the API that is no success.
type Refused struct {
	Code    int    // of HTTP
	Reason  string // a word of Kubernetes: NotFound, Conflict, Forbidden …
	Message string
	What    string // the question, in words
	Rights  bool   // of a question about no single object: the user may not ask it
}

func (r *Refused) Error() string { return r.What + ": " + r.Message }

// Temporary reports an answer that may be another one soon.
func (r *Refused) Temporary() bool { return r.Code >= 500 || r.Code == http.StatusTooManyRequests }

// Is makes them comparable by their reason.
func (r *Refused) Is(target error) bool {
	other, ok := target.(*Refused)
	return ok && other.Reason == r.Reason
}

// What callers branch on.
var (
	errNotFound = &Refused{Reason: "NotFound"}
	errConflict = &Refused{Reason: "Conflict"}
	errExists   = &Refused{Reason: "AlreadyExists"}
)

// question is one request.
type question struct {
	verb, kind, name string
	sub              string // subresource
	query            url.Values
	body             any
	content          string // type of body; "": JSON
}

// answerTime bounds an answer, mostAnswered its size.
const (
	answerTime   = 20 * time.Second
	mostAnswered = 64 << 20
)

// ask asks the API; out may be nil.
func (c *Client) ask(ctx context.Context, q question, out any) error {
	body, err := c.raw(ctx, q)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return diag.Fail(diag.ExitRun, "%s does not answer as a Kubernetes does", c.what).Because(err).
			WithHint("a proxy or another server may answer in its place (NO_PROXY); see whether kubectl reaches it: kubectl %sget pods", c.flags())
	}
	return nil
}

// soon is how a question is asked again. Every change here can be made twice: a second
// creation or replacement is a conflict, after which its caller looks again.
func soon() retry.Policy {
	return retry.Policy{Attempts: 4, First: 100 * time.Millisecond, Longest: 2 * time.Second, Total: 10 * time.Second}
}

// raw asks the API and returns its answer as it is.
func (c *Client) raw(ctx context.Context, q question) (answer []byte, err error) {
	return answer, soon().Do(ctx, func(ctx context.Context) error {
		answer, err = c.once(ctx, q)
		return err
	})
}

// once asks the API one time.
func (c *Client) once(ctx context.Context, q question) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	req, err := c.request(ctx, q)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.silent(err)
	}
	defer res.Body.Close()
	c.clock(res)
	answer, err := io.ReadAll(io.LimitReader(res.Body, mostAnswered))
	if err != nil {
		return nil, c.silent(err)
	}
	if res.StatusCode/100 == 2 {
		return answer, nil
	}
	return nil, c.refused(q, res.StatusCode, answer)
}

func (c *Client) request(ctx context.Context, q question) (*http.Request, error) {
	group, plural, known := strings.Cut(resources()[q.kind], "|")
	if !known {
		return nil, fmt.Errorf("the kind %q is unknown", q.kind)
	}
	at := c.server.JoinPath(group, "namespaces", c.Namespace, plural)
	if strings.HasPrefix(q.kind, "SelfSubject") {
		at = c.server.JoinPath(group, plural) // it is of no namespace, and names one
	}
	if q.name != "" {
		at = at.JoinPath(q.name)
	}
	if q.sub != "" {
		at = at.JoinPath(q.sub)
	}
	at.RawQuery = q.query.Encode()
	var body io.Reader
	if q.body != nil {
		data, err := json.Marshal(q.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, q.verb, at.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.content != "" {
		req.Header.Set("Content-Type", q.content)
	}
	return req, nil
}

// silence is an error that may be over soon.
type silence struct{ error }

func (silence) Temporary() bool { return true }
func (s silence) Unwrap() error { return s.error }

// silent is an API that gives no answer.
func (c *Client) silent(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the address, which is in what
	}
	return diag.Fail(diag.ExitRun, "%s does not answer", c.what).Because(silence{err}).
		WithHint("see whether kubectl reaches it: kubectl %sget pods", c.flags())
}

// verbs are the words of Kubernetes for rights.
func verbs() map[string]string {
	return map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}
}

// refused explains a refusal.
func (c *Client) refused(q question, code int, answer []byte) error {
	var status struct {
		Reason, Message string
		Details         struct{ Kind, Name string }
	}
	if json.Unmarshal(answer, &status) != nil || status.Message == "" {
		status.Message = strings.TrimSpace(fmt.Sprintf("%d %s %.200s", code, http.StatusText(code), answer))
	}
	verb := verbs()[q.verb]
	if q.verb == http.MethodGet && q.name == "" {
		verb = "list"
	}
	r := &Refused{Code: code, Reason: status.Reason, Message: diag.Printable(status.Message), What: strings.TrimSpace(verb + " " + q.kind + " " + q.name)}
	r.Rights = code == http.StatusForbidden && status.Details.Kind != "" && status.Details.Name == ""
	_, plural, _ := strings.Cut(resources()[q.kind], "|")
	switch {
	case code == http.StatusUnauthorized:
		return diag.Fail(diag.ExitRun, "%s does not know who asks", c.what).Because(r).WithHint("log in again, or see which user the context has: kubectl config view --minify")
	case code == http.StatusNotFound && strings.HasPrefix(status.Message, "namespaces "):
		return diag.Fail(diag.ExitUsage, "there is no namespace %s in %s", c.Namespace, c.what).Because(r).
			WithHint("name another one with namespace: in environments: %s, or make it: kubectl %screate namespace %s", c.opts.Environment, c.flags(), c.Namespace)
	case strings.Contains(status.Message, "admission webhook"):
		return diag.Fail(diag.ExitRun, "a rule of %s refuses it", c.what).Because(r).WithHint("the objects are in: slipway manifests %s VERSION; whoever runs the webhook knows what it demands", c.opts.Environment)
	case strings.Contains(status.Message, "exceeded quota"):
		return diag.Fail(diag.ExitRun, "the quota of the namespace %s refuses it", c.Namespace).Because(r).WithHint("see what is used: kubectl %sdescribe quota", c.flags())
	case code == http.StatusForbidden:
		return diag.Fail(diag.ExitRun, "%s does not allow it", c.what).Because(r).WithHint("see what is allowed: kubectl %sauth can-i %s %s", c.flags(), verb, plural)
	case code >= http.StatusInternalServerError:
		return diag.Fail(diag.ExitRun, "%s cannot answer now", c.what).Because(r).WithHint("see whether kubectl reaches it: kubectl %sget pods", c.flags())
	}
	return r
}

// get reads an object.
func (c *Client) get(ctx context.Context, kind, name string) (out object, err error) {
	return out, c.ask(ctx, question{verb: http.MethodGet, kind: kind, name: name}, &out)
}

// list reads the objects that labels choose.
func (c *Client) list(ctx context.Context, kind string, labels map[string]string, fields string) ([]object, error) {
	all, _, err := c.listed(ctx, kind, labels, fields)
	return all, err
}

// listed is list with the version of the answer, from which a watch goes on.
func (c *Client) listed(ctx context.Context, kind string, labels map[string]string, fields string) (all []object, version string, err error) {
	q := url.Values{}
	if len(labels) > 0 {
		q.Set("labelSelector", selector(labels))
	}
	if fields != "" {
		q.Set("fieldSelector", fields)
	}
	var out struct {
		Metadata struct{ ResourceVersion string }
		Items    []object
	}
	err = c.ask(ctx, question{verb: http.MethodGet, kind: kind, query: q}, &out)
	for _, o := range out.Items {
		o["kind"] = kind // lists leave it out
	}
	return out.Items, out.Metadata.ResourceVersion, err
}

// The names under which Slipway owns fields of objects: their shape, and what a rollout
// changes while it goes on.
const (
	Manager        = "slipway"
	trafficManager = "slipway-traffic"
)

// apply makes an object, or makes it so, by server-side apply. Fields of others stay.
func (c *Client) apply(ctx context.Context, o object, manager string) error {
	return c.ask(ctx, applying(o, manager), nil)
}

// dryApply is what apply would make of an object.
func (c *Client) dryApply(ctx context.Context, o object, manager string) (out object, err error) {
	q := applying(o, manager)
	q.query.Set("dryRun", "All")
	return out, c.ask(ctx, q, &out)
}

func applying(o object, manager string) question {
	q := url.Values{"fieldManager": {manager}, "force": {"true"}, "fieldValidation": {"Strict"}}
	return question{verb: http.MethodPatch, kind: o.Kind(), name: o.Name(), query: q, body: o, content: "application/apply-patch+yaml"}
}

// patch changes fields of an object that exists.
func (c *Client) patch(ctx context.Context, kind, name string, change any) error {
	q := url.Values{"fieldManager": {trafficManager}}
	return c.ask(ctx, question{verb: http.MethodPatch, kind: kind, name: name, query: q, body: change, content: "application/merge-patch+json"}, nil)
}

// create makes an object that must not exist.
func (c *Client) create(ctx context.Context, o object) error {
	return c.ask(ctx, question{verb: http.MethodPost, kind: o.Kind(), query: url.Values{"fieldManager": {Manager}}, body: o}, nil)
}

// replace writes an object that nobody has changed since it was read.
func (c *Client) replace(ctx context.Context, o object) error {
	return c.ask(ctx, question{verb: http.MethodPut, kind: o.Kind(), name: o.Name(), query: url.Values{"fieldManager": {Manager}}, body: o}, nil)
}

// remove deletes an object and what belongs to it; one that is gone is no error.
func (c *Client) remove(ctx context.Context, kind, name string) error {
	q := url.Values{"propagationPolicy": {"Background"}}
	err := c.ask(ctx, question{verb: http.MethodDelete, kind: kind, name: name, query: q}, nil)
	if errors.Is(err, errNotFound) {
		return nil
	}
	return err
}
