package config

import (
	"slices"

	"github.com/invopop/jsonschema"
)

// The types below are slipway.yaml as written. Decoding and the JSON Schema are
// both made from them, so that neither can know a key that the other does not.

// document is the whole file.
type document struct {
	Version     int         `yaml:"version" jsonschema:"required,enum=1" jsonschema_description:"Version of this format."`
	Fleet       string      `yaml:"fleet" jsonschema:"required" jsonschema_description:"Name of the fleet; images are <registry>/<fleet>/<service>:<tag>."`
	Registry    string      `yaml:"registry,omitempty" jsonschema_description:"Registry for image names and pushes, as host[:port][/path]."`
	Tag         string      `yaml:"tag,omitempty" jsonschema_description:"Default tag of the images; latest when left out."`
	Bases       bases       `yaml:"bases,omitempty" jsonschema_description:"Source of the base images: debian (assembled by Slipway), official, alpine, or a map of role to image."`
	Platforms   []platform  `yaml:"platforms,omitempty" jsonschema_description:"Platforms to build for; the machine's own when left out."`
	Compression compression `yaml:"compression,omitempty" jsonschema_description:"Compression of image layers; gzip when left out."`
	Strict      bool        `yaml:"strict,omitempty" jsonschema_description:"Whether what is merely unwise is an error: a version that is only near the requested one, a missing lock file."`
	Signatures  signatures  `yaml:"signatures,omitempty" jsonschema_description:"Signatures that images of the fleet must have."`
	Scanner     scanner     `yaml:"scanner,omitempty" jsonschema_description:"Installed scanner that searches images for vulnerabilities; Slipway itself when left out."`
	Gates       gates       `yaml:"gates,omitempty" jsonschema_description:"Limits that images and their tests keep; a type or the service itself overrides them."`
	Defaults    defaults    `yaml:"defaults,omitempty" jsonschema_description:"Settings of every service; its type or the service itself overrides them."`
	Types       types       `yaml:"types,omitempty" jsonschema_description:"Settings of every service of a type; the service itself overrides them."`
	Services    services    `yaml:"services" jsonschema:"required" jsonschema_description:"The services by name."`

	Environments environments `yaml:"environments,omitempty" jsonschema_description:"Where the fleet runs, by name, and how a release gets there."`
}

// defaults is the part that every service shares.
type defaults struct {
	User     user `yaml:"user,omitempty" jsonschema_description:"Account that production images run as; when left out, nodejs for Node.js, app for others, 1001, 1001."`
	settings `yaml:",inline"`
}

// user is the account of production images.
type user struct {
	Name string `yaml:"name,omitempty" jsonschema_description:"Name in /etc/passwd."`
	UID  *int   `yaml:"uid,omitempty" jsonschema:"minimum=1,maximum=65533" jsonschema_description:"Numeric user; never 0."`
	GID  *int   `yaml:"gid,omitempty" jsonschema:"minimum=1,maximum=65533" jsonschema_description:"Numeric group; never 0."`
}

// settings are what defaults, types and services can all say.
type settings struct {
	Ecosystem ecosystem         `yaml:"ecosystem,omitempty" jsonschema_description:"Language of the service; detected when left out."`
	Version   scalar            `yaml:"version,omitempty" jsonschema_description:"Version of the ecosystem's runtime, such as 22; detected when left out."`
	Port      *int              `yaml:"port,omitempty" jsonschema:"minimum=1,maximum=65535" jsonschema_description:"Port that the service listens on."`
	Health    *health           `yaml:"health,omitempty" jsonschema_description:"Health check that reports when the service is ready."`
	Memory    memory            `yaml:"memory,omitempty" jsonschema_description:"Memory limit such as 512Mi or 1GB."`
	Env       map[string]scalar `yaml:"env,omitempty" jsonschema_description:"Environment of the running service. Not for secrets."`
	EnvFile   oneOrMore         `yaml:"env_file,omitempty" jsonschema_description:"File of NAME=VALUE lines, or a list of them, relative to this file. Read by slipway run; never part of an image."`
	Shell     *bool             `yaml:"shell,omitempty" jsonschema_description:"Whether the production image has a shell."`
	GPU       *bool             `yaml:"gpu,omitempty" jsonschema_description:"Whether the image of a Python service holds what PyTorch needs for NVIDIA GPUs; detected when left out."`
	Manager   manager           `yaml:"package_manager,omitempty" jsonschema_description:"Package manager of the service, such as pnpm or uv; detected when left out."`
	Gates     gates             `yaml:"gates,omitempty" jsonschema_description:"Limits that the image and its tests keep."`
	Packages  packages          `yaml:"packages,omitempty" jsonschema_description:"Debian packages in addition to those that Slipway detects."`
	Quality   quality           `yaml:"quality,omitempty" jsonschema_description:"Stages that check the service, such as lint and unit-tests: off, commands, or a map of settings; detected when left out."`
}

// packages are Debian packages by what they are for.
type packages struct {
	Build   []debian `yaml:"build,omitempty" jsonschema_description:"Packages for installing and building, such as libpq-dev."`
	Runtime []debian `yaml:"runtime,omitempty" jsonschema_description:"Packages in the production image, such as libpq5."`
}

// debian is the name of a Debian package.
type debian string

// service is one entry of services.
type service struct {
	Path     string      `yaml:"path,omitempty" jsonschema_description:"Directory of the service, relative to this file; the service's name when left out."`
	Type     serviceType `yaml:"type,omitempty" jsonschema_description:"Kind of service; detected when left out."`
	Command  command     `yaml:"command,omitempty" jsonschema_description:"Start command; detected when left out."`
	Build    string      `yaml:"build,omitempty" jsonschema_description:"Script of package.json that builds the service; build when left out."`
	Output   string      `yaml:"output,omitempty" jsonschema_description:"Directory that the build of a Node.js service or a site writes, relative to the service; detected when left out."`
	Files    []file      `yaml:"files,omitempty" jsonschema_description:"Files and directories to add to the production image: paths and patterns relative to the service, or the output of another service."`
	Writable []string    `yaml:"writable,omitempty" jsonschema_description:"Directories that the service writes to: relative to its working directory, or absolute. They belong to the image's user."`
	Exclude  []string    `yaml:"exclude,omitempty" jsonschema_description:"Paths and patterns, as in a .dockerignore, to leave out of the production image."`
	Waivers  []waiver    `yaml:"waivers,omitempty" jsonschema_description:"Findings about the image that do not apply to this service, each with its reason."`
	Docker   *planned    `yaml:"dockerfile,omitempty" jsonschema_description:"false: Slipway plans the service although its directory has a Dockerfile."`
	Needs    needs       `yaml:"needs,omitempty" jsonschema_description:"Servers that the service and its tests need beside them, such as [postgres, redis]: a list, or a map of host name to kind, image or service:NAME."`
	Features []string    `yaml:"features,omitempty" jsonschema_description:"Cargo features of a Rust service, in addition to the default ones."`
	settings `yaml:",inline"`
}

// file is a path that production holds: of the service's own directory, or of
// what another service's build writes.
type file struct {
	From string `yaml:"from,omitempty" jsonschema_description:"Service whose build output the files come from."`
	Path string `yaml:"path,omitempty" jsonschema_description:"File or directory: of the service, or of the other service's directory after its build; that service's output when left out."`
	To   string `yaml:"to,omitempty" jsonschema_description:"Destination, relative to the service's directory; the same path when left out."`
}

// waiver is a finding about the image that is accepted.
type waiver struct {
	Finding string `yaml:"finding" jsonschema:"required,pattern=^SLP[0-9]{3}$" jsonschema_description:"Code of the finding, such as SLP365."`
	At      string `yaml:"at,omitempty" jsonschema_description:"Place of the finding: a file, a directory above it, or a pattern; or the ID of an advisory. Every place when left out."`
	Reason  string `yaml:"reason" jsonschema:"required,pattern=[A-Za-z]" jsonschema_description:"Why the finding does not apply."`
	Until   date   `yaml:"until,omitempty" jsonschema_description:"Last day of the waiver, such as 2027-03-31. An ended waiver fails the build or the gates."`
}

// planned is the only value of the key dockerfile: false.
type planned bool

// health is a way to ask for readiness and its timing.
type health struct {
	GRPC        *string  `yaml:"grpc,omitempty" jsonschema_description:"Service name for grpc.health.v1; an empty string checks the whole server."`
	HTTP        string   `yaml:"http,omitempty" jsonschema:"pattern=^/" jsonschema_description:"Path that answers 2xx or 3xx when ready."`
	TCP         *bool    `yaml:"tcp,omitempty" jsonschema_description:"Ready when the port accepts connections."`
	Command     command  `yaml:"command,omitempty" jsonschema_description:"Command in the container that exits 0 when ready."`
	TLS         *bool    `yaml:"tls,omitempty" jsonschema_description:"Whether the grpc or http check uses TLS; the certificate is not verified."`
	Interval    duration `yaml:"interval,omitempty" jsonschema_description:"Time between two probes."`
	Timeout     duration `yaml:"timeout,omitempty" jsonschema_description:"Maximum time of one probe."`
	StartPeriod duration `yaml:"start_period,omitempty" jsonschema_description:"Time after the start in which failures do not count; 60s for Java, 15s for others when left out."`
	Retries     *int     `yaml:"retries,omitempty" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Failures in a row that make a service unhealthy."`
}

// types are the settings by service type.
type types map[serviceType]settings

// services are the services by name.
type services map[string]service

// choice is a string that has to be one of a few.
type choice interface{ choices() []string }

type serviceType string

func (serviceType) choices() []string { return []string{"grpc", "http", "worker", "job", "static"} }

type ecosystem string

func (ecosystem) choices() []string {
	return []string{"deno", "go", "java", "node", "python", "rust", "static"}
}

// manager is the name of a package manager.
type manager string

func (manager) choices() []string { return slices.Concat(Managers("node"), Managers("python")) }

// Managers are the package managers that services of an ecosystem may name.
func Managers(ecosystem string) []string {
	return map[string][]string{
		"node":   {"npm", "pnpm", "yarn", "bun"},
		"python": {"pip", "uv", "poetry", "pdm", "pipenv"},
	}[ecosystem]
}

type compression string

func (compression) choices() []string { return []string{"gzip", "zstd"} }

type baseFamily string

func (baseFamily) choices() []string { return []string{"debian", "official", "alpine"} }

// baseRoles are the roles that a map of bases gives images for: two for each
// ecosystem, and the probe.
func baseRoles() []string {
	var roles []string
	for _, e := range ecosystem("").choices() {
		roles = append(roles, e+"-runtime", e+"-toolchain")
	}
	return append(roles, "probe")
}

func enum(c choice) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range c.choices() {
		s.Enum = append(s.Enum, v)
	}
	return s
}

// JSONSchema makes the schema of a choice.
func (c serviceType) JSONSchema() *jsonschema.Schema { return enum(c) }

// JSONSchema makes the schema of a choice.
func (c ecosystem) JSONSchema() *jsonschema.Schema { return enum(c) }

// JSONSchema makes the schema of a choice.
func (c manager) JSONSchema() *jsonschema.Schema { return enum(c) }

// JSONSchema makes the schema of a choice.
func (c compression) JSONSchema() *jsonschema.Schema { return enum(c) }

// JSONSchema says what names of Debian packages look like.
func (debian) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: "^[a-z0-9][a-z0-9+.-]+$"}
}

// JSONSchemaExtend names the types that may be keys.
func (types) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = enum(serviceType(""))
	s.AdditionalProperties = orEmpty(s.AdditionalProperties)
}

// JSONSchemaExtend says what names may look like.
func (services) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = &jsonschema.Schema{Type: "string", Pattern: namePattern}
	s.MinProperties = new(uint64)
	*s.MinProperties = 1
	s.AdditionalProperties = orEmpty(s.AdditionalProperties)
}

// JSONSchemaExtend says what a fleet may be called.
func (document) JSONSchemaExtend(s *jsonschema.Schema) {
	if fleet, ok := s.Properties.Get("fleet"); ok {
		fleet.Pattern = namePattern
	}
}

// JSONSchemaExtend allows one way of asking for readiness.
func (health) JSONSchemaExtend(s *jsonschema.Schema) {
	kinds := healthKinds()
	for i, a := range kinds {
		for _, b := range kinds[i+1:] {
			s.AllOf = append(s.AllOf, &jsonschema.Schema{Not: &jsonschema.Schema{Required: []string{a, b}}})
		}
	}
}

// orEmpty allows a key without a value, as in "worker-a:".
func orEmpty(s *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "null"}}}
}

// healthKinds are the keys of which health takes one.
func healthKinds() []string { return []string{"grpc", "http", "tcp", "command"} }

// kinds returns which of them are written.
func (h *health) kinds() []string {
	var ks []string
	if h == nil {
		return ks
	}
	for _, k := range healthKinds() {
		written := map[string]bool{"grpc": h.GRPC != nil, "http": h.HTTP != "", "tcp": h.TCP != nil && *h.TCP, "command": len(h.Command) > 0}
		if written[k] {
			ks = append(ks, k)
		}
	}
	return slices.Clip(ks)
}

// kindOf names a choice in messages.
func kindOf(c choice) string {
	switch c.(type) {
	case serviceType:
		return "a service type"
	case ecosystem:
		return "an ecosystem"
	case manager:
		return "a package manager"
	case compression:
		return "compression"
	case enforced:
		return "a command of enforce"
	case qualityStage:
		return "a quality stage"
	case level:
		return "the level of a gate"
	case strategyKind:
		return "a strategy"
	case approval:
		return "approval"
	case requirement:
		return "evidence"
	case testStage:
		return "tests of a running service"
	case weekday:
		return "a day of the week"
	case unfixedly:
		return "unfixed"
	default:
		return "bases"
	}
}
