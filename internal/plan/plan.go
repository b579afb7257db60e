// Package plan describes what will be built as plain data: the stages of each
// service, the bases they start from and the facts behind them. It renders
// nothing and reads nothing.
//
//	p := plan.Service{Name: "web", Stages: []plan.Stage{{Name: "production", From: base}}}
package plan

import "time"

// Stage names of a production build, in order.
const (
	StageDependencies = "dependencies"
	StageBuilder      = "builder"
	StageRuntimeTools = "runtime-tools"
	StageProduction   = "production"
)

// Fact is one thing that detection found, or that slipway.yaml says.
type Fact struct {
	Name     string `json:"name"`  // "runtime", "package manager", "start", "port" …
	Value    string `json:"value"` // "node 20", "npm" …
	Evidence string `json:"evidence"`
	File     string `json:"file,omitempty"` // relative to the fleet's root
	Line     int    `json:"line,omitempty"`
}

// Role tells what a base is for.
type Role string

// The roles of base images.
const (
	RoleToolchain Role = "toolchain" // compilers, package manager, shell
	RoleRuntime   Role = "runtime"   // only what runs
	RoleProbe     Role = "probe"     // the static probe binary alone
)

// Base is the image that a stage starts from. Ref is written after FROM; for the
// Debian family it is the name of an image that Slipway assembles, such as
// "slipway/node:20-trixie-toolchain", and comes in as a named context.
type Base struct {
	Ref       string `json:"ref"`
	Role      Role   `json:"role"`
	Ecosystem string `json:"ecosystem,omitempty"` // "node"
	Version   string `json:"version,omitempty"`   // "20"
	Assembled bool   `json:"assembled"`           // by Slipway, not pulled
}

// Mount is a RUN mount in the terms of the Dockerfile reference.
type Mount struct {
	Type     string // "cache", "secret", "bind"
	Target   string
	ID       string
	Source   string
	From     string
	Sharing  string
	Required bool
}

// Op is the instruction of a Step.
type Op string

// The instructions that a plan uses.
const (
	OpWorkdir     Op = "WORKDIR"
	OpCopy        Op = "COPY"
	OpRun         Op = "RUN"
	OpEnv         Op = "ENV"
	OpArg         Op = "ARG"
	OpUser        Op = "USER"
	OpExpose      Op = "EXPOSE"
	OpLabel       Op = "LABEL"
	OpHealthcheck Op = "HEALTHCHECK"
	OpStopSignal  Op = "STOPSIGNAL"
	OpEntrypoint  Op = "ENTRYPOINT"
	OpCmd         Op = "CMD"
)

// Step is one instruction. Which fields count depends on Op; Args are the words
// of the instruction (sources then destination for COPY, key=value pairs for
// ENV and LABEL, argv for exec forms).
type Step struct {
	Op      Op
	Comment string // why, printed above the instruction
	Args    []string
	Shell   string  // RUN in shell form; Args is the exec form
	Mounts  []Mount // RUN
	Network string  // RUN --network; empty: default
	From    string  // COPY --from
	Chown   string  // COPY --chown
	Chmod   string  // COPY --chmod
	Link    bool    // COPY --link
	Health  Health  // HEALTHCHECK, with Args as its command
}

// Health is the timing of a HEALTHCHECK.
type Health struct {
	Interval, Timeout, StartPeriod time.Duration
	Retries                        int
}

// Stage is one FROM … AS name.
type Stage struct {
	Name          string
	Comment       string
	From          string // a base's Ref or an earlier stage's name
	BuildPlatform bool   // runs on the machine's platform, never emulated
	Steps         []Step
}

// Service is the plan of one service.
type Service struct {
	Name         string
	Dir          string // build context, slash-separated, relative to the fleet's root
	Type         string
	Port         int
	Health       HealthCheck
	MemoryBytes  int64
	User         string // "1001:1001"
	Facts        []Fact
	Bases        []Base
	Stages       []Stage
	Dockerfile   string   // path of the service's own Dockerfile; then Stages is empty
	DockerIgnore []string // patterns: the service's own, else the supplied ones
}

// HealthCheck says how readiness of a running service is asked for; at most
// one of GRPC, HTTP, TCP and Command is set.
type HealthCheck struct {
	GRPC    string   // service name
	HTTP    string   // path
	TCP     bool     // the port accepts
	Command []string // in the container
	Health
}
