// Package config reads slipway.yaml: strict decoding, defaults, and every
// problem at once with line, column, excerpt and suggestion. It reads only
// bytes that it is given and knows nothing of detection, plans or engines. It
// refuses what could only be meant otherwise (unknown keys, duplicate keys and
// ports, impossible combinations) and YAML's anchors and aliases: what services
// share is said once under defaults and types.
//
//	fleet, findings := config.Parse("slipway.yaml", data)
//	if err := findings.Errors(); err != nil {
//		return err
//	}
package config

import (
	"time"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/plan"
)

// FileName is the name of the fleet's file at the root of the repository.
const FileName = "slipway.yaml"

// Fleet is a decoded slipway.yaml with the defaults of its types applied.
type Fleet struct {
	File        string // as given to Parse, for places of later findings
	Name        string
	Registry    string // host[:port][/path]; empty: images get no registry prefix
	Tag         string // default tag of the images; "latest" when not written
	Bases       Bases
	Platforms   []string // "os/arch", in the written order; empty: the machine's own
	Compression string   // "gzip" or "zstd"
	Scanner     string   `json:",omitempty"` // installed program that searches images for vulnerabilities; "": Slipway itself
	Strict      bool     // what is merely unwise is an error
	User        User
	Signatures  *Signatures `json:",omitempty"` // that images must have; nil: none
	Services    []Service   // sorted by name

	Environments []Environment `json:",omitempty"` // as written

	all []Service // of the file, also where Services is a selection of them
}

// All are the services of the file, also those that Services leaves out. A fleet that
// no file describes has its Services.
func (f *Fleet) All() []Service {
	if f.all == nil {
		return f.Services
	}
	return f.all
}

// Named returns a service of the file by its name, also one that Services leaves
// out. A nil fleet has none.
func (f *Fleet) Named(name string) (Service, bool) {
	if f == nil {
		return Service{}, false
	}
	for _, services := range [][]Service{f.all, f.Services} {
		for i := range services { // a Service is large: a fleet of a thousand asks for each
			if services[i].Name == name {
				return services[i], true
			}
		}
	}
	return Service{}, false
}

// Bases says where base images come from.
type Bases struct {
	Family string            // "debian", "official", "alpine" or "map"
	Images map[string]string // role → image reference; only for "map"

	Pythons bool `json:"-"` // this machine names a mirror of standalone Pythons; the file cannot say so
}

// User is the account that production images run as.
type User struct {
	Name string
	UID  int
	GID  int
}

// Service is one service with its type's defaults applied. Zero values mean
// "not written": detection fills them in.
type Service struct {
	Name           string
	Path           string // slash-separated, relative to the fleet's root; default: the name
	Type           string // "grpc", "http", "worker", "job", "static"
	Ecosystem      string // "node"; empty: detected
	Port           int
	Health         Health
	MemoryBytes    int64
	Version        string            // of the ecosystem's runtime, such as "20"
	Command        []string          // start command, exec form
	Build          string            // script of package.json that builds
	Output         string            // directory that the build writes, slash-separated
	Files          []File            // that production holds beyond what is found
	Writable       []string          // directories of the image's user, relative to the working directory or absolute
	Exclude        []string          // patterns of what production does not hold
	Waivers        []Waiver          // of findings about the image
	Planned        bool              // although the directory has a Dockerfile
	Env            map[string]string // of the running service
	EnvFiles       []string          // of the running service, relative to the fleet's root; later ones win, Env wins over all
	Shell          bool              // a shell in the production image
	GPU            *bool             `json:",omitempty"` // what PyTorch needs for GPUs is in the image; nil: detected
	PackageManager string            // "pnpm", "uv"
	Features       []string          // of cargo
	Gates          Gates             `json:"-"` // limits, as written
	Packages       Packages          // of Debian, beyond what the bases have
	Quality        map[string]Stage  `json:",omitempty"` // quality stages by name
	Prove          bool              `json:"-"`          // plan the quality stages too; commands say so
	Needs          []companion.Need  `json:",omitempty"` // servers beside it, in the written order
	Line           int               // of the service's key in slipway.yaml
}

// File is a file or directory that production holds because slipway.yaml says so.
type File struct {
	From string // another service, "" for the service's own directory
	Path string // slash-separated, may be a pattern; "": the other service's output
	To   string // relative to the service's directory; never empty unless Path is
}

// Waiver accepts findings about the image of a service or of its gates.
type Waiver struct {
	Finding string    // its code
	At      string    // place: a file, a directory above it, or a pattern of path.Match; "": any
	Reason  string    // never empty
	Until   time.Time `json:"Until,omitzero"` // the last day, 00:00 UTC; zero: no end
	Line    int       // in slipway.yaml
	Gate    bool      `json:",omitempty"` // the finding is one of gates, not of the check of a built image
}

// Packages are names of Debian packages.
type Packages struct {
	Build   []string // to install and build with
	Runtime []string // in the production image
}

// Health says how readiness is asked for: the plan has the same.
type Health = plan.HealthCheck
