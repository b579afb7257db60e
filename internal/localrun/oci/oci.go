// Package oci runs the services of a group as containers on this machine:
// layers unpacked once, overlayfs, runc, a bridge for each group, a proxy for
// each published port. It needs root and Linux. It leaves no process, mount,
// interface or firewall rule behind: what a killed slipway left is removed by
// the next one. It pulls and builds nothing.
//
//	rt := &oci.Runtime{StateDir: dir, Runc: runc, Images: images}
//	running, err := rt.Start(ctx, group, false, watcher)
//	defer running.Stop()
//	err = running.WaitReady(ctx, 0)
package oci

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/localrun"
)

// Image is what is needed of an image; v1.Image satisfies it.
type Image interface {
	ConfigFile() (*v1.ConfigFile, error)
	Layers() ([]v1.Layer, error)
}

// Runtime starts groups. It is safe for concurrent use.
type Runtime struct {
	StateDir string // of slipway; containers live below "run"
	Runc     string // path of the program
	Images   func(ctx context.Context, name, platform string) (Image, error)
	Blame    func(ctx context.Context, name string, err error) error // finds damage behind an error of reading an image; nil: nobody looks
	MaxBytes int64                                                   // that the layers of an image unpack to; 0: no limit
	Grace    time.Duration                                           // from the stop signal to SIGKILL; zero: 10 s

	servers func() []netip.AddrPort // name servers to ask; nil: the machine's
}

// GroupStatus is what is known of a group of this machine.
type GroupStatus struct {
	Name      string            `json:"name"`
	PID       int               `json:"pid"` // of the slipway that runs it
	Detached  bool              `json:"detached"`
	StartedAt time.Time         `json:"started_at"`
	Running   bool              `json:"running"`
	Services  []localrun.Status `json:"services"` // in the order of the group
}

func (rt *Runtime) grace() time.Duration {
	if rt.Grace > 0 {
		return rt.Grace
	}
	return 10 * time.Second
}

// The places below a state directory.

func runDir(stateDir string) string    { return filepath.Join(stateDir, "run") }
func groupsDir(stateDir string) string { return filepath.Join(stateDir, "run", "groups") }
func layersDir(stateDir string) string { return filepath.Join(stateDir, "run", "layers") }

// GroupDir is where a group keeps its files; it is private to root.
func GroupDir(stateDir, group string) string {
	return filepath.Join(groupsDir(stateDir), groupFile(group))
}

// A group's lock and its errors lie beside its directory, under these endings.
const (
	lockSuffix  = ".lock"
	errorSuffix = ".err"
	notASuffix  = "%" // no group's name has it
)

// groupFile is the name of a group's directory: not that of another group's file.
func groupFile(group string) string {
	if strings.HasSuffix(group, lockSuffix) || strings.HasSuffix(group, errorSuffix) {
		return group + notASuffix
	}
	return group
}

// groupOf is the group of a directory's name.
func groupOf(file string) string { return strings.TrimSuffix(file, notASuffix) }

func lockPath(stateDir, group string) string { return GroupDir(stateDir, group) + lockSuffix }

// ErrorPath is where the background process of a group writes its own errors.
func ErrorPath(stateDir, group string) string { return GroupDir(stateDir, group) + errorSuffix }

// serviceDir is where a service keeps its files, in a directory that has nothing
// else: a service may be named like a file of its group.
func serviceDir(groupDir, service string) string {
	return filepath.Join(groupDir, "services", service)
}

// logFile is the name of a service's log.
const logFile = "log"

// LogPath is the file with all that a service wrote.
func LogPath(stateDir, group, service string) string {
	return filepath.Join(serviceDir(GroupDir(stateDir, group), service), logFile)
}
