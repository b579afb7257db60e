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
	asked    sync.WaitGroup // connections
	released chan struct{}  // closed when everything is given up

	mu     sync.Mutex
	busy   bool // a command runs
	ending bool
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
	v := &serving{Server: s, ctx: ctx, listener: listener, released: make(chan struct{})}
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

func (v *serving) close() {
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

func (v *serving) done() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.busy = false
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
		v.done()
		return
	}
	ctx, cancel := context.WithCancelCause(v.ctx)
	defer cancel(nil)
	go v.watch(lines, cancel)
	code := v.Run(ctx, Command{Args: ask.Args, WorkDir: ask.WorkDir, Streams: [3]*os.File(streams)})
	closeAll(streams) // somebody may wait for the end of the output
	v.done()          // and the next command may come with the answer
	_ = say(conn, answer{Exit: &code})
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// watch ends the context of a command that is interrupted or has gone.
func (v *serving) watch(lines *bufio.Reader, cancel context.CancelCauseFunc) {
	line, err := lines.ReadBytes('\n')
	var why interruption
	switch {
	case err != nil || json.Unmarshal(line, &why) != nil:
		cancel(errGone)
	case why.Unread:
		cancel(v.Unread)
	default:
		cancel(errAsked)
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
