package manifest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
)

// The resources of a container that says nothing of them.
const (
	memoryDefault = 512 << 20
	coresDefault  = 0.5
)

// CoresRequested is the part of the limit in cores that a container requests: one of so many.
const CoresRequested = 5

// The times of a pod that ends: it is taken out of the traffic first, which nodes learn
// of in their own time, and then has time to end its requests.
const (
	lameDuck = 5 * time.Second
	grace    = 30 * time.Second
)

// Deployment of a service, or of one of its sides.
func (f Fleet) deployment(s Service) Object {
	out := f.object("apps/v1", "Deployment", s.sideName(), s)
	out["metadata"].(map[string]any)["labels"] = f.versioned(s)
	replicas := max(s.Placement.Replicas, 1)
	pod := f.pod(s)
	if replicas > 1 || s.Placement.Autoscale.Max > 1 {
		pod["topologySpreadConstraints"] = []any{map[string]any{
			"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
			"labelSelector": map[string]any{"matchLabels": f.side(s)},
		}}
	}
	spec := map[string]any{
		"revisionHistoryLimit":    3,
		"progressDeadlineSeconds": seconds(cmp.Or(f.Deadline, 10*time.Minute)),
		"strategy":                strategy(s.Placement.Strategy),
		"selector":                map[string]any{"matchLabels": f.side(s)},
		"template":                map[string]any{"metadata": map[string]any{"labels": f.versioned(s)}, "spec": pod},
	}
	if s.Placement.Autoscale.Max == 0 { // else two would decide about it
		spec["replicas"] = replicas
	}
	out["spec"] = spec
	return out
}

// strategy is what a Deployment alone can do of a strategy.
func strategy(s deploy.Strategy) map[string]any {
	if s.Kind == deploy.Recreate {
		return map[string]any{"type": "Recreate"}
	}
	surge, unavailable := 1, 0
	if s.Kind == deploy.Rolling {
		surge, unavailable = s.Surge, s.Unavailable
	}
	return map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": surge, "maxUnavailable": unavailable}}
}

// pod is the spec of the pods of a service.
func (f Fleet) pod(s Service) map[string]any {
	uid, gid := user(s.User)
	context := map[string]any{
		"runAsNonRoot": true, "runAsUser": uid, "runAsGroup": gid, "seccompProfile": map[string]any{"type": "RuntimeDefault"},
	}
	c := map[string]any{
		"name": s.Name, "image": s.Image, "imagePullPolicy": "IfNotPresent",
		"resources": resources(s),
		"securityContext": map[string]any{
			"allowPrivilegeEscalation": false, "capabilities": map[string]any{"drop": []any{"ALL"}},
		},
	}
	if s.Digest != "" {
		c["image"] = s.Image + "@" + s.Digest
	}
	out := map[string]any{
		"serviceAccountName": s.Name, "automountServiceAccountToken": false, "enableServiceLinks": false,
		"terminationGracePeriodSeconds": seconds(lameDuck + grace), "securityContext": context, "containers": []any{c},
	}
	if len(s.Placement.Env) > 0 {
		c["envFrom"] = []any{map[string]any{"configMapRef": map[string]any{"name": configName(s)}}}
	}
	if s.Port != 0 {
		c["ports"] = []any{map[string]any{"name": portName(s), "containerPort": s.Port, "protocol": "TCP"}}
		c["lifecycle"] = map[string]any{"preStop": map[string]any{"sleep": map[string]any{"seconds": seconds(lameDuck)}}}
	}
	maps.Copy(c, f.probes(s))
	secrets(s, out, c, context, gid)
	return out
}

// user is the number of the user and group of an image, as "1001:1001" says it. That of
// an image that runs as root, or names its user, is User.
func user(of string) (uid, gid int) {
	name, group, _ := strings.Cut(of, ":")
	uid, err := strconv.Atoi(name)
	if err != nil || uid <= 0 {
		return User, User
	}
	if gid, err = strconv.Atoi(group); err != nil || gid <= 0 {
		gid = uid
	}
	return uid, gid
}

// resources are the limits of a container. It requests half of the memory, which the node
// then keeps for it, and a fifth of the cores.
func resources(s Service) map[string]any {
	memory := cmp.Or(s.Placement.MemoryBytes, s.MemoryBytes, memoryDefault)
	cores := cmp.Or(s.Placement.CPU, coresDefault)
	return map[string]any{
		"limits":   map[string]any{"memory": quantity(memory), "cpu": millis(cores)},
		"requests": map[string]any{"memory": quantity(memory / 2), "cpu": millis(cores / CoresRequested)},
	}
}

// quantity writes an amount of memory with the largest unit that keeps it whole.
func quantity(n int64) string {
	for _, u := range []struct {
		suffix string
		size   int64
	}{{"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}} {
		if n%u.size == 0 {
			return fmt.Sprintf("%d%s", n/u.size, u.suffix)
		}
	}
	return strconv.FormatInt(n, 10)
}

// millis writes cores, at least one thousandth.
func millis(cores float64) string {
	m := max(int(math.Round(cores*1000)), 1)
	if m%1000 == 0 {
		return strconv.Itoa(m / 1000)
	}
	return fmt.Sprintf("%dm", m)
}

func seconds(d time.Duration) int { return max(int(math.Ceil(d.Seconds())), 1) }

func portName(s Service) string {
	switch {
	case s.Health.GRPC != nil || s.Type == "grpc":
		return "grpc"
	case s.Health.HTTP != "" || s.Type == "http" || s.Type == "static":
		return "http"
	}
	return "tcp"
}

// unwell is how long a container may fail its check before it is started anew.
const unwell = 30 * time.Second

// A container whose start was measured may take so many times as long on a busy node, and
// at least slowest, before it is started anew.
const (
	slowerStart = 5
	slowest     = 30 * time.Second
)

// probes ask a container for its health. The startup probe asks each second, so that a
// pod takes requests as soon as it can. Where the start of the image was measured, one that
// takes much longer is started anew; elsewhere it is asked for as long as the environment
// waits for it: one that is slow is not killed for that.
func (f Fleet) probes(s Service) map[string]any {
	ask := question(s)
	if ask == nil {
		return nil
	}
	h := s.Health.WithDefaults()
	with := func(every time.Duration, failures int) map[string]any {
		out := maps.Clone(ask)
		out["periodSeconds"], out["timeoutSeconds"], out["failureThreshold"] = seconds(every), seconds(h.Timeout), failures
		return out
	}
	patience := max(f.Deadline, h.StartPeriod)
	if s.StartMillis > 0 {
		patience = max(slowest, h.StartPeriod, slowerStart*time.Duration(s.StartMillis)*time.Millisecond)
	}
	every := min(h.Interval, 5*time.Second)
	return map[string]any{
		"startupProbe":   with(time.Second, seconds(patience)),
		"readinessProbe": with(every, h.Retries),
		"livenessProbe":  with(h.Interval, max(h.Retries, int(unwell/h.Interval))),
	}
}

// question is what a probe asks; nil for nothing.
func question(s Service) map[string]any {
	h := s.Health
	switch {
	case h.GRPC != nil && h.TLS: // Kubernetes asks gRPC in plain text alone
		argv := []any{"/usr/local/bin/grpc_health_probe", fmt.Sprintf("-addr=localhost:%d", s.Port), "-tls", "-tls-no-verify"}
		if *h.GRPC != "" {
			argv = append(argv, "-service="+*h.GRPC)
		}
		return map[string]any{"exec": map[string]any{"command": argv}}
	case h.GRPC != nil:
		ask := map[string]any{"port": s.Port}
		if *h.GRPC != "" {
			ask["service"] = *h.GRPC
		}
		return map[string]any{"grpc": ask}
	case h.HTTP != "":
		get := map[string]any{"path": h.HTTP, "port": portName(s)}
		if h.TLS {
			get["scheme"] = "HTTPS"
		}
		return map[string]any{"httpGet": get}
	case len(h.Command) > 0:
		return map[string]any{"exec": map[string]any{"command": anys(h.Command)}}
	case s.Port != 0:
		return map[string]any{"tcpSocket": map[string]any{"port": portName(s)}}
	}
	return nil
}

// SecretName is the Secret of a service with the values of secrets that come from outside
// of the cluster. Slipway makes it when it deploys; no manifest has a value.
func SecretName(s Service) string { return s.sideName() + SecretSuffix }

// SecretSuffix ends the names of such Secrets.
const SecretSuffix = "-secrets"

// SecretKey is the key of a secret in it.
func SecretKey(s config.EnvironmentSecret) string {
	return cmp.Or(s.Name, strings.ReplaceAll(strings.Trim(s.Target, "/"), "/", "."))
}

// secrets gives a container its secrets, by reference.
func secrets(s Service, pod, container, context map[string]any, gid int) {
	var env, mounts, volumes []any
	for i, secret := range s.Secrets {
		name, key := SecretName(s), SecretKey(secret)
		if secret.Kubernetes != "" {
			name, key, _ = strings.Cut(secret.Kubernetes, "/")
		}
		if secret.Name != "" {
			env = append(env, map[string]any{"name": secret.Name, "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": name, "key": key}}})
			continue
		}
		volume := fmt.Sprintf("secret-%d", i)
		volumes = append(volumes, map[string]any{"name": volume, "secret": map[string]any{
			"secretName": name, "defaultMode": 0o440, "items": []any{map[string]any{"key": key, "path": path.Base(secret.Target)}},
		}})
		mounts = append(mounts, map[string]any{"name": volume, "mountPath": secret.Target, "subPath": path.Base(secret.Target), "readOnly": true})
	}
	if env != nil {
		container["env"] = env
	}
	if mounts != nil {
		container["volumeMounts"], pod["volumes"] = mounts, volumes
		context["fsGroup"] = gid // may read them
	}
}

// configMap has the variables of a service. Its name changes with them, so pods of an
// older version keep theirs.
func (f Fleet) configMap(s Service) Object {
	out := f.object("v1", "ConfigMap", configName(s), s)
	out["immutable"], out["data"] = true, anyMap(s.Placement.Env)
	return out
}

func configName(s Service) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.Placement.Env)) {
		fmt.Fprintf(sum, "%s=%s\x00", name, s.Placement.Env[name])
	}
	return s.Name + "-env-" + hex.EncodeToString(sum.Sum(nil)[:4])
}

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

func anyMap(in map[string]string) map[string]any {
	out := make(map[string]any, len(in))
	for k, v := range in {
		out[k] = v
	}
	return out
}
