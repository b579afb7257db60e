// Package plan describes what will be built as plain data: the stages of each
// service, the bases they start from and the facts behind them. It renders
// nothing and reads nothing.
//
//	p := plan.Service{Name: "web", Stages: []plan.Stage{{Name: "production", From: base}}}
package plan

import (
	"path"
	"slices"
	"strings"
)

// Stage names of a production build, in order.
const (
	StageManifests    = "manifests" // where services can share an install
	StageDependencies = "dependencies"
	StagePackages     = "packages" // for production, where they are made of those dependencies
	StageBuilder      = "builder"
	StageRuntimeTools = "runtime-tools"
	StageWritable     = "writable" // where the program writes to directories of the image
	StageProduction   = "production"
)

// Scratch is written after FROM where a stage starts from nothing.
const Scratch = "scratch"

// Fact is one thing that detection found, or that slipway.yaml says.
type Fact struct {
	Name     string `json:"name"`  // "runtime", "package manager", "start", "port" …
	Value    string `json:"value"` // "node 20", "npm" …
	Evidence string `json:"evidence"`
	File     string `json:"file,omitempty"` // relative to the fleet's root
	Line     int    `json:"line,omitempty"`
}

// LeftOut is a file or directory of the service's tree that production does not
// hold.
type LeftOut struct {
	Path string `json:"path"` // relative to the build context
	Why  string `json:"why"`  // "tests", "editor settings", "secrets" …
}

// Use is a name that the sources ask the machine for: an environment variable or
// a program.
type Use struct {
	Name string `json:"name"`
	File string `json:"file"` // relative to the fleet's root
	Line int    `json:"line"`
}

// UseNames are the names of uses, in their order.
func UseNames(uses []Use) []string {
	var out []string
	for _, u := range uses {
		out = append(out, u.Name)
	}
	return out
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
	OnTarget  bool   `json:"on_target,omitempty"` // a toolchain that is wanted for the platforms built for too
}

// Mount is a RUN mount in the terms of the Dockerfile reference.
type Mount struct {
	Type     string `json:"type"` // "cache", "secret", "bind"
	Target   string `json:"target,omitempty"`
	ID       string `json:"id,omitempty"`
	Source   string `json:"source,omitempty"`
	From     string `json:"from,omitempty"`
	Sharing  string `json:"sharing,omitempty"`
	Required bool   `json:"required,omitempty"`
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
// ENV and LABEL, argv for exec forms). A value that is "$NAME" of an earlier ARG
// refers to it; all other text is meant as it stands.
type Step struct {
	Op      Op       `json:"op"`
	Comment string   `json:"comment,omitempty"` // why, printed above the instruction
	Args    []string `json:"args,omitempty"`
	Shell   string   `json:"shell,omitempty"`   // RUN in shell form, commands joined by " && ", continued lines by a line feed; Args is the exec form
	Mounts  []Mount  `json:"mounts,omitempty"`  // RUN
	Network string   `json:"network,omitempty"` // RUN --network; empty: default
	From    string   `json:"from,omitempty"`    // COPY --from
	Chown   string   `json:"chown,omitempty"`   // COPY --chown
	Chmod   string   `json:"chmod,omitempty"`   // COPY --chmod
	Link    bool     `json:"link,omitempty"`    // COPY --link
	Pattern bool     `json:"-"`                 // COPY: the last element of each source is a pattern, such as "*.go"; else sources are names
	Content string   `json:"content,omitempty"` // COPY of this text; Args is its destination alone
	Health  Health   `json:"health,omitzero"`   // HEALTHCHECK, with Args as its command
}

// Stage is one FROM … AS name.
type Stage struct {
	Name          string `json:"name"`
	Comment       string `json:"comment,omitempty"`
	From          string `json:"from"`                     // a base's Ref or an earlier stage's name
	BuildPlatform bool   `json:"build_platform,omitempty"` // runs on the machine's platform, never emulated
	Steps         []Step `json:"steps,omitempty"`
	Facts         []Fact `json:"facts,omitempty"` // of a quality stage: what it runs, and why
}

// Said is what a finding of the plan is about, for the check of the image: one
// thing is one finding.
type Said struct {
	About Subject
	Name  string // of a program, or the path of a file relative to the build context
}

// Subject is a kind of thing that both a plan and an image tell.
type Subject int

// The subjects.
const (
	ProgramCalled Subject = iota // a program that the sources start
	KeyInImage                   // a private key
)

// HasSaid reports a thing of which the plan has a finding.
func (s Service) HasSaid(about Subject, name string) bool {
	return slices.Contains(s.Said, Said{about, name})
}

// Secret is a file that a container finds when it runs.
type Secret struct {
	Target string `json:"target"` // absolute, in the container
	File   string `json:"file"`   // relative to the fleet's root
}

// Service is the plan of one service.
type Service struct {
	Name         string      `json:"name"`
	Dir          string      `json:"dir"` // build context, slash-separated, relative to the fleet's root
	Type         string      `json:"type,omitempty"`
	Port         int         `json:"port,omitempty"`
	Health       HealthCheck `json:"health,omitzero"`
	MemoryBytes  int64       `json:"memory_bytes,omitempty"`
	User         string      `json:"user,omitempty"` // "1001:1001"
	Facts        []Fact      `json:"facts,omitempty"`
	LeftOut      []LeftOut   `json:"left_out,omitempty"` // of the service's tree, sorted by path
	Reads        []Use       `json:"reads,omitempty"`    // variables without a default in the sources, sorted by name
	Secrets      []Secret    `json:"secrets,omitempty"`  // files that a running container gets and no image holds
	Calls        []Use       `json:"calls,omitempty"`    // programs that the sources start, sorted by name
	Said         []Said      `json:"-"`                  // findings of the plan that the check of the image would repeat
	Connects     []Use       `json:"connects,omitempty"` // "host:port" of servers that settings and sources name, sorted by name
	Bases        []Base      `json:"bases,omitempty"`
	Stages       []Stage     `json:"stages,omitempty"`
	Dockerfile   string      `json:"dockerfile,omitempty"`    // path of the service's own Dockerfile, relative to the fleet's root; then Stages is empty
	DockerIgnore []string    `json:"docker_ignore,omitempty"` // patterns: the service's own, else the supplied ones

	Quality       []Stage        `json:"quality,omitempty"`         // stages that check, and those that they share; planned on request
	LeftOutStages []LeftOutStage `json:"left_out_stages,omitempty"` // quality stages that have nothing to run
	QualityBases  []Base         `json:"quality_bases,omitempty"`   // that only Quality starts from
	QualityIgnore []string       `json:"quality_ignore,omitempty"`  // patterns for a build with Quality where they differ from DockerIgnore
	QualityTrim   []Step         `json:"-"`                         // keep what QualityIgnore lets in out of production: before the last step of the builder
}

// ManifestsOf are the files that a manifests stage copies.
type ManifestsOf struct {
	Dir   string   // below the build context, where they lie
	Names []string // relative to Dir
}

// Manifests are the files of the manifests stages by the names of those stages:
// the service's own, and those of services whose output it takes.
func (s Service) Manifests() map[string]ManifestsOf {
	out := map[string]ManifestsOf{}
	for _, stage := range s.Stages {
		if stage.Name != StageManifests && !strings.HasSuffix(stage.Name, "-"+StageManifests) {
			continue
		}
		args := stage.Steps[0].Args
		m := ManifestsOf{Dir: path.Dir(args[0])} // package.json comes first
		for _, a := range args[:len(args)-1] {
			m.Names = append(m.Names, strings.TrimPrefix(a, m.Dir+"/"))
		}
		out[stage.Name] = m
	}
	return out
}
