package resident

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// The files of a resident in the state directory.
const (
	socketFile = "resident.sock"
	lockFile   = "resident.lock"
)

// patience is how long either side waits for the first words of the other.
const patience = 5 * time.Second

// request is the first line that a command writes; its three streams come before it.
type request struct {
	GiveWay bool     `json:"give_way,omitempty"` // end, when no command runs
	Key     string   `json:"key,omitempty"`
	Args    [][]byte `json:"args,omitempty"` // any bytes
	WorkDir []byte   `json:"work_dir,omitempty"`
}

// interruption is a further line.
type interruption struct {
	Unread bool `json:"unread"`
}

// answer is a line that the resident writes: whether it takes the command, and then how
// that ended.
type answer struct {
	Taken bool `json:"taken,omitempty"`
	Busy  bool `json:"busy,omitempty"` // with another command
	Exit  *int `json:"exit,omitempty"`
}

// dial connects to the socket of a directory, whose path may be longer than the address
// of a socket.
func dial(dir string) (*net.UnixConn, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	conn, err := net.DialUnix("unix", nil, address(d))
	if err == nil && !sameUser(conn) {
		err = errors.Join(errors.New("the process that keeps the engine is another user's"), conn.Close())
	}
	return conn, err
}

func address(dir *os.File) *net.UnixAddr {
	return &net.UnixAddr{Net: "unix", Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketFile)}
}

// Run has a resident run the command, which it starts if there is none, and returns the
// command's exit code. ran is false, and the caller does it, when the resident is busy,
// cannot be started, or ended before it took the command. An error beside ran is that of
// a resident that ended in the middle.
func Run(ctx context.Context, c Call) (code int, ran bool, err error) {
	for range 2 { // the first may be for others, and end
		conn, err := dial(c.Dir)
		if err != nil {
			if err = c.start(ctx); err != nil {
				return 0, false, err
			}
			if conn, err = dial(c.Dir); err != nil {
				return 0, false, fmt.Errorf("connecting to the process that keeps the engine: %w", err)
			}
		}
		answers, first, err := c.ask(conn)
		if err == nil && !first.Taken && !first.Busy {
			stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
			_, _ = answers.ReadByte() // it ends
			stop()
		}
		if err == nil && first.Taken {
			code, err := c.follow(ctx, conn, answers)
			return code, true, err
		}
		_ = conn.Close()
		if err == nil && first.Busy || ctx.Err() != nil {
			break
		}
	}
	return 0, false, nil
}

func (c Call) start(ctx context.Context) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	err = c.Start(write)
	_ = write.Close()
	if err != nil {
		return err
	}
	if err := read.SetReadDeadline(time.Now().Add(2 * patience)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = read.SetReadDeadline(time.Now()) })()
	if _, err := read.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("starting the process that keeps the engine: %w", err)
	}
	return nil
}

// ask offers the command and returns the first answer.
func (c Call) ask(conn *net.UnixConn) (answers *bufio.Reader, first answer, err error) {
	ask := request{Key: c.Key, WorkDir: []byte(c.WorkDir)}
	for _, a := range c.Args {
		ask.Args = append(ask.Args, []byte(a))
	}
	line, err := json.Marshal(ask)
	if err != nil {
		return nil, first, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, first, err
	}
	fds := make([]int, len(c.Streams))
	for i, f := range c.Streams {
		fds[i] = int(f.Fd())
	}
	if _, _, err = conn.WriteMsgUnix([]byte{'\n'}, unix.UnixRights(fds...), nil); err == nil {
		_, err = conn.Write(append(line, '\n'))
	}
	if err != nil {
		return nil, first, err
	}
	answers = bufio.NewReader(conn)
	first, err = readAnswer(answers)
	return answers, first, err
}

func readAnswer(r *bufio.Reader) (a answer, err error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(line, &a)
}

// follow waits for the end of a command that a resident runs, and tells it of an
// interruption.
func (c Call) follow(ctx context.Context, conn *net.UnixConn, answers *bufio.Reader) (int, error) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return 0, fmt.Errorf("following the command: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		if line, err := json.Marshal(interruption{Unread: errors.Is(context.Cause(ctx), c.Unread)}); err == nil {
			_, _ = conn.Write(append(line, '\n'))
		}
	})
	defer stop()
	last, err := readAnswer(answers)
	if err == nil && last.Exit == nil {
		err = errors.New("it answers without an exit code")
	}
	if err != nil {
		return 0, fmt.Errorf("following the command: %w", err)
	}
	return *last.Exit, nil
}

// GiveWay asks the resident of a directory to end, and waits until it has given up what
// it holds, or says that it does so after its command. Without a resident it does nothing.
func GiveWay(dir string) {
	conn, err := dial(dir)
	if err != nil {
		return
	}
	defer conn.Close()
	line, err := json.Marshal(request{GiveWay: true})
	if err != nil || conn.SetDeadline(time.Now().Add(patience)) != nil {
		return
	}
	if _, err := conn.Write(append(append([]byte{'\n'}, line...), '\n')); err == nil {
		_, _ = readAnswer(bufio.NewReader(conn)) // or the end
	}
}

func place(dir, name string) string { return filepath.Join(dir, name) }
