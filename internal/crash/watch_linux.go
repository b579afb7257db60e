package crash

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
)

// watcher waits for the end of this process at the other side of a pipe, and keeps
// what the runtime writes there when it dies. That is not shown: it may be anybody's
// text. Signals of the terminal go to all of its processes, and are this process's to
// handle. $1 is the report, $2 the other copy, which the next command would name.
const watcher = `trap '' INT TERM HUP QUIT PIPE
umask 077
IFS= read -r line || exit 0
case $line in SIGQUIT*) exec cat >/dev/null ;; esac
hint="run the command again, and send $1 to the maintainers"
if { printf '%s\n' "$line"; cat; } 2>/dev/null >"$1"; then rm -f "$2"; else hint="run the command again"; cat >/dev/null; fi
printf 'slipway: internal error: this command ended at once\n  hint: %s; finished work is kept\n' "$hint" >&2`

// Watch lets a shell say so when this process dies of a panic that nothing can catch:
// the runtime ends it without another word, while its trace goes to a report. The shell takes 1 ms and 1 MB (2026-11-29), and ends with this process,
// however that ends. Without a shell nothing is said before the next command.
func Watch(dir string) {
	shell, err := exec.LookPath("/bin/sh")
	if err != nil {
		return
	}
	read, write, err := os.Pipe()
	if err != nil {
		return
	}
	defer func() { _ = read.Close() }() // the shell has its own
	defer func() { _ = write.Close() }()
	cmd := exec.Command(shell, "-c", watcher, "slipway-watcher", filepath.Join(dir, report), filepath.Join(dir, running))
	cmd.Dir, cmd.Stdin, cmd.Stderr = "/", read, os.Stderr
	if cmd.Start() != nil {
		return
	}
	go func() { _ = cmd.Wait() }() // it outlives this process, unless somebody ends it
	_ = debug.SetCrashOutput(write, debug.CrashOptions{})
}
