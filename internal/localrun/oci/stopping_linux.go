package oci

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// stop ends the service, kindly first, and removes everything of it. Further
// calls wait for the first and return the same.
func (c *container) stop(grace time.Duration) error {
	c.stopOnce.Do(func() { c.stopErr = c.end(grace) })
	return c.stopErr
}

func (c *container) end(grace time.Duration) error {
	c.mu.Lock()
	c.stopping = true
	pid := c.status.PID
	c.mu.Unlock()
	if c.pidfd >= 0 {
		kindly := stopSignal(c.image.StopSignal)
		if !c.heeds(pid, kindly) {
			grace = 0
		} else {
			c.signal(kindly)
		}
		if !c.endsWithin(grace) {
			c.signal(unix.SIGKILL)
			c.endsWithin(5 * time.Second)
		}
	}
	return c.remove()
}

// remove takes away what start has set up.
func (c *container) remove() error {
	for _, p := range c.proxies {
		p.close()
	}
	err := c.runc.delete(c.id)
	c.cgroup.remove()
	if c.ns != nil {
		err = errors.Join(err, c.ns.Close(), removeLink(c.link)) // the kernel would, but later
		c.ns = nil
	}
	if c.pidfd >= 0 {
		c.endsWithin(5 * time.Second)
		_ = unix.Close(c.pidfd)
		c.pidfd = -1
	}
	if c.log != nil {
		_ = c.log.close()
	}
	return errors.Join(err, removeRootfs(c.dir))
}

// heeds tells whether the first process of the container would see a signal. The
// kernel drops signals to the first process of a namespace unless it handles
// them, so waiting for it to end would be in vain. One that has just been
// started gets a second to set up its handlers.
func (c *container) heeds(pid int, s unix.Signal) bool {
	for range 50 {
		if pid == 0 {
			return false // not started
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil || handles(string(status), s) {
			return true
		}
		if c.endsWithin(20 * time.Millisecond) {
			return true
		}
	}
	return false
}

// handles reads from /proc/PID/status whether a process catches or waits for a
// signal. While it is still runc's, it does not.
func handles(status string, s unix.Signal) bool {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if name == "Name" && strings.HasPrefix(value, "runc:[") {
			return false
		}
		if name != "SigBlk" && name != "SigCgt" {
			continue
		}
		mask, err := strconv.ParseUint(value, 16, 64)
		if err == nil && mask&(1<<(s-1)) != 0 {
			return true
		}
	}
	return false
}

func (c *container) signal(s unix.Signal) {
	_ = unix.PidfdSendSignal(c.pidfd, s, nil, 0) // it may have ended
}

func (c *container) endsWithin(d time.Duration) bool {
	select {
	case <-c.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// stopSignal reads STOPSIGNAL: a name or a number.
func stopSignal(s string) unix.Signal {
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n < 65 {
		return unix.Signal(n)
	}
	if n := unix.SignalNum(strings.ToUpper(s)); n != 0 {
		return n
	}
	return unix.SIGTERM
}
