package hosting

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/generated"
	"github.com/slipway-build/slipway/internal/state"
)

// Unit is the systemd unit that is the host of this machine.
const Unit = "slipway-host.service"

// Systemd is where systemd of a machine keeps its files.
type Systemd struct {
	Runtime string // exists where systemd is the init system; "": /run/systemd/system, as sd_booted(3) asks
	Units   string // of the administrator; "": /etc/systemd/system
}

// runs reports whether systemd is the init system of this machine.
func (s Systemd) runs() bool {
	info, err := os.Stat(cmp.Or(s.Runtime, "/run/systemd/system"))
	return err == nil && info.IsDir()
}

func (s Systemd) path() string { return filepath.Join(cmp.Or(s.Units, "/etc/systemd/system"), Unit) }

// unitForm is the unit. A host says itself when it is ready, and which process replaces it
// (NotifyAccess=exec: those that ExecReload starts, too). KillMode=process spares the
// containers, and OOMPolicy=continue their supervisors when one needs too much memory. A
// background host that runs already is taken over, and its connections live on.
const unitForm = `# %[1]s, planned by Slipway.
# Slipway leaves this file alone once it was edited. Settings beside it: systemctl edit %[1]s
[Unit]
Description=Slipway host: runs what slipway deploy brings to this machine
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=exec
%[3]sExecStart=%[2]s host _run --take-over
ExecReload=%[2]s host _reload
Restart=always
RestartSec=2
TimeoutStartSec=2min
TimeoutStopSec=1min
KillMode=process
OOMPolicy=continue
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`

// unitText is the unit of a program and a state directory.
func unitText(program, stateDir string) (string, error) {
	environment := ""
	if stateDir != state.PathOf(func(string) string { return "" }) {
		environment = "Environment=" + quoted("SLIPWAY_STATE_DIR="+stateDir) + "\n"
	}
	for path, without := range map[string]string{program: `"'\\`, stateDir: ""} { // of programs, systemd refuses quotes in any form
		if strings.ContainsAny(path, without) || strings.ContainsFunc(path, unicode.IsControl) {
			return "", diag.Fail(diag.ExitUsage, "a systemd unit cannot name %q", path).
				WithHint("move it; or run the host without systemd: slipway host start --background")
		}
	}
	return fmt.Sprintf(unitForm, Unit, quoted(program), environment), nil
}

// quoted is a word of a unit (systemd.syntax(7), systemd.unit(5)).
func quoted(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(word) + `"`
}

// environmentOf is the line of a unit that names its state directory, "" for the usual one.
func environmentOf(unit []byte) string {
	for line := range strings.Lines(string(unit)) {
		if strings.HasPrefix(line, "Environment=") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// unit writes the unit for this program where it differs. One that a person wrote or
// edited stays; one of another state directory is an error.
func (h Here) unit() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := unitText(self, h.State.Path)
	if err != nil {
		return err
	}
	path := h.Systemd.path()
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return withoutSystemd(diag.Fail(diag.ExitRun, "the systemd unit of the host cannot be read").Because(err))
	case !generated.Untouched(old):
		h.Note(path + " was edited, or is not of Slipway, and is used as it is")
		return nil
	case environmentOf(old) != environmentOf([]byte(text)):
		return diag.Fail(diag.ExitRun, "systemd runs the host of another state directory on this machine: %s", path).
			WithHint("use that one: unset SLIPWAY_STATE_DIR; or run a second host without systemd: slipway host start --background")
	}
	w := generated.Writer{Out: io.Discard, Shown: func(path string) string { return path }}
	if err := w.Write(generated.File{Path: path, Text: []byte(text), Is: generated.Is}); err != nil {
		return withoutSystemd(diag.Fail(diag.ExitRun, "the systemd unit of the host cannot be written").Because(err))
	}
	return nil
}

func withoutSystemd(f *diag.Failure) *diag.Failure {
	return f.WithHint("run the host without systemd, which does not start it after a reboot: slipway host start --background")
}

// enable lets systemd run the host, now and after each reboot.
func (h Here) enable(ctx context.Context) error {
	if err := h.unit(); err != nil {
		return err
	}
	if err := systemctl(ctx, "daemon-reload"); err != nil {
		return withoutSystemd(diag.Fail(diag.ExitRun, "systemd does not read the unit of the host").Because(err))
	}
	if err := systemctl(ctx, "enable", "--now", Unit); err != nil {
		return diag.Fail(diag.ExitRun, "systemd does not start the host").Because(err).
			WithHint("read why: journalctl -u %s -n 20; without systemd: slipway host stop --disable; slipway host start --background", Unit)
	}
	if _, err := h.Client().Info(ctx); err != nil {
		return diag.Fail(diag.ExitRun, "systemd has started %s, which is not the host of %s", Unit, h.State.Path).Because(err).
			WithHint("see what it starts: systemctl cat %s", Unit)
	}
	return nil
}

// Register makes systemd run a host that was started in the background; false where it
// runs it already, or where there is no systemd. No connection is lost.
func (h Here) Register(ctx context.Context) (bool, error) {
	if h.Background || !h.Systemd.runs() || h.Registered(ctx) {
		return false, nil
	}
	return true, h.enable(ctx)
}

// Registered reports whether systemd runs the host of this state directory.
func (h Here) Registered(ctx context.Context) bool {
	if !h.Systemd.runs() {
		return false
	}
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--property=MainPID", "--value", Unit).Output()
	pid, notANumber := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || notANumber != nil || pid == 0 {
		return false
	}
	info, err := h.Client().Info(ctx)
	return err == nil && info.PID == pid
}

// reload replaces the process of the unit by one of this program. No connection is lost.
func (h Here) reload(ctx context.Context) error {
	before, err := h.Client().Info(ctx)
	if err != nil {
		return err
	}
	if err := h.unit(); err != nil {
		return err
	}
	for _, args := range [][]string{{"daemon-reload"}, {"reload", Unit}} {
		if err := systemctl(ctx, args...); err != nil {
			return diag.Fail(diag.ExitRun, "systemd does not upgrade the host").Because(err).WithHint("read why: journalctl -u %s -n 20", Unit)
		}
	}
	info, err := h.Client().Info(ctx)
	if err == nil && (info.PID == before.PID || info.Version != h.Version) {
		return diag.Fail(diag.ExitRun, "systemd has reloaded %s, and the host is not this slipway: process %d, slipway %s", Unit, info.PID, info.Version).
			WithHint("its ExecStart= and ExecReload= name another program; see: systemctl cat %s", Unit)
	}
	return err
}

// Disable stops the host, and keeps systemd from starting it after a reboot. Where systemd
// does not know the host, nothing starts it, so it is only stopped.
func (h Here) Disable(ctx context.Context) error {
	text, err := unitText("", h.State.Path)
	unit, missing := os.ReadFile(h.Systemd.path())
	if err != nil || missing != nil || !h.Systemd.runs() || environmentOf(unit) != environmentOf([]byte(text)) {
		return h.Stop(ctx)
	}
	registered := h.Registered(ctx)
	if err := systemctl(ctx, "disable", "--now", Unit); err != nil {
		return diag.Fail(diag.ExitRun, "systemd does not disable the host").Because(err).WithHint("systemctl status %s", Unit)
	}
	if registered || !h.Runs() {
		return nil
	}
	return h.Stop(ctx) // it ran in the background
}

// systemctl runs a command of systemd; what it prints is the error.
func systemctl(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, diag.Printable(string(bytes.TrimSpace(out))))
	}
	return nil
}

// manager is the socket on which systemd hears about a service (sd_notify(3)); "" where
// nobody listens.
type manager string

// tell sends a message.
func (m manager) tell(message string) error {
	if m == "" {
		return nil
	}
	conn, err := net.Dial("unixgram", string(m))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(message))
	return err
}
