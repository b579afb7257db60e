// Package state is the state directory of a machine: where it is, and how what
// lies in it is opened: the image store, the base images, the engine, containers,
// and the directory of one measurement (a sandbox). It also keeps the directory
// within its limits. It decides nothing about builds.
//
//	dir := state.Dir{Path: state.PathOf(os.Getenv), Getenv: os.Getenv}
//	store, err := dir.Images(sink)
package state

import (
	"io"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/trace"
)

// Dir is a state directory and what opening its parts depends on.
type Dir struct {
	Path   string
	Getenv func(string) string
	Stderr io.Writer       // for what SLIPWAY_TRACE asks for; nil: nowhere
	Trace  *trace.Recorder // nil: none
	Kept   *Kept           // nil: an engine is open as long as its command
}

// PathOf returns the directory of all local state: $SLIPWAY_STATE_DIR, else
// /var/lib/slipway for root and the XDG data directory for others.
func PathOf(getenv func(string) string) string {
	if d := getenv("SLIPWAY_STATE_DIR"); d != "" {
		if abs, err := filepath.Abs(d); err == nil {
			return abs
		}
		return d
	}
	if os.Geteuid() == 0 {
		return "/var/lib/slipway"
	}
	if d := getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "slipway")
	}
	return filepath.Join(getenv("HOME"), ".local", "share", "slipway")
}

// ImageDir is the OCI layout of built and base images.
func (d Dir) ImageDir() string { return filepath.Join(d.Path, "images") }

// engineDir is the state of the embedded engine.
func (d Dir) engineDir() string { return filepath.Join(d.Path, "engine") }

// RegistryDir is where `slipway registry serve` keeps images.
func (d Dir) RegistryDir() string { return filepath.Join(d.Path, "registry") }

// AuditDir is where the audit log is.
func (d Dir) AuditDir() string { return filepath.Join(d.Path, "audit") }

// binDir is where carried programs are unpacked.
func (d Dir) binDir() string { return filepath.Join(d.Path, "bin") }
