package rootless

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/diag"
)

// lifeline is the inherited read end of a pipe whose write end only the outer
// process has. One byte says that the ids are mapped; its end, that the outer
// process is gone.
const lifeline = 3

const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID

// Enter runs p inside a new namespace and returns its exit code with entered
// set, when this process is not root. When it is, or is inside already, Enter
// returns at once with entered unset, and the caller does the work.
//
// While the process inside runs, Enter has this process's signals and hands
// them on; the process inside has a process group of its own, so that the
// terminal's Ctrl-C reaches it once. A context that ends asks it to terminate.
// Call Enter before anything is opened, and print nothing before it.
func Enter(ctx context.Context, p Process) (exitCode int, entered bool, err error) {
	switch stage := os.Getenv(stageVar); {
	case stage == stageWait:
		return 0, false, becomeRoot(p)
	case os.Geteuid() != 0:
		exitCode, err = run(ctx, p)
		return exitCode, true, err
	case stage == stageReady && os.Getpid() == 1:
		return 0, false, settle()
	}
	return 0, false, nil
}

// Available tells whether Enter would work, as Check does.
func Available() error {
	return Check(func(path string) (string, error) {
		data, err := os.ReadFile(path)
		return string(data), err
	}, tryClone)
}

// tryClone makes namespaces and uses a capability inside; nothing is executed:
// a program that does not exist is how success looks like.
func tryClone() error {
	_, err := syscall.ForkExec("/proc/self/no such program", []string{"slipway"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags:  namespaces,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
		Chroot:      "/",
	}})
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}

// run starts p in the namespaces, maps its ids, and follows it to its end.
func run(ctx context.Context, p Process) (int, error) {
	if err := Available(); err != nil {
		return 0, err
	}
	maps, err := hostMapping()
	if err != nil {
		return 0, err
	}
	if maps.why != "" && p.Note != nil {
		p.Note("only user 0 exists in this build, because " + maps.why + "; images and steps with other users will fail (slipway doctor shows the fix)")
	}
	runtimeDir, err := ownRuntimeDir(os.Getenv("XDG_RUNTIME_DIR"), p.StateDir, os.Geteuid())
	if err != nil {
		return 0, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("making a pipe: %w", err)
	}
	defer w.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: p.Args,
		Env:   insideEnv(p.Env, p.StateDir, runtimeDir, os.Getpid()),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		ExtraFiles:  []*os.File{r},
		SysProcAttr: &syscall.SysProcAttr{Cloneflags: namespaces, Setpgid: true},
	}
	signals, giveBack := takeSignals()
	defer giveBack()
	err = errors.Join(cmd.Start(), r.Close())
	if err != nil {
		return 0, fmt.Errorf("starting slipway in a user namespace: %w", err)
	}
	if err = maps.write(ctx, cmd.Process.Pid); err == nil {
		_, err = w.Write([]byte{1})
	}
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return 0, err
	}
	return follow(ctx, cmd, signals)
}

// takeSignals takes this process's signals away from whoever had them.
func takeSignals() (<-chan os.Signal, func()) {
	all := []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGWINCH, unix.SIGTSTP, unix.SIGCONT}
	if !signal.Ignored(unix.SIGHUP) { // nohup holds inside too
		all = append(all, unix.SIGHUP)
	}
	signals := make(chan os.Signal, 16)
	signal.Reset(all...)
	signal.Notify(signals, all...)
	return signals, func() { signal.Stop(signals) }
}

// follow hands signals on until the process ends, and returns its exit code as
// a shell does: 128 and the number of the signal that ended it.
func follow(ctx context.Context, cmd *exec.Cmd, signals <-chan os.Signal) (int, error) {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	done := ctx.Done()
	for {
		select {
		case s := <-signals:
			if s != unix.SIGTSTP {
				_ = cmd.Process.Signal(s)
				continue
			}
			// Ctrl-Z: stop both; the shell's SIGCONT comes back through this channel.
			_ = cmd.Process.Signal(unix.SIGSTOP)
			_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		case <-done:
			_ = cmd.Process.Signal(unix.SIGTERM)
			done = nil
		case err := <-ended:
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				return 0, fmt.Errorf("waiting for slipway in its user namespace: %w", err)
			}
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
				return 128 + int(status.Signal()), nil
			}
			return cmd.ProcessState.ExitCode(), nil
		}
	}
}

// becomeRoot waits until the ids are mapped and executes the program again:
// being executed as user 0 is what gives a process its capabilities.
func becomeRoot(p Process) error {
	if !outerSpeaks() {
		return diag.Fail(diag.ExitUnexpected, "the slipway process that started this one has ended").
			WithHint("unset %s if you have set it; it is reserved for slipway", stageVar)
	}
	if err := os.Setenv(stageVar, stageReady); err != nil {
		return err
	}
	// The runtime's own messages go elsewhere here (package crash); the next program
	// starts with the terminal.
	if terminal := int(os.Stderr.Fd()); terminal != unix.Stderr {
		if err := unix.Dup2(terminal, unix.Stderr); err != nil {
			return fmt.Errorf("restoring standard error: %w", err)
		}
	}
	return fmt.Errorf("starting slipway in its user namespace: %w", unix.Exec("/proc/self/exe", p.Args, os.Environ()))
}

// outerSpeaks waits for a byte of the outer process.
func outerSpeaks() bool {
	buf := make([]byte, 1)
	for {
		if n, err := unix.Read(lifeline, buf); !errors.Is(err, unix.EINTR) {
			return err == nil && n == 1
		}
	}
}

// settle makes the namespace a place to work in: mounts that nobody else sees,
// a /proc of its processes, and an end when the outer process ends.
func settle() error {
	unix.CloseOnExec(lifeline)
	go func() {
		outerSpeaks()
		os.Exit(int(diag.ExitInterrupted))
	}()
	// The terminal belongs to the outer process: writing to it must not stop
	// this one, and reading from it fails.
	signal.Ignore(unix.SIGTTIN, unix.SIGTTOU)
	if err := os.Unsetenv(stageVar); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return diag.Fail(diag.ExitUsage, "builds need root or a full /proc, and this machine hides parts of it").Because(err).
			WithHint("in a container: start it with --security-opt systempaths=unconfined, or run slipway in it as root")
	}
	return nil
}

// lookTool finds newuidmap or newgidmap, which are not in the PATH of every user.
func lookTool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return filepath.Abs(path)
	}
	return exec.LookPath("/usr/bin/" + name)
}
