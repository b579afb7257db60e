package resident

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// errGone is why a command's context ends when its process has ended, and errAsked when
// that was interrupted.
var (
	errGone  = errors.New("the process that asked for the command has ended")
	errAsked = errors.New("interrupted")
)

// serving is a resident at work.
type serving struct {
	Server
	ctx      context.Context
	listener *net.UnixListener
	lock     *flock.Flock
	asked    sync.WaitGroup // connections
	released chan struct{}  // closed when everything is given up

	mu     sync.Mutex
	busy   bool // a command runs
	ending bool
	closed bool // the socket
	idle   *time.Timer
}

// Serve runs commands until none has come for Idle, another process needs the way, or
// ctx ends. It returns at once when the directory has a resident.
func Serve(ctx context.Context, s Server) (err error) {
	lock := flock.New(place(s.Dir, lockFile), flock.SetPermissions(0o600))
	if held, err := take(lock, s.Dir); err != nil || !held {
		s.Ready()
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	listener, err := listen(s.Dir)
	if err != nil {
		return fmt.Errorf("making the socket of the resident: %w", err)
	}
	v := &serving{Server: s, ctx: ctx, lock: lock, listener: listener, released: make(chan struct{})}
	v.idle = time.AfterFunc(s.Idle, func() { v.end() })
	stop := context.AfterFunc(ctx, func() { v.end() })
	defer stop()
	s.Ready()
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			break // closed
		}
		v.asked.Go(func() { v.serve(conn) })
	}
	err = s.Release()
	close(v.released)
	v.asked.Wait()
	return err
}

// take takes the lock of the residents of a directory. It waits for one that ends, and
// returns false beside one that answers.
func take(lock *flock.Flock, dir string) (held bool, err error) {
	for until := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if held, err = lock.TryLock(); held || err != nil {
			return held, err
		}
		if conn, err := dial(dir); err == nil {
			return false, conn.Close()
		}
		if time.Now().After(until) {
			return false, errors.New("the process that kept the engine does not end")
		}
	}
}

// listen makes the socket, for this user alone. The caller holds the lock.
func listen(dir string) (*net.UnixListener, error) {
	if err := os.Remove(place(dir, socketFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	listener, err := net.ListenUnix("unix", address(d))
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // its name is of another process then
	if err := os.Chmod(place(dir, socketFile), 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// end makes the resident end, now or after its command. It returns whether a command runs.
func (v *serving) end() (busy bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ending = true
	if !v.busy {
		v.close()
	}
	return v.busy
}

// close closes the socket, once. When somebody has removed the state directory, all that
// is at its path belongs to others, and nothing of it may be cleaned up.
func (v *serving) close() {
	if v.closed {
		return
	}
	v.closed = true
	own, err := v.lock.Stat()
	if there, gone := os.Stat(place(v.Dir, lockFile)); err != nil || gone != nil || !os.SameFile(own, there) {
		v.Exit(1)
	}
	_ = os.Remove(place(v.Dir, socketFile))
	_ = v.listener.Close()
}

// begin takes the resident for a command.
func (v *serving) begin() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.busy || v.ending {
		return false
	}
	v.busy = true
	v.idle.Stop()
	return true
}

func (v *serving) done(again bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.busy = false
	v.ending = v.ending || !again
	v.idle.Reset(v.Idle)
	if v.ending {
		v.close()
	}
}

// serve answers one connection.
func (v *serving) serve(conn *net.UnixConn) {
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(patience)) != nil || !sameUser(conn) {
		return
	}
	ask, streams, lines, err := receive(conn)
	defer closeAll(streams)
	if err != nil {
		return
	}
	switch {
	case ask.GiveWay || len(streams) != 3 || ask.Key != v.Key:
		if busy := v.end(); busy {
			_ = say(conn, answer{Busy: true})
			return
		}
		if !ask.GiveWay {
			_ = say(conn, answer{})
		}
		<-v.released
	case !v.begin():
		_ = say(conn, answer{Busy: true})
	default:
		v.command(conn, ask, streams, lines)
	}
}

// command runs a command, for which begin has taken the resident.
func (v *serving) command(conn *net.UnixConn, ask request, streams []*os.File, lines *bufio.Reader) {
	if say(conn, answer{Taken: true}) != nil || conn.SetDeadline(time.Time{}) != nil {
		v.done(true)
		return
	}
	ctx, cancel := context.WithCancelCause(v.ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	go v.watch(lines, cancel, ended)
	c := Command{WorkDir: string(ask.WorkDir), Streams: [3]*os.File(streams)}
	for _, a := range ask.Args {
		c.Args = append(c.Args, string(a))
	}
	code, again := v.Run(ctx, c)
	close(ended)
	closeAll(streams) // somebody may wait for the end of the output
	v.done(again)     // and the next command may come with the answer
	_ = say(conn, answer{Exit: &code})
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// grace is how long a command may take to end when its process has gone.
const grace = 10 * time.Second

// watch ends the context of a command that is interrupted or has gone, and this process
// when the command does not end then: it may read a terminal that nobody watches.
func (v *serving) watch(lines *bufio.Reader, cancel context.CancelCauseFunc, ended <-chan struct{}) {
	for {
		line, err := lines.ReadBytes('\n')
		var why interruption
		if err != nil || json.Unmarshal(line, &why) != nil {
			break
		}
		if why.Unread {
			cancel(v.Unread)
		}
		cancel(errAsked)
	}
	cancel(errGone)
	select {
	case <-ended:
	case <-time.After(grace):
		v.Exit(1)
	}
}

func say(conn *net.UnixConn, a answer) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = conn.Write(append(line, '\n'))
	return err
}

// sameUser tells whether the process at the other end is of this process's user.
func sameUser(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	same := false
	err = raw.Control(func(fd uintptr) {
		who, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		same = err == nil && int(who.Uid) == os.Geteuid()
	})
	return err == nil && same
}

// receive reads a request, with the streams that come before it. lines has what comes
// after it.
func receive(conn *net.UnixConn) (ask request, streams []*os.File, lines *bufio.Reader, err error) {
	first, control := make([]byte, 1), make([]byte, unix.CmsgSpace(3*4))
	n, cn, _, _, err := conn.ReadMsgUnix(first, control)
	if err != nil || n != 1 {
		return ask, nil, nil, errors.Join(err, errors.New("no request"))
	}
	messages, err := unix.ParseSocketControlMessage(control[:cn])
	if err != nil {
		return ask, nil, nil, err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return ask, streams, nil, err
		}
		for i, fd := range fds {
			streams = append(streams, os.NewFile(uintptr(fd), [...]string{"/dev/stdin", "/dev/stdout", "/dev/stderr"}[i%3]))
		}
	}
	lines = bufio.NewReader(conn)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return ask, streams, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	return ask, streams, lines, d.Decode(&ask)
}
