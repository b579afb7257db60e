package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Exec becomes another program, which is in the network at a path, as Current names
// one, and has resolvConf as /etc/resolv.conf. Its parent's end ends it. It returns
// only when that fails.
func Exec(network, resolvConf string, argv, env []string) error {
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	ns, err := os.Open(network)
	if err != nil {
		return fmt.Errorf("opening the network: %w", err)
	}
	defer ns.Close()
	runtime.LockOSThread() // namespaces are those of a thread, which becomes the program
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering the network: %w", err)
	}
	if err := ownResolvConf(resolvConf); err != nil {
		return fmt.Errorf("naming the name server: %w", err)
	}
	if own := int(os.Stderr.Fd()); own != unix.Stderr { // package crash gives it another descriptor
		if err := unix.Dup2(own, unix.Stderr); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0); err != nil {
		return err
	}
	return unix.Exec(program, argv, env)
}

// ownResolvConf mounts a file where this thread alone sees it. A machine without
// /etc/resolv.conf asks at its loopback, which leads to the name server as well.
func ownResolvConf(path string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return err
	}
	if _, err := os.Stat("/etc/resolv.conf"); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return unix.Mount(path, "/etc/resolv.conf", "", unix.MS_BIND, "")
}
