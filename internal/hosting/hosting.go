// Package hosting makes this machine a target: it starts the process that owns what runs
// here, package deploy/host, gives it the containers and addresses of the machine, and
// reaches it for others.
//
//	here := hosting.Here{State: dir, Start: startGroup, Note: note, Version: version}
//	started, err := here.Launch(ctx)
//	view, err := here.Client().View(ctx, "staging")
package hosting

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"

	"github.com/slipway-build/slipway/internal/deploy/host"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/logfile"
	"github.com/slipway-build/slipway/internal/state"
)

// Here is this machine.
type Here struct {
	State   state.Dir
	Start   func(ctx context.Context, g localrun.Group) error // in a process of its own; returns when the group runs
	Note    func(text string)
	Version string // of slipway

	Background bool    // the host is a process in the background, also where systemd runs
	Systemd    Systemd // of this machine; the zero value finds it
}

// dir is where the host keeps its files.
func (h Here) dir() string { return filepath.Join(h.State.Path, "hosting") }

// socket is where a host is asked.
func (h Here) socket() string { return filepath.Join(h.dir(), "host.sock") }

// Client asks the host of this machine.
func (h Here) Client() *host.Client { return host.NewClient("the host of this machine", h.Dial) }

// Dial reaches the host of this machine.
func (h Here) Dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", h.socket())
}

// Run is the host, until the context ends or another process takes over. With takeOver it
// takes the place of the one that runs, where there is one. Systemd hears when it is ready,
// and which process replaces it.
func (h Here) Run(ctx context.Context, takeOver bool) error {
	if err := h.prepare(); err != nil {
		return err
	}
	collectSeldom()
	systemd := manager(os.Getenv("NOTIFY_SOCKET"))
	if err := os.Unsetenv("NOTIFY_SOCKET"); err != nil { // runc would take it as that of a container
		return err
	}
	m := machine{Here: h}
	if takeOver {
		var err error
		if m.inherited, err = h.inherit(ctx); err != nil {
			return err
		}
	}
	listener, unlock, err := h.listen(ctx)
	if err != nil {
		return err
	}
	let := sync.OnceFunc(unlock)
	defer let()
	leave := func(to int) {
		if err := systemd.tell(fmt.Sprintf("MAINPID=%d", to)); err != nil {
			h.Note(err.Error())
		}
		let()
	}
	if err := h.State.RepairContainers(h.Note); err != nil {
		h.Note(err.Error())
	}
	store, err := h.State.Images(event.Discard{})
	if err != nil {
		return err
	}
	requests, err := h.accessLog()
	if err != nil {
		return err
	}
	defer requests.Close()
	owner, err := host.Open(host.Options{Dir: h.dir(), Containers: m, Network: m, Images: store, Note: h.Note, AccessLog: requests, Version: h.Version, Left: leave, NoCPU: !oci.LimitsCPU()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- owner.Serve(ctx, listener) }()
	if err := systemd.tell("READY=1"); err != nil {
		h.Note(err.Error())
	}
	err = owner.Run(ctx)
	if ctx.Err() != nil { // else another process goes on with the addresses
		for _, name := range owner.Empty() {
			err = errors.Join(err, oci.RemoveFront(h.State.Path, name))
		}
	}
	cancel()
	return errors.Join(err, <-served)
}

// collectSeldom lets a host allocate four times of what it needs before it collects garbage.
// It needs little, and Go's default collects such a heap whenever it has grown by 4 MB.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// accessLogBytes bounds each of the two files of the access log.
const accessLogBytes = 32 << 20

// accessLog opens the log of the proxy's requests. A host that takes over adds to that of
// the one before, which goes on with its last requests.
func (h Here) accessLog() (*logfile.File, error) {
	f, err := logfile.Open(filepath.Join(h.dir(), "access.log"), accessLogBytes)
	if err != nil {
		return nil, diag.Fail(diag.ExitRun, "the host cannot write its access log").Because(err).WithHint("see whether its disk is full: slipway doctor")
	}
	return f, nil
}

// prepare refuses whoever cannot be a host, and makes its directory.
func (h Here) prepare() error {
	if err := h.State.Refuse(); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return diag.Fail(diag.ExitRun, "a host requires root").WithHint("sudo slipway host start")
	}
	return os.MkdirAll(h.dir(), 0o700)
}

// inherit takes the listeners of the host that runs, if one does.
func (h Here) inherit(ctx context.Context) (map[string]net.Listener, error) {
	conn, err := h.Dial(ctx)
	if err != nil && !h.Runs() {
		return map[string]net.Listener{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return host.Inherit(conn.(*net.UnixConn))
}
