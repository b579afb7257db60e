package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/manifest"
)

// seen are the objects of a service as they are now.
type seen struct {
	service           string
	deployments, pods []object
	endpoints         endpoints
	inPlace           bool // a Deployment may be changed while it runs: pods of before do not count as healthy
}

// group is a side as its Deployment and pods are.
func (c *Client) group(ctx context.Context, now seen, key string, deadline time.Duration) deploy.Group {
	g := deploy.Group{}
	if key == "" {
		return g
	}
	var owner object
	for _, d := range now.deployments {
		if side(d) == SideOf(key) {
			owner, g.Want = d, number(d, "spec", "replicas")
		}
	}
	var unwell []object
	behind := 0
	for _, pod := range now.pods {
		phase := text(pod, "status", "phase")
		if side(pod) != SideOf(key) || phase == "Succeeded" || phase == "Failed" { // evicted ones stay in the list
			continue
		}
		g.Up++
		switch {
		case ending(pod):
		case now.endpoints.miss(pod):
			behind++
		case ready(pod):
			g.Healthy++
		default:
			unwell = append(unwell, pod)
		}
	}
	if now.inPlace {
		updated, before := updated(owner)
		g.Healthy = min(max(0, g.Healthy-before), updated)
	}
	g.Healthy = min(g.Healthy, g.Want)
	g.Short = c.since(now.service+"/"+key, g.Healthy < g.Want)
	if g.Healthy == g.Want {
		return g
	}
	if behind > 0 {
		g.Ill = fmt.Sprintf("%d are ready and no Service sends them requests: the cluster's controller of endpoints is late", behind)
	}
	late := time.Since(g.Short) > deadline // of this machine, as Short is
	g.Failed = c.stuck(owner, late)
	slices.SortFunc(unwell, func(a, b object) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, pod := range unwell {
		if a := ailment(pod); g.Failed == "" && (a.final || late) {
			g.Failed = c.explained(ctx, pod, a)
		}
	}
	return g
}

// since is from when on a side has too few healthy pods, as far as this process knows: one
// that goes on with a rollout gives it the whole time again.
func (c *Client) since(side string, isShort bool) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !isShort {
		delete(c.short, side)
		return time.Time{}
	}
	if c.short[side].IsZero() {
		c.short[side] = time.Now()
	}
	return c.short[side]
}

// updated is how many pods of a Deployment are as it says now, and how many are not.
func updated(d object) (now, before int) {
	if number(d, "status", "observedGeneration") < number(d, "metadata", "generation") {
		return 0, 0 // nobody has looked at it since
	}
	now = number(d, "status", "updatedReplicas")
	return now, max(0, number(d, "status", "replicas")-now)
}

func side(o object) string { return text(o, "metadata", "labels", manifest.LabelSide) }

func ending(pod object) bool { return text(pod, "metadata", "deletionTimestamp") != "" }

func ready(pod object) bool { return !ending(pod) && condition(pod, "Ready")["status"] == "True" }

// condition is that of a type; empty when there is none.
func condition(o object, kind string) map[string]any {
	for _, c := range list(sub(o, "status"), "conditions") {
		if c["type"] == kind {
			return c
		}
	}
	return nil
}

// settle is how long a Deployment may fail to make pods: a webhook or quota may be slow.
const settle = 10 * time.Second

// stuck is why a Deployment can make no pods: a quota, a webhook, a policy.
func (c *Client) stuck(d object, late bool) string {
	failure := condition(d, "ReplicaFailure")
	if failure["status"] != "True" || !late && c.now().Sub(moment(failure, "lastTransitionTime")) < settle {
		return ""
	}
	return fmt.Sprintf("no pod of %s can be made: %s", d.Name(), diag.Printable(text(failure, "message")))
}

// ail is why a pod is not ready.
type ail struct {
	what  string
	final bool   // it will not become so
	logs  string // which: "previous", "current", "" for none
}

// ailment reads it from what the pod says of itself.
func ailment(pod object) ail {
	if c := condition(pod, "PodScheduled"); c["status"] == "False" {
		return ail{what: "fits on no node: " + text(c, "message")}
	}
	for _, container := range list(sub(pod, "status"), "containerStatuses") {
		if a, ill := containerAilment(container); ill {
			return a
		}
	}
	return ail{what: "is not ready", logs: "current"}
}

// enough is after how many restarts a container does not stay up, even while it runs.
const enough = 3

func containerAilment(container map[string]any) (ail, bool) {
	waiting := sub(container, "state", "waiting")
	reason, message := text(waiting, "reason"), text(waiting, "message")
	restarts := number(container, "restartCount")
	last := sub(container, "lastState", "terminated")
	if len(last) == 0 {
		last = sub(container, "state", "terminated")
	}
	switch reason {
	case "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
		return ail{what: "cannot pull its image: " + cmp.Or(message, reason), final: true}, true
	case "ErrImagePull":
		return ail{what: "cannot pull its image: " + message}, true
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		return ail{what: "cannot start: " + cmp.Or(message, reason)}, true
	}
	switch {
	case restarts > 0 && text(last, "reason") == "OOMKilled":
		return ail{what: "needed more than its memory limit", final: true, logs: "previous"}, true
	case restarts > 0 && reason == "CrashLoopBackOff", restarts >= enough:
		return ail{what: fmt.Sprintf("does not stay up, after %d starts: %s", restarts+1, ended(last)), final: true, logs: "previous"}, true
	case len(last) > 0:
		return ail{what: ended(last), logs: "previous"}, true
	}
	return ail{}, false
}

// ended is how a container ended.
func ended(terminated map[string]any) string {
	out := fmt.Sprintf("it ended with exit code %d", number(terminated, "exitCode"))
	if reason := text(terminated, "reason"); reason != "" && reason != "Error" && reason != "Completed" {
		out += " (" + reason + ")"
	}
	return out
}

// lastLines is how many lines of a log explain an end.
const lastLines = 5

// explained is an ailment with the pod's name, its last lines, and what the cluster said
// of it last. Each state of a pod is asked about once.
func (c *Client) explained(ctx context.Context, pod object, a ail) string {
	name := pod.Name()
	state := name + "\x00" + a.what
	c.mu.Lock()
	known, asked := c.lines[state]
	c.mu.Unlock()
	if asked {
		return known
	}
	out := fmt.Sprintf("the pod %s %s", name, a.what)
	var lines string
	if a.logs != "" {
		lines = c.log(ctx, name, text(first(list(sub(pod, "spec"), "containers")), "name"), a.logs == "previous")
	}
	if lines != "" {
		out += ": " + lines
	} else if said := c.lastEvent(ctx, name); said != "" && !strings.Contains(out, said) {
		out += ": " + said
	}
	out = diag.Printable(out)
	c.mu.Lock()
	c.lines[state] = out
	c.mu.Unlock()
	return out
}

func first(all []map[string]any) map[string]any {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// log are the last lines of a container, "" when there are none to be had.
func (c *Client) log(ctx context.Context, pod, container string, previous bool) string {
	q := url.Values{"tailLines": {fmt.Sprint(lastLines)}, "limitBytes": {"4096"}, "container": {container}}
	if previous {
		q.Set("previous", "true")
	}
	data, err := c.raw(ctx, question{verb: http.MethodGet, kind: "Pod", name: pod, sub: "log", query: q})
	if err != nil {
		return "" // what is known without it says enough
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " | ")
}

// lastEvent is the last warning about a pod, "" when there is none to be had.
func (c *Client) lastEvent(ctx context.Context, pod string) string {
	all, err := c.list(ctx, "Event", nil, "involvedObject.kind=Pod,type=Warning,involvedObject.name="+pod)
	if err != nil || len(all) == 0 {
		return ""
	}
	return text(slices.MaxFunc(all, func(a, b object) int { return lastSeen(a).Compare(lastSeen(b)) }), "message")
}

// lastSeen is when an event was last.
func lastSeen(event object) time.Time {
	for _, path := range [][]string{{"series", "lastObservedTime"}, {"lastTimestamp"}, {"eventTime"}} {
		if t := moment(event, path...); !t.IsZero() {
			return t
		}
	}
	return moment(event, "metadata", "creationTimestamp")
}

// refusal finds the answer of the API in an error.
func refusal(err error) (*Refused, bool) {
	var r *Refused
	return r, errors.As(err, &r)
}
