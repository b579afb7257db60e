package oci

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ownMachine runs a test in a network of its own, in which the setting can be
// changed without harm.
func ownMachine(t *testing.T, on bool, test func(t *testing.T)) {
	t.Helper()
	needRoot(t)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with this goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = setForwarding(on)
		}
		if err == nil {
			test(t)
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func addLink(t *testing.T, name string) {
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}); err != nil {
		t.Error(err)
	}
}

func TestIPForwardingIsPutBack(t *testing.T) {
	for name, c := range map[string]struct {
		before bool
		during func(t *testing.T, state string)
		after  bool
		says   string // the last note
	}{
		"it was off":             {false, func(*testing.T, string) {}, false, "turned IP forwarding off again"},
		"it was on":              {true, func(*testing.T, string) {}, true, ""},
		"another program came":   {false, func(t *testing.T, _ string) { addLink(t, "docker0") }, true, "because the interface docker0 is new"},
		"another state runs":     {false, func(t *testing.T, _ string) { addLink(t, "slw01234567") }, true, "turned on IP forwarding"},
		"somebody turned it off": {false, func(*testing.T, string) { _ = setForwarding(false) }, false, "turned on IP forwarding"},
		"the file is damaged": {false, func(t *testing.T, state string) {
			if err := os.WriteFile(forwardingFile(state), []byte("{"), 0o600); err != nil {
				t.Error(err)
			}
		}, true, "because the record of who turned it on is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			if err := os.Mkdir(runDir(state), 0o700); err != nil {
				t.Fatal(err)
			}
			ownMachine(t, c.before, func(t *testing.T) {
				w := &scribe{t: t}
				for _, group := range []string{"a", "b"} {
					if _, err := createNetwork(t.Context(), state, group, w.Note); err != nil {
						t.Error(err)
					}
				}
				if !forwards(true) {
					t.Error("services reach nothing outside of the machine")
				}
				if err := errors.Join(removeNetwork(networkName(state, "a")), putBack(state, w.Note)); err != nil || !forwards(true) {
					t.Errorf("a network is left, and forwarding is off: %v", err)
				}
				c.during(t, state)
				if err := errors.Join(removeNetwork(networkName(state, "b")), putBack(state, w.Note)); err != nil {
					t.Error(err)
				}
				if forwards(true) != c.after {
					t.Errorf("in the end forwarding is on: %v", !c.after)
				}
				notes := strings.Split(strings.TrimSpace(w.text()), "\n")
				if last := notes[len(notes)-1]; !strings.Contains(last, c.says) || c.says == "" && last != "" {
					t.Errorf("the last note is %q, want %q", last, c.says)
				}
			})
		})
	}
}

// TestForwardingOfAnotherBootIsNotOurs: after a reboot somebody else turned it on.
func TestForwardingOfAnotherBootIsNotOurs(t *testing.T) {
	state := t.TempDir()
	old := `{"boot":"another","namespace":"net:[1]","interfaces":[]}`
	if err := errors.Join(os.Mkdir(runDir(state), 0o700), os.WriteFile(forwardingFile(state), []byte(old), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := putBack(state, func(text string) { t.Errorf("it changed something: %s", text) }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(forwardingFile(state)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file stays: %v", err)
	}
}
