package config

import (
	"github.com/invopop/jsonschema"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/plan"
)

// The codes of findings about environments:.
const (
	codeTarget    = "SLP130" // neither host nor kubernetes nor addresses of ssh
	codeAfter     = "SLP131" // an environment that does not exist, or a circle
	codeStrategy  = "SLP132" // of a strategy: steps that do not rise …
	codeAmount    = "SLP133" // replicas, cores, limits of an analysis out of range
	codeSource    = "SLP134" // a secret with no source, or two, or in plain text
	codeRoute     = "SLP135"
	codeCheckKind = "SLP136" // a check or hook that asks nothing
	codeNoTraffic = "SLP138" // a warning: a canary of a service that takes no traffic
)

// environments are the environments by name.
type environments map[string]environment

// environment is one of them as written.
type environment struct {
	Target    target        `yaml:"target" jsonschema:"required" jsonschema_description:"Where it runs: host (this machine), kubernetes, or ssh://USER@HOST[:PORT], also a list of them, which get a release one after the other."`
	Context   string        `yaml:"context,omitempty" jsonschema_description:"Context of the kubeconfig; the current one when left out. For kubernetes."`
	Namespace string        `yaml:"namespace,omitempty" jsonschema_description:"Namespace of the cluster; that of the context when left out. For kubernetes."`
	Gateway   string        `yaml:"gateway,omitempty" jsonschema_description:"Gateway, as NAME or NAMESPACE/NAME, at which routes are HTTPRoutes; they are Ingresses when left out. For kubernetes."`
	After     string        `yaml:"after,omitempty" jsonschema_description:"Environment in which a release has to have run, with its checks passed."`
	Soak      *span         `yaml:"soak,omitempty" jsonschema_description:"How long a release has to have run in the environment of after, such as 30m or 2d."`
	Approval  approval      `yaml:"approval,omitempty" jsonschema_description:"Whether somebody has to approve a release; none when left out."`
	Require   []requirement `yaml:"require,omitempty" jsonschema_description:"Evidence that a release must have."`
	Freeze    []freeze      `yaml:"freeze,omitempty" jsonschema_description:"Times at which nothing is deployed."`
	Deadline  duration      `yaml:"deadline,omitempty" jsonschema_description:"Time in which new containers become healthy; 2m when left out."`
	Patience  duration      `yaml:"patience,omitempty" jsonschema_description:"How long the target or a source of metrics may give no answer before the rollout pauses; 5m when left out."`
	EnvFile   oneOrMore     `yaml:"env_file,omitempty" jsonschema_description:"File of NAME=VALUE lines, or a list of them, relative to this file, for every service. Not for secrets."`
	Secrets   secretSources `yaml:"secrets,omitempty" jsonschema_description:"Secrets by reference: a map of variable, or of absolute path in containers, to one source."`
	Routes    []route       `yaml:"routes,omitempty" jsonschema_description:"Requests from outside that the proxy of a host, or an Ingress or HTTPRoute of a cluster, hands to services."`
	ACME      authority     `yaml:"acme,omitempty" jsonschema_description:"Authority of the routes with certificate: acme; Let's Encrypt when left out."`
	Checks    []checked     `yaml:"checks,omitempty" jsonschema_description:"Checks of the new side of services, before and while it gets traffic."`
	Analysis  analysis      `yaml:"analysis,omitempty" jsonschema_description:"Limits on how a canary may differ from the running version, or off."`
	Hooks     hooks         `yaml:"hooks,omitempty" jsonschema_description:"Commands before, after and on the way back of a rollout."`
	Services  placements    `yaml:"services,omitempty" jsonschema_description:"Settings of single services, over those of the environment."`
	placement `yaml:",inline"`
}

// placement is how services run.
type placement struct {
	Strategy  strategy          `yaml:"strategy,omitempty" jsonschema_description:"How a release replaces the running one: rolling, blue-green, canary or recreate, or a map of it to its settings; rolling when left out."`
	Replicas  *int              `yaml:"replicas,omitempty" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"Containers of each service; 1 when left out."`
	Autoscale autoscale         `yaml:"autoscale,omitempty" jsonschema_description:"Range of containers of each service, in place of replicas, between which the load decides. For kubernetes."`
	Memory    memory            `yaml:"memory,omitempty" jsonschema_description:"Memory limit of each container, such as 512Mi; that of the service when left out."`
	CPU       cores             `yaml:"cpu,omitempty" jsonschema_description:"Limit of each container in cores, such as 0.5 or 500m; none when left out."`
	Env       map[string]scalar `yaml:"env,omitempty" jsonschema_description:"Variables of the running services, over their own. Not for secrets."`
}

// autoscale is a range of replicas.
type autoscale struct {
	Min *int `yaml:"min,omitempty" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"Least containers; 1 when left out."`
	Max *int `yaml:"max" jsonschema:"required,minimum=1,maximum=1000" jsonschema_description:"Most containers."`
	CPU *int `yaml:"cpu,omitempty" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Percent of the limit of cores that the containers are to use on average; 60 when left out."`
}

// placements are those of single services.
type placements map[string]placement

// secretSources are where secrets come from, by variable or path.
type secretSources map[string]secretSource

// secretSource is where one comes from.
type secretSource struct {
	File       string    `yaml:"file,omitempty" jsonschema_description:"File with the value, relative to this file, on the machine that deploys. Keep it out of version control."`
	Env        string    `yaml:"env,omitempty" jsonschema_description:"Variable of the machine that deploys."`
	Command    command   `yaml:"command,omitempty" jsonschema_description:"Command on the machine that deploys whose output is the value, such as sops -d secrets/db."`
	Kubernetes string    `yaml:"kubernetes,omitempty" jsonschema_description:"Key of a Secret of the namespace, as SECRET/KEY. For kubernetes."`
	Services   oneOrMore `yaml:"services,omitempty" jsonschema_description:"Service that gets it, or a list of them; every service when left out."`
}

// route is one of the proxy.
type route struct {
	Listen      listen `yaml:"listen,omitempty" jsonschema_description:"Port, or address and port, such as 8080 or 127.0.0.1:8080; port 80 of every address when left out. Not for kubernetes."`
	Host        string `yaml:"host,omitempty" jsonschema_description:"Host of the requests, such as shop.example or *.shop.example; any when left out."`
	Path        string `yaml:"path,omitempty" jsonschema:"pattern=^/" jsonschema_description:"Path of the requests; /api is for /api and all below it. All when left out."`
	Service     string `yaml:"service,omitempty" jsonschema_description:"Service that answers; the fleet's only one when left out."`
	TCP         bool   `yaml:"tcp,omitempty" jsonschema_description:"Whether bytes are handed on as they are, for protocols other than HTTP."`
	Certificate string `yaml:"certificate,omitempty" jsonschema_description:"File with the certificate chain for TLS: absolute on the host, or relative to this file. Or acme: the host gets one from the authority of acme:. For kubernetes the name of a Secret of type kubernetes.io/tls."`
	Key         string `yaml:"key,omitempty" jsonschema_description:"File with the key of the certificate: absolute on the host, or relative to this file. Not for kubernetes."`
}

// authority is who certifies hosts.
type authority struct {
	Directory string `yaml:"directory,omitempty" jsonschema:"pattern=^https://" jsonschema_description:"Address of its ACME directory; that of Let's Encrypt when left out."`
	Email     string `yaml:"email,omitempty" jsonschema_description:"Address that the authority may write to; none when left out."`
}

// byACME is the certificate of a route that an authority gives.
const byACME = "acme"

// checked is one check of the new side.
type checked struct {
	Service    string    `yaml:"service,omitempty" jsonschema_description:"Service that is checked; the fleet's only one when left out."`
	HTTP       string    `yaml:"http,omitempty" jsonschema:"pattern=^/" jsonschema_description:"Path that answers 2xx or 3xx."`
	GRPC       *string   `yaml:"grpc,omitempty" jsonschema_description:"Service name for grpc.health.v1; an empty string checks the whole server."`
	Command    command   `yaml:"command,omitempty" jsonschema_description:"Command in the image of the new release that exits 0."`
	Tests      testStage `yaml:"tests,omitempty" jsonschema_description:"Quality stage of the service to run against the new side."`
	Prometheus string    `yaml:"prometheus,omitempty" jsonschema_description:"Query of Prometheus with one number as its result; the address is analysis: {prometheus: …}."`
	Below      *amount   `yaml:"below,omitempty" jsonschema_description:"The query's number must be smaller."`
	Above      *amount   `yaml:"above,omitempty" jsonschema_description:"The query's number must be larger."`
	Within     duration  `yaml:"within,omitempty" jsonschema_description:"Time in which the check passes; it is repeated until then. 1m when left out."`
}

// analysis are limits of a canary, or off.
type analysis struct {
	analysisForm
	off bool
}

// analysisForm is its map.
type analysisForm struct {
	ErrorRate  *rate   `yaml:"error_rate,omitempty" jsonschema_description:"Most percent of requests that fail beyond those of the running version; 1 when left out."`
	P95        *amount `yaml:"p95,omitempty" jsonschema_description:"Most that the 95th percentile of the response time may be, as a factor of the running version's; 1.5 when left out."`
	Samples    *int    `yaml:"samples,omitempty" jsonschema:"minimum=1" jsonschema_description:"Least requests of the new side to judge by; 50 when left out."`
	Prometheus string  `yaml:"prometheus,omitempty" jsonschema:"pattern=^https?://" jsonschema_description:"Address of a Prometheus; the proxy's own metrics when left out."`
}

// hooks are commands around a rollout.
type hooks struct {
	Before   []hook `yaml:"before,omitempty" jsonschema_description:"Before anything of the release is started, such as migrations."`
	After    []hook `yaml:"after,omitempty" jsonschema_description:"After all of the release runs."`
	Rollback []hook `yaml:"rollback,omitempty" jsonschema_description:"After it went back."`
}

// hook is one of them.
type hook struct {
	Service string   `yaml:"service,omitempty" jsonschema_description:"Service in whose image of the new release the command runs; the fleet's only one when left out."`
	Command command  `yaml:"command,omitempty" jsonschema_description:"Command that exits 0; the image's own when left out."`
	Timeout duration `yaml:"timeout,omitempty" jsonschema_description:"Longest time that it takes; 10m when left out."`
}

// approval is who has to agree to a release.
type approval string

func (approval) choices() []string { return []string{"required", "none"} }

type requirement string

func (requirement) choices() []string { return Requirements() }

// testStage is a quality stage that can run against what runs elsewhere.
type testStage string

func (testStage) choices() []string { return []string{plan.StageIntegration, plan.StageE2E} }

// strategyKind is the name of a strategy.
type strategyKind string

func (strategyKind) choices() []string {
	return []string{deploy.Rolling, deploy.BlueGreen, deploy.Canary, deploy.Recreate}
}

// JSONSchema makes the schema of a choice.
func (c approval) JSONSchema() *jsonschema.Schema { return enum(c) }

// JSONSchema makes the schema of a choice.
func (c requirement) JSONSchema() *jsonschema.Schema { return enum(c) }

// JSONSchema makes the schema of a choice.
func (c testStage) JSONSchema() *jsonschema.Schema { return enum(c) }

// JSONSchemaExtend says what names may look like.
func (environments) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = &jsonschema.Schema{Type: "string", Pattern: namePattern}
}

// JSONSchemaExtend allows a key without a value.
func (placements) JSONSchemaExtend(s *jsonschema.Schema) {
	s.AdditionalProperties = orEmpty(s.AdditionalProperties)
}

// JSONSchemaExtend asks for a check of one kind.
func (checked) JSONSchemaExtend(s *jsonschema.Schema) { oneOf(s, checkKinds()) }

// JSONSchemaExtend asks for one source.
func (secretSource) JSONSchemaExtend(s *jsonschema.Schema) { oneOf(s, secretKinds()) }

// oneOf asks for exactly one of the keys.
func oneOf(s *jsonschema.Schema, keys []string) {
	for _, key := range keys {
		s.OneOf = append(s.OneOf, &jsonschema.Schema{Required: []string{key}})
	}
}
