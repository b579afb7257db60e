// Package resident is a process that stays when a command has ended, and runs the next
// ones, which find what it has open and warm: the engine. A command hands over its
// arguments, its directory and its standard streams through a socket in the state
// directory, says when it is interrupted, and gets the exit code. The resident
// serves only who says that it would get the same from a process of its own: the same
// program, environment, umask, groups, rights, limits, control group and namespaces (Key),
// and the same user, which the kernel says. It runs one command at a time, and ends when
// nobody has asked for a while, or when another process needs what it holds.
//
//	code, ran, err := resident.Run(ctx, resident.Call{Dir: dir, Key: key, Args: args}) // in the command
//	err = resident.Serve(ctx, resident.Server{Dir: dir, Key: key, Run: run})            // in the resident
package resident

import (
	"context"
	"os"
	"time"
)

// Call is a command that a resident may run.
type Call struct {
	Dir     string   // state directory, where its socket is
	Key     string   // see Key
	Args    []string // without the program's name
	WorkDir string
	Streams [3]*os.File // standard input, output and error

	// Unread is the cause with which ctx ends when nobody reads the output.
	Unread error
	// Start starts a resident when there is none, which writes a byte to ready when it
	// answers.
	Start func(ready *os.File) error
}

// Command is what a resident runs.
type Command struct {
	Args    []string
	WorkDir string
	Streams [3]*os.File
}

// Server is a resident.
type Server struct {
	Dir  string
	Key  string
	Idle time.Duration // without a command, it ends

	// Run runs a command and returns its exit code. The context ends when the command
	// is interrupted, with Unread as the cause if nobody reads its output, and when it
	// has gone.
	// Without again, the resident ends.
	Run    func(ctx context.Context, c Command) (code int, again bool)
	Unread error
	// Ready is called when the socket answers, and when there will be none.
	Ready func()
	// Exit ends this process where it cannot go on in order: when its directory is not
	// the one that it took, or a command does not end although its process has gone.
	Exit func(code int)
	// Release gives up what the resident holds; it is called once, at the end.
	Release func() error
}
