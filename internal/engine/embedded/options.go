// Package embedded is BuildKit in this process: an engine that needs no daemon,
// no socket and no configuration. One process at a time holds its state
// directory; a second one waits and says for whom. It pulls nothing by itself,
// keeps no history and writes nothing outside its state directory and the image
// store.
//
//	e, err := embedded.Open(ctx, embedded.Options{StateDir: dir, ImageDir: images, Runc: runc}, sink)
//	defer e.Close()
//	res, err := e.Build(ctx, req, sink)
package embedded

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// StepDir is where build steps see files of this machine. /dev is a tmpfs of the
// step, so the mount point never becomes part of a layer.
const StepDir = "/dev/slipway/"

// Options configure an engine. The zero values of the optional fields are good.
type Options struct {
	StateDir string // holds everything of the engine
	ImageDir string // OCI layout that bases are read from and images written to
	Runc     string // path of the runc binary

	// CAFile is the host's certificate bundle; every build step sees it, read-only,
	// through the usual variables. Empty: nothing is injected.
	CAFile string
	// StepEnv reaches every build step outside of layers and cache keys, unless
	// the step sets the variable itself. "NAME=value".
	StepEnv []string
	// StepFiles are files of this machine that every build step sees, read-only,
	// outside of layers and cache keys: by name below StepDir, the path.
	StepFiles map[string]string

	// Reachable are places of this machine, "host:port", that build steps may
	// connect to although their network leads out only: its owner's registries.
	Reachable []string
	// HostNetwork lets a Dockerfile add what this machine serves.
	HostNetwork bool
	// Outbound is this program with the command that becomes another one in a network:
	// a path of the network, a resolv.conf and the other program's words come after it.
	// Without it, git has the machine's network.
	Outbound []string
	// Logins are what steps that install packages get besides, where the repository
	// is Trusted. Withheld is told the tools of other steps that would have got one,
	// once each, from several goroutines; nil: nobody asks.
	Logins   []Login
	Trusted  bool
	Withheld func(tool string)
	// Hidden are words that no log shows, beside the logins in StepEnv.
	Hidden []string

	// Waiting is called, once, while another process has the state directory, before
	// Open waits for it; nil: nobody.
	Waiting func()

	// Layer is told what each layer holds that the engine writes, by its digest;
	// nil: nobody asks. It is called from several goroutines.
	Layer func(digest string, contents *layer.Index)

	MaxUnpacked  int64 // bytes that an image, or the archives of one ADD, unpack to; 0: no limit
	Parallel     int   // steps at once; 0: two for each core, at least four
	StepPIDs     int64 // processes and threads of a build step; 0: DefaultPIDs
	MaxCacheSize int64 // bytes that the cache may use; 0: DefaultCacheSize
	Owner        string
	PID          int  // the process that those who wait for this one are told; 0: this process
	Rootless     bool // root of a user namespace only: no control groups, no /sys in steps

	note      func(text string)
	abandoned bool       // the last process that had the state directory was killed
	files     *openFiles // of this engine
	opened    time.Time
	released  time.Time     // by the last process
	unsynced  bool          // databases are synced when the engine closes, not before
	broken    *atomic.Bool  // a database panicked
	beside    *atomic.Int32 // builds that have companions
	keeping   *atomic.Int32 // builds that keep cache mounts
	steps     *atomic.Int32 // steps that run
	contexts  *contexts     // of running builds
}

// Login is what the steps that install packages with one tool need of this machine's
// credentials.
type Login struct {
	Tool     string
	Installs func(command string) bool // tells such a step by its command line
	Env      []string                  // in place of StepEnv
	Files    map[string]string         // in place of StepFiles
}

func (o Options) parallel() int {
	if o.Parallel > 0 {
		return o.Parallel
	}
	return max(4, 2*runtime.NumCPU())
}

// DefaultCacheSize is what the cache may use unless something else is asked for, in bytes.
const DefaultCacheSize int64 = 20e9

func (o Options) maxCacheSize() int64 {
	if o.MaxCacheSize > 0 {
		return o.MaxCacheSize
	}
	return DefaultCacheSize
}
