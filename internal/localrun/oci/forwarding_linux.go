package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/vishvananda/netlink"

	"github.com/slipway-build/slipway/internal/atomicfile"

	"github.com/slipway-build/slipway/internal/netns"
)

// turnOff is the command that a note names.
const turnOff = "sysctl net.ipv4.ip_forward=0"

// forwarding is what is kept in the state directory while IP forwarding is on
// because Slipway turned it on.
type forwarding struct {
	Boot      string   `json:"boot"`       // the setting does not outlive it
	Namespace string   `json:"namespace"`  // each network has a setting of its own
	Links     []string `json:"interfaces"` // that were there: their owners did without
}

func forwardingFile(stateDir string) string { return filepath.Join(runDir(stateDir), "ip_forward") }

// forward turns on IP forwarding where it is off. The network's lock is held, and
// its bridge exists, so that another process does not turn it off meanwhile.
func forward(stateDir string, note func(string)) {
	if !forwards(false) {
		if at, err := readForwarding(stateDir); err == nil && at.stale() {
			_ = os.Remove(forwardingFile(stateDir)) // it is on for another reason now
		}
		return
	}
	links, err := otherLinks()
	at := forwarding{Boot: bootID(), Namespace: networkID(), Links: links}
	data, jsonErr := json.Marshal(at)
	if err = errors.Join(err, jsonErr); err == nil {
		err = atomicfile.Write(forwardingFile(stateDir), data, atomicfile.Options{Mode: 0o600})
	}
	if err != nil {
		note("services reach nothing outside of this machine: preparing to turn on " + ipForward + ": " + err.Error())
		return
	}
	if err := setForwarding(true); err != nil {
		_ = os.Remove(forwardingFile(stateDir))
		note("services reach nothing outside of this machine: turning on " + ipForward + ": " + err.Error())
		return
	}
	note("turned on IP forwarding, so that services reach other machines; it is turned off again when the last services stop")
}

// putBack turns IP forwarding off again when Slipway turned it on and the last
// network has gone. While others may use it, it stays on, and the note says so.
func putBack(stateDir string, note func(string)) error {
	at, err := readForwarding(stateDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	lock, lockErr := lockNetworks(stateDir)
	if lockErr != nil {
		return lockErr
	}
	defer lock.Unlock() //nolint:errcheck // it ends with the process at the latest
	if err != nil && forwards(true) {
		note(fmt.Sprintf("left IP forwarding on, because the record of who turned it on is damaged (off: %s)", turnOff))
	}
	if err != nil || at.stale() || forwards(false) {
		return os.Remove(forwardingFile(stateDir)) // there is nothing to put back
	}
	if ours, err := ownBridges(); err != nil || len(ours) > 0 {
		return err // the last one does it
	}
	links, err := otherLinks()
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(links, func(name string) bool { return !slices.Contains(at.Links, name) }); i >= 0 {
		note(fmt.Sprintf("left IP forwarding on, which Slipway turned on, because the interface %s is new and may use it (off: %s)", links[i], turnOff))
		return nil
	}
	if err := setForwarding(false); err != nil {
		return fmt.Errorf("turning IP forwarding off again: %w", err)
	}
	if ours, err := ownBridges(); err == nil && len(ours) > 0 {
		return setForwarding(true) // another state directory has just made a network
	}
	note("turned IP forwarding off again")
	return os.Remove(forwardingFile(stateDir))
}

// lockNetworks takes the lock under which networks are made.
func lockNetworks(stateDir string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(runDir(stateDir), "network.lock"))
	for range 50 {
		if ok, err := lock.TryLock(); ok || err != nil {
			return lock, err
		}
		time.Sleep(pollInterval)
	}
	return nil, errors.New("another slipway has kept the lock of the networks for 5 s")
}

func readForwarding(stateDir string) (forwarding, error) {
	var at forwarding
	data, err := os.ReadFile(forwardingFile(stateDir))
	if err != nil {
		return at, err
	}
	return at, json.Unmarshal(data, &at)
}

// stale reports whether the file tells of another boot or another network.
func (f forwarding) stale() bool { return f.Boot != bootID() || f.Namespace != networkID() }

func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}

func networkID() string {
	id, _ := os.Readlink(netns.Current())
	return id
}

// forwards reports whether the machine's setting is the given one; it is neither
// where it cannot be read.
func forwards(on bool) bool {
	data, err := os.ReadFile(ipForward)
	return err == nil && (strings.TrimSpace(string(data)) != "0") == on
}

func setForwarding(on bool) error {
	text := "0\n"
	if on {
		text = "1\n"
	}
	return os.WriteFile(ipForward, []byte(text), 0o644)
}

// ownBridges are those of the groups of all state directories.
func ownBridges() ([]string, error) {
	return linksThat(func(name string) bool { return strings.HasPrefix(name, bridgePrefix) })
}

// otherLinks are the interfaces that are not Slipway's.
func otherLinks() ([]string, error) {
	return linksThat(func(name string) bool {
		return name != "lo" && !strings.HasPrefix(name, bridgePrefix) && !(strings.HasPrefix(name, "sl") && strings.Contains(name, "."))
	})
}

func linksThat(match func(name string) bool) ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	var out []string
	for _, l := range links {
		if name := l.Attrs().Name; match(name) {
			out = append(out, name)
		}
	}
	return out, nil
}
