package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Forms of names of Kubernetes.
var (
	gatewayForm    = pattern.Lazy(`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	objectForm     = pattern.Lazy(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	namespaceForm  = pattern.Lazy(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	kubeSecretForm = pattern.Lazy(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[-._a-zA-Z0-9]{1,253}$`)
)

// item is the path of a list's item.
func item(at string, i int) string { return at + "/" + strconv.Itoa(i) }

// Verbs are the commands after `slipway deploy`; an environment with such a name could not
// be deployed to.
func Verbs() []string { return []string{"abort", "pause", "promote", "remove", "resume", "status"} }

// checkEnvironments reports what the types of environments cannot say.
func (d *decoder) checkEnvironments(doc *document) {
	for _, name := range written(d, "environments", doc.Environments) {
		e, at := doc.Environments[name], "environments/"+name
		if !ValidName(name) {
			d.report(codeName, "key:"+at, "use lower-case letters and digits, joined by dashes, at most 63 characters", "%q cannot be the name of an environment", clip(name))
		}
		if slices.Contains(Verbs(), name) {
			d.report(codeName, "key:"+at, "give it another name: slipway deploy "+name+" is a command", "%q cannot be the name of an environment", name)
		}
		if _, targeted := d.at[at+"/target"]; !targeted && !d.hasFindingIn(at) {
			d.report(codeTarget, "key:"+at, "add target: "+targetHint, "the environment %s has no target", clip(name))
		}
		d.checkAfter(at, name, e, doc)
		d.checkKubernetes(at, e)
		d.checkPlacement(at, e.placement)
		d.checkEnvFiles(at, e.EnvFile, "")
		d.checkPlacements(at, e, doc)
		d.checkCanaries(at, e, doc)
		d.checkSecrets(at+"/secrets", e, doc)
		d.checkRoutes(at+"/routes", e, doc)
		d.checkAuthority(at+"/acme", e.ACME)
		d.checkPreviews(at, e, doc)
		d.checkChecks(at, e, doc)
		d.checkAnalysis(at+"/analysis", e.Analysis)
		for i, r := range e.Require {
			if slices.Index(e.Require, r) < i {
				d.report(codeDuplicate, item(at+"/require", i), "delete one", "%s is listed twice", r)
			}
		}
		for key, list := range map[string][]hook{"before": e.Hooks.Before, "after": e.Hooks.After, "rollback": e.Hooks.Rollback} {
			for i, h := range list {
				d.checkServiceOf("hook", item(at+"/hooks/"+key, i), h.Service, doc)
			}
		}
	}
}

// checkAfter reports environments that wait for one that does not exist, or for each
// other.
func (d *decoder) checkAfter(at, name string, e environment, doc *document) {
	if e.Soak != nil && e.After == "" {
		d.report(codeImpossible, at+"/soak", "add after: ENVIRONMENT, or delete soak:", "the soak time is spent in the environment of after:, and there is none")
	}
	if e.After == "" {
		return
	}
	if _, known := doc.Environments[e.After]; !known {
		hint := "add it to environments:, or delete after:"
		if near := diag.Nearest(e.After, sortedKeys(doc.Environments)); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.report(codeAfter, at+"/after", hint, "there is no environment %q", clip(e.After))
		return
	}
	circle := []string{name}
	for next := e.After; ; next = doc.Environments[next].After {
		circle = append(circle, next)
		if next == name {
			break
		}
		if next == "" || slices.Index(circle, next) < len(circle)-1 { // it ends, or is the circle of others
			return
		}
	}
	if name == slices.Min(circle) { // once for all of them
		d.report(codeAfter, at+"/after", "delete one after:", "no release can begin: %s", strings.Join(circle, " is after "))
	}
}

// checkKubernetes reports keys that the target does not have.
func (d *decoder) checkKubernetes(at string, e environment) {
	kube := e.Target.kind == TargetKubernetes
	scaled := []string{at + "/autoscale"}
	for _, service := range sortedKeys(e.Services) {
		scaled = append(scaled, at+"/services/"+service+"/autoscale")
	}
	for _, place := range scaled {
		if _, there := d.at[place]; there && !kube && e.Target.kind != "" && !d.hasFindingIn(place) {
			d.report(codeImpossible, place, "write replicas: in its place, or target: kubernetes", "the key autoscale is for kubernetes, and the target is %s", e.Target.kind)
		}
	}
	for key, value := range map[string]string{"context": e.Context, "namespace": e.Namespace, "gateway": e.Gateway} {
		_, there := d.at[at+"/"+key]
		switch {
		case !there || d.hasFindingIn(at+"/"+key) || e.Target.kind == "":
		case !kube:
			d.report(codeImpossible, at+"/"+key, "delete it, or write target: kubernetes", "the key %s is for kubernetes, and the target is %s", key, e.Target.kind)
		case strings.TrimSpace(value) == "":
			d.report(codeTarget, at+"/"+key, "write a name, or delete the key", "the %s has no name", key)
		case key == "gateway" && !gatewayForm().MatchString(value):
			d.report(codeTarget, at+"/"+key, "write NAME or NAMESPACE/NAME", "%q cannot be a Gateway", clip(value))
		case key == "namespace" && !namespaceForm().MatchString(value):
			d.report(codeTarget, at+"/"+key, "use lower-case letters, digits and dashes, at most 63 characters", "%q cannot be a namespace", clip(value))
		}
	}
	for _, s := range strategiesOf(at, e) {
		if s.Sticky && kube {
			d.report(codeImpossible, s.at+"/canary/sticky", "delete it: a client may meet both sides there", "a sticky canary needs the proxy of a host, and the target is kubernetes")
		}
	}
}

// placedStrategy is a strategy at its place.
type placedStrategy struct {
	deploy.Strategy
	at      string // its path
	service string // "": that of the environment
}

// strategiesOf are the strategies of an environment and its services.
func strategiesOf(at string, e environment) []placedStrategy {
	out := []placedStrategy{{e.Strategy.Strategy, at + "/strategy", ""}}
	for _, service := range sortedKeys(e.Services) {
		out = append(out, placedStrategy{e.Services[service].Strategy.Strategy, at + "/services/" + service + "/strategy", service})
	}
	return out
}

// checkPlacement reports settings of services that cannot be.
func (d *decoder) checkPlacement(at string, p placement) {
	if n := p.Replicas; n != nil && (*n < 1 || *n > 1000) {
		d.report(codeAmount, at+"/replicas", "use a number from 1 to 1000", "%d replicas are out of range", *n)
	}
	d.checkAutoscale(at, p)
	d.checkEnv(at, p.Env, "delete it here and name its source below secrets:", "anyone who reads the repository can read it")
}

// checkAutoscale reports ranges of replicas that are none.
func (d *decoder) checkAutoscale(at string, p placement) {
	if _, there := d.at[at+"/autoscale"]; !there || d.hasFindingIn(at+"/autoscale") {
		return
	}
	a := p.Autoscale
	for key, n := range map[string]*int{"min": a.Min, "max": a.Max} {
		if n != nil && (*n < 1 || *n > 1000) {
			d.report(codeAmount, at+"/autoscale/"+key, "use a number from 1 to 1000", "%d replicas are out of range", *n)
		}
	}
	switch {
	case a.Max == nil:
		d.report(codeAmount, at+"/autoscale", "such as autoscale: {min: 2, max: 10, cpu: 60}", "the range has no max:")
	case a.Min != nil && *a.Max < *a.Min:
		d.report(codeAmount, at+"/autoscale", "write the smaller number as min:", "%d to %d replicas are no range", *a.Min, *a.Max)
	case a.CPU != nil && (*a.CPU < 1 || *a.CPU > 100):
		d.report(codeAmount, at+"/autoscale/cpu", "use a percentage of the limit, from 1 to 100", "%d percent of the cores are out of range", *a.CPU)
	case p.Replicas != nil:
		d.report(codeImpossible, at+"/autoscale", "delete one of them", "the load decides about the replicas, and replicas: is written too")
	}
}

// checkPlacements reports settings of services that do not exist or do not keep running.
func (d *decoder) checkPlacements(at string, e environment, doc *document) {
	for _, service := range sortedKeys(e.Services) {
		at, p := at+"/services/"+service, e.Services[service]
		d.checkPlacement(at, p)
		s, known := doc.Services[service]
		if !known {
			d.unknownService("key:"+at, service, "services", doc)
		}
		if s.Type == "job" && (p.Replicas != nil || p.Strategy.Kind != "" || p.Autoscale.Max != nil) {
			d.report(codeImpossible, "key:"+at, "delete replicas:, autoscale: and strategy:", "%s is a job, which runs once and ends", service)
		}
	}
}

// checkCanaries warns of services in a canary that take no traffic.
func (d *decoder) checkCanaries(at string, e environment, doc *document) {
	for _, service := range sortedKeys(doc.Services) {
		own := e.Services[service].Strategy
		where := at + "/services/" + service + "/strategy"
		if own.Kind == "" {
			own, where = e.Strategy, at+"/strategy"
		}
		if own.Kind != deploy.Canary || doc.Services[service].Type == "job" || !doc.silent(service) {
			continue
		}
		d.report(codeNoTraffic, where, fmt.Sprintf("for another strategy: services: {%s: {strategy: rolling}}", service),
			"%s has no port: the steps of its canary are percent of its replicas, not of traffic", service)
		d.findings[len(d.findings)-1].Severity = diag.Warning
	}
}

// silent reports a service that takes no traffic: a job, or a worker without a port.
// Ports of other types may be detected.
func (doc *document) silent(service string) bool {
	s := doc.Services[service]
	return s.Type == "job" || s.Type == "worker" && merge(doc.settingsFor(s.Type), s.settings).Port == nil
}

// unknownService reports a name that is none of a service.
func (d *decoder) unknownService(at, name, key string, doc *document) {
	hint := "the services are " + strings.Join(sortedKeys(doc.Services), ", ")
	if near := diag.Nearest(name, sortedKeys(doc.Services)); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	d.report(codeNoChoice, at, hint, "unknown service %q in %s:", clip(name), key)
}

// checkServiceOf reports a missing or unknown service of a route, check or hook, and
// reports whether it is a service.
func (d *decoder) checkServiceOf(what, at, service string, doc *document) bool {
	if len(doc.Services) == 0 { // which has its own finding
		return false
	}
	name := doc.only(service)
	_, known := doc.Services[name]
	switch {
	case name == "" && !d.hasFindingIn(at):
		d.report(codeNoChoice, at, "add service: "+sortedKeys(doc.Services)[0]+", or another one", "the %s names no service", what)
	case name != "" && !known:
		d.unknownService(at+"/service", name, "service", doc)
	}
	return known
}

// secretKinds are the sources of which a secret has one.
func secretKinds() []string { return []string{"file", "env", "command", "kubernetes"} }

// checkSecrets reports secrets that cannot be found, or would be set twice.
func (d *decoder) checkSecrets(at string, e environment, doc *document) {
	targets := map[string]string{}
	for _, key := range written(d, at, e.Secrets) {
		s, at := e.Secrets[key], at+"/"+key
		clean := path.Clean(key)
		switch other, taken := targets[clean]; {
		case path.IsAbs(key) && (clean == "/" || strings.HasSuffix(key, "/")):
			d.report(codeSource, "key:"+at, "such as /run/secrets/db-password", "%q cannot be a file in containers", clip(key))
		case path.IsAbs(key) && taken:
			d.report(codeDuplicate, "key:"+at, "delete one", "%s and %s are the same file in containers", clip(other), clip(key))
		case !path.IsAbs(key) && !envForm().MatchString(key):
			d.report(codeSource, "key:"+at, "write a variable such as DATABASE_URL, or an absolute path such as /run/secrets/key.pem", "%q is neither a variable nor a path in containers", clip(key))
		}
		targets[clean] = key
		d.checkSource(at, key, s, e)
		for i, name := range s.Services {
			if _, known := doc.Services[name]; !known {
				d.unknownService(item(at+"/services", i), name, "services", doc)
			}
		}
		_, twice := e.Env[key]
		for _, p := range e.Services {
			_, again := p.Env[key]
			twice = twice || again
		}
		if twice {
			d.report(codeImpossible, "key:"+at, "delete it from env:", "%s is in env: and in secrets:", clip(key))
		}
	}
}

// checkSource reports a secret without exactly one source, or with one that cannot be.
func (d *decoder) checkSource(at, key string, s secretSource, e environment) {
	var kinds []string
	for _, k := range secretKinds() {
		if _, there := d.at[at+"/"+k]; there {
			kinds = append(kinds, k)
		}
	}
	switch {
	case d.hasFindingIn(at):
		return
	case len(kinds) == 0:
		d.report(codeSource, "key:"+at, "write one, such as {env: NAME}, {file: PATH} or {command: sops -d FILE}", "the secret %s has no source", clip(key))
		return
	case len(kinds) > 1:
		d.report(codeSource, at+"/"+kinds[1], "keep one of "+strings.Join(kinds, ", "), "the secret %s has %d sources", clip(key), len(kinds))
		return
	}
	switch at := at + "/" + kinds[0]; {
	case d.hasFindingIn(at):
	case kinds[0] == "file" && s.File == "":
		d.report(codePath, at, "such as secrets/db-password", "the path of the file is empty")
	case kinds[0] == "file":
		d.checkPath(at, s.File, "write it relative to slipway.yaml, or name a variable: {env: NAME}", "move it into the repository and into .gitignore, or name a variable: {env: NAME}")
	case kinds[0] == "env" && !envForm().MatchString(s.Env):
		d.report(codeEnv, at, "use letters, digits and underscores", "%q cannot be the name of a variable", clip(s.Env))
	case kinds[0] == "kubernetes" && e.Target.kind != TargetKubernetes && e.Target.kind != "":
		d.report(codeImpossible, at, "use file:, env: or command:", "a Kubernetes Secret is for target: kubernetes, and the target is %s", e.Target.kind)
	case kinds[0] == "kubernetes" && !kubeSecretForm().MatchString(s.Kubernetes):
		d.report(codeSource, at, "write SECRET/KEY, such as database/password", "%q is not a key of a Secret", clip(s.Kubernetes))
	}
}

// checkAnalysis reports limits that nothing or everything keeps.
func (d *decoder) checkAnalysis(at string, a analysis) {
	if a.P95 != nil && (*a.P95 < 1 || *a.P95 > 1000) {
		d.report(codeAmount, at+"/p95", "such as 1.5: half as slow again", "%v is not a factor from 1 to 1000", *a.P95)
	}
	if a.Samples != nil && *a.Samples < 1 {
		d.report(codeAmount, at+"/samples", "use a number from 1", "%d samples are too few to judge by", *a.Samples)
	}
	if a.Prometheus == "" {
		return
	}
	if u, err := url.Parse(a.Prometheus); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		d.report(codeCheckKind, at+"/prometheus", "such as http://prometheus.monitoring:9090, without a user", "this is not the address of a Prometheus")
		d.hide(d.findings[len(d.findings)-1]) // it may show a password
	}
}
