package state

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/report"
)

// ExplainFullDisk makes one clear failure of an error that comes from a full
// disk of this machine, wherever it was met. It leaves every other error alone.
func (d Dir) ExplainFullDisk(err error) error {
	if !fullDisk(err) || errors.As(err, new(diag.Elsewhere)) {
		return err
	}
	dir, at := d.Path, (*fs.PathError)(nil)
	onFile := errors.As(err, &at)
	if !onFile && diag.ExitOf(err) == diag.ExitUsage {
		return err // the kernel says the same when it has no namespaces left
	}
	if onFile && !strings.HasPrefix(at.Path, d.Path+"/") && filepath.IsAbs(at.Path) {
		dir = filepath.Dir(at.Path)
	}
	room := ""
	if free, total, statErr := DiskSpace(dir); statErr == nil {
		room = fmt.Sprintf(", where %s of %s are free after removing unfinished files", report.Bytes(free), report.Bytes(total))
	}
	exit := diag.ExitOf(err)
	if exit == diag.ExitUnexpected {
		exit = diag.ExitBuild
	}
	cause := err
	if step := (*engine.StepError)(nil); errors.As(err, &step) {
		at := *step // its text is BuildKit's whole chain, or an exit code
		at.ExitCode, at.Err = 0, syscall.ENOSPC
		cause = &at
	}
	return diag.Fail(exit, "the disk is full: no space left in %s%s", dir, room).Because(cause).
		WithHint("free some space, or set SLIPWAY_STATE_DIR to a directory on a larger disk, and run the command again; it requires no cleanup")
}

// fullDisk tells whether an error comes from a full disk. What happens inside
// the engine comes out of it as text alone, so the text of the system's error
// is looked for as well, also at the end of what a failed step printed.
func fullDisk(err error) bool {
	if errors.Is(err, syscall.ENOSPC) {
		return true
	}
	text := strings.ToLower(err.Error())
	if step := (*engine.StepError)(nil); errors.As(err, &step) {
		log := strings.ToLower(string(step.Log))
		text += log[max(0, len(log)-4096):]
	}
	return strings.Contains(text, syscall.ENOSPC.Error())
}
