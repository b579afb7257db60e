// Package engine is the contract between a build and whatever executes it:
// the request, the result and the Builder interface with its small wrappers.
// The engines themselves are leaves below it (embedded, remote). It never
// chooses one.
//
//	res, err := builder.Build(ctx, engine.Request{Name: "web", Context: dir, Dockerfile: text}, sink)
package engine

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/slipway-build/slipway/internal/event"
)

// OutputKind says where the result of a build goes.
type OutputKind int

// The outputs. The zero value keeps the image in the local image store.
const (
	OutputStore  OutputKind = iota
	OutputNone              // build only
	OutputLocal             // files into a directory
	OutputTar               // files into a tar file
	OutputOCI               // an OCI image as a tar file
	OutputDocker            // an image that `docker load` reads, as a tar file
)

// Output is the destination of a build's result.
type Output struct {
	Kind OutputKind
	Path string    // of the directory or file; empty for OutputStore and OutputNone
	To   io.Writer // gets the file instead of a path; nil: Path
}

// Secret is handed to steps that mount it; it enters no layer, log or key.
type Secret struct {
	ID   string
	File string // read when the build starts
	Env  string // name of an environment variable
}

// Request is one build.
type Request struct {
	Name    string // in progress events
	Context string // directory
	// ContextKey tells contents of Context apart that an engine might not, which
	// brings a copy of it up to date by size and modification time; may be empty.
	ContextKey string
	Dockerfile []byte
	Ignore     []string // patterns in .dockerignore syntax, applied to Context
	GitModes   bool     // take files of Context with the modes that git knows, whatever the umask of the checkout was
	Target     string   // stage; empty: the last
	Args       map[string]string
	Labels     map[string]string
	Platforms  []string
	Secrets    []Secret
	// Bases maps a name after FROM to the digest of an image in the local image
	// store, or to any reference that BuildKit's named contexts know.
	Bases map[string]string
	// Contexts are further named contexts, each made of a few files by their
	// names when the build starts. One lies over the stage of its name.
	Contexts map[string]func() (map[string][]byte, error)
	// Named are contexts that a person names: a directory by its absolute path, an
	// OCI layout as "oci-layout://PATH", or what BuildKit reads itself
	// ("docker-image://…", a git repository, a URL).
	Named       map[string]string
	Steps       StepSettings
	Tag         string // name of the image inside its output
	Output      Output
	Compression string    // "gzip" (also when empty) or "zstd"
	Epoch       time.Time // timestamp of every file and of the image; zero: 1970
	NoCache     bool
	NoCacheOf   []string // stages that run every step; the others use the cache
	KeepMounts  bool     // cache mounts keep their content without the cache too; only the embedded engine can
	Pull        bool     // ask registries for images, whatever is known of them
	// CacheFrom and CacheTo are caches, written as buildx has them:
	// "type=registry,ref=registry.example/cache:web,mode=max", "type=local,src=DIR" or
	// dest=DIR, "type=inline", or only the reference in a registry.
	CacheFrom, CacheTo []string
	// Repository names the repository that is built: its steps share cache mounts,
	// and the results of steps that use them, with no other one's. Empty: with all
	// that have none either.
	Repository string
	// CacheScope is a namespace of cache mounts in place of the repository's; empty:
	// that one. An argument BUILDKIT_CACHE_MOUNT_NS overrides both.
	CacheScope string
	// Collect is a directory to bring here from the target's file system; zero: none.
	Collect Collect
}

// Collect asks for files of the target. When a step fails, they come from the file
// system that this step left: test reports exist also when tests fail. Only regular
// files and directories come out, bounded in number and size.
type Collect struct {
	From []string // absolute directories; the first that exists counts
	To   string   // an empty directory of this machine, which gets its content
}

// Collected is what a Collect brought.
type Collected struct {
	Files     int
	SizeBytes int64
	LeftOut   []string // paths below To that did not come, each with the reason
}

// Result is what came out.
type Result struct {
	Digest      string // of the index or manifest: "sha256:…"; empty without an image
	MediaType   string
	SizeBytes   int64            // of the descriptor
	Unpacked    map[string]int64 // digest of a layer → bytes of its regular files, of those that the engine knows
	Steps       int
	CachedSteps int
	Duration    time.Duration
	Collected   Collected // also beside an error
}

// Builder executes builds. It is safe for concurrent use.
type Builder interface {
	Build(ctx context.Context, req Request, sink event.Sink) (Result, error)
}

// StepError says which step of a build failed, with its whole output.
type StepError struct {
	Service, Stage, Step string
	ExitCode             int // 0 when the step did not run to an exit
	Log                  []byte
	Err                  error
}

func (e *StepError) Error() string {
	at := e.Step
	if e.Stage != "" {
		at = "[" + e.Stage + "] " + at
	}
	if e.ExitCode > 0 {
		return fmt.Sprintf("%s: exit code %d", at, e.ExitCode)
	}
	return at + ": " + e.Err.Error()
}

func (e *StepError) Unwrap() error { return e.Err }
