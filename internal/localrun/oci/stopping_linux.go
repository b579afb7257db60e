package oci

import (
	"errors"
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

// end sends the stop signal, waits the grace, and kills what is left, as Docker
// does. Whether a program will obey the signal cannot be read from /proc: one
// that waits in sigtimedwait, such as tini, looks like one that ignores it.
func (c *container) end(grace time.Duration) error {
	c.mu.Lock()
	c.stopping = true
	c.mu.Unlock()
	if c.pidfd >= 0 {
		if c.begun.Load() && !c.spec.Beside {
			c.signal(stopSignal(c.image.StopSignal))
		} else {
			grace = 0 // the program never started, or keeps nothing
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
	if c.dns != nil {
		c.dns.close()
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
	return errors.Join(err, removeAllButLogs(c.dir))
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
