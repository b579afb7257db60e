//go:build unix

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// remoteProgram is where `slipway host install` puts slipway on a machine.
const remoteProgram = "/usr/local/bin/slipway"

// SSH is a machine that is reached by the ssh of this one, with the person's settings and
// keys.
type SSH struct {
	Address string   // user@host or user@host:port
	Command []string // in place of ssh
}

// command runs a program on the machine as root.
func (s SSH) command(ctx context.Context, script string) (*exec.Cmd, error) {
	u, err := url.Parse("ssh://" + s.Address)
	if err != nil || u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-") {
		return nil, diag.Fail(diag.ExitUsage, "%q is not the address of a machine", s.Address).WithHint("write user@host or user@host:port")
	}
	args := append(append([]string{}, s.Command...), "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15")
	if len(s.Command) == 0 {
		args = append([]string{"ssh"}, args...)
	}
	if u.Port() != "" {
		args = append(args, "-p", u.Port())
	}
	if u.User.Username() != "" {
		args = append(args, "-l", u.User.Username())
	}
	args = append(args, "--", u.Hostname(), "if [ $(id -u) = 0 ]; then "+script+"; else sudo -n sh -c '"+script+"'; fi")
	return exec.CommandContext(ctx, args[0], args[1:]...), nil
}

// NewSSHClient asks the host of another machine.
func NewSSHClient(s SSH) *Client {
	var said lastWords
	c := NewClient("the host "+s.Address, func(ctx context.Context) (net.Conn, error) {
		return s.dial(&said)
	})
	c.far, c.said, c.hint = true, said.text, "slipway host install "+s.Address+" puts slipway there and starts it; try the connection: ssh "+s.Address
	return c
}

// dial starts ssh with one end of a pair of sockets; it ends when the other is closed.
func (s SSH) dial(said *lastWords) (net.Conn, error) {
	cmd, err := s.command(context.Background(), "exec "+remoteProgram+" host _call")
	if err != nil {
		return nil, err
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ssh"), os.NewFile(uintptr(pair[1]), "ssh")
	syscall.CloseOnExec(pair[0])
	syscall.CloseOnExec(pair[1])
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	said.reset()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for slipway
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(diag.Fail(diag.ExitRun, "ssh cannot be started").Because(err).WithHint("install openssh-client"), conn.Close())
	}
	over := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it said is in said
		close(over)
	}()
	return &greeted{Conn: conn, over: over}, nil
}

// greeted is a connection to a machine whose shell may print something first, or which
// ends before it answers.
type greeted struct {
	net.Conn
	over     <-chan struct{} // ssh has ended, and said all
	answered atomic.Bool
}

// hear waits until what ssh said of an error is there.
func (g *greeted) hear(err error) {
	if err == nil || g.answered.Load() {
		return
	}
	select {
	case <-g.over:
	case <-time.After(time.Second): // its connection alone is closed
	}
}

// Write implements net.Conn.
func (g *greeted) Write(p []byte) (int, error) {
	n, err := g.Conn.Write(p)
	g.hear(err)
	return n, err
}

// Read implements net.Conn.
func (g *greeted) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.hear(err)
	if n == 0 || g.answered.Load() {
		return n, err
	}
	g.answered.Store(true)
	if answer := []byte("HTTP/"); !bytes.HasPrefix(p[:n], answer[:min(n, len(answer))]) {
		return 0, fmt.Errorf("its shell prints %.100q, where nothing but slipway may: see its ~/.bashrc and the like", bytes.TrimSpace(p[:n]))
	}
	return n, err
}

// Install puts this slipway on the machine and starts its host, anew when it is another
// version.
func (s SSH) Install(ctx context.Context, program *os.File) error {
	script := fmt.Sprintf("set -e; cat > %[1]s.new; chmod 755 %[1]s.new; mv %[1]s.new %[1]s; %[1]s host upgrade", remoteProgram)
	cmd, err := s.command(ctx, script)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, &out, &out
	if err := cmd.Run(); err != nil {
		return diag.Fail(diag.ExitRun, "slipway cannot be installed on %s", s.Address).Because(fmt.Errorf("%w: %s", err, diag.Printable(strings.TrimSpace(out.String())))).
			WithHint("the user has to be root, or may use sudo without a password; try: ssh %s sudo -n true", s.Address)
	}
	return nil
}

// lastWords keeps what ssh says, for a message. It is safe for concurrent use.
type lastWords struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf.Len() < 4<<10 {
		w.buf.Write(p)
	}
	return len(p), nil
}

func (w *lastWords) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Reset()
}

func (w *lastWords) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if text := strings.TrimSpace(w.buf.String()); text != "" {
		return ": " + diag.Printable(text)
	}
	return ""
}
