package e2e

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// machine is another machine, as far as one can be had here: its own state directory,
// programs and run-time files, in a mount namespace, reached by ssh alone.
type machine struct {
	t       *testing.T
	address string // user@host:port
	ssh     string // the client with its settings, for SLIPWAY_SSH
	state   string
	pid     string // of a process in its namespace
}

// newMachine starts one.
func newMachine(t *testing.T) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "ssh") // sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, state: filepath.Join(dir, "state")}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	script := "mount -t tmpfs tmpfs /usr/local/bin && mount -t tmpfs tmpfs /run && mkdir '" + m.state + "' && mount -t tmpfs -o size=2g,mode=700 tmpfs '" + m.state + "' && echo ready && exec cat"
	inside := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c", script)
	stdin, err := inside.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := inside.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = inside.Wait() // cat has ended
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the namespace: %q, %v", line, err)
	}
	m.pid = strconv.Itoa(inside.Process.Pid)
	m.serve(dir)
	return m
}

// run runs a script on the machine.
func (m *machine) run(script string, in io.Reader, out, errs io.Writer) error {
	cmd := exec.Command("nsenter", "-t", m.pid, "-m", "sh", "-c", script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(m.state), "SLIPWAY_STATE_DIR=" + m.state}
	stdin, err := cmd.StdinPipe() // lest Wait waits for what in still brings
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(stdin, in)
		stdin.Close()
	}()
	return cmd.Wait()
}

// do runs a script that has to succeed.
func (m *machine) do(script string) {
	m.t.Helper()
	var out strings.Builder
	if err := m.run(script, strings.NewReader(""), &out, &out); err != nil {
		m.t.Fatalf("%s: %v: %s", script, err, out.String())
	}
}

// stop ends its host, when nothing runs there any longer.
func (m *machine) stop() {
	var out strings.Builder
	if err := m.run("slipway host stop", strings.NewReader(""), &out, &out); err != nil {
		m.t.Errorf("%v: %s", err, out.String())
	}
}

// serve is its sshd, and makes the client's settings.
func (m *machine) serve(dir string) {
	t := m.t
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	identity := filepath.Join(dir, "key")
	if err := os.WriteFile(identity, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	mine, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(hostKey)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if string(k.Marshal()) != string(mine.PublicKey().Marshal()) {
			return nil, errors.New("another key")
		}
		return nil, nil
	}}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	m.address = fmt.Sprintf("root@127.0.0.1:%d", port)
	known := filepath.Join(dir, "known")
	write(t, known, fmt.Sprintf("[127.0.0.1]:%d %s", port, ssh.MarshalAuthorizedKey(signer.PublicKey())))
	m.ssh = "ssh -F none -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o IdentityFile=" + identity + " -o UserKnownHostsFile=" + known
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { m.connection(conn, config) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Wait()
	})
}

// connection is one of ssh's; each of its sessions runs a script.
func (m *machine) connection(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return // not ours, or somebody left
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		if n.ChannelType() != "session" {
			_ = n.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, asked, err := n.Accept()
		if err != nil {
			return
		}
		go m.session(channel, asked)
	}
}

func (m *machine) session(channel ssh.Channel, asked <-chan *ssh.Request) {
	defer channel.Close()
	for r := range asked {
		var script struct{ Text string }
		known := r.Type == "exec" && ssh.Unmarshal(r.Payload, &script) == nil
		if r.WantReply {
			_ = r.Reply(known, nil)
		}
		if !known {
			continue
		}
		status := uint32(0)
		if err := m.run(script.Text, channel, channel, channel.Stderr()); err != nil {
			status = 255
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				status = uint32(exit.ExitCode())
			}
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
		return
	}
}

// TestDeploysToAnotherMachine installs slipway there by ssh, brings it a release without a
// registry, and goes back from a bad one, under load.
func TestDeploysToAnotherMachine(t *testing.T) {
	real(t)
	m := newMachine(t)
	t.Cleanup(m.stop)
	y := newShipyard(t, "ssh://"+m.address, "SLIPWAY_SSH="+m.ssh)
	y.slipway("deploy", "here", "v1").must(t, 5).says(t, "slipway host install "+m.address)
	y.slipway("host", "install", m.address).must(t, 0)
	first := y.slipway("deploy", "here", "v1").must(t, 0)
	first.says(t, "v1 runs in here")
	if got := y.get(t.Context()); got != "one api" {
		t.Fatalf("it answers %q", got)
	}
	same := y.slipway("deploy", "here", "v1").must(t, 0)
	same.says(t, "nothing was changed")
	stop := y.load()
	m.do(`dd if=/dev/zero of="$SLIPWAY_STATE_DIR/fill" bs=1M 2>/dev/null || true`)
	y.set("rolling", "GREETING: lost")
	full := y.slipway("deploy", "here", "v1")
	if full.code == 0 || !strings.Contains(full.stderr, "slipway: the host "+m.address+": the disk of the image store") || !strings.Contains(full.stderr, "hint: ") {
		t.Errorf("a full disk there: exit %d\n%s", full.code, full.stderr)
	}
	m.do(`rm "$SLIPWAY_STATE_DIR/fill"`)
	y.slipway("deploy", "abort", "here")
	y.set("{blue-green: {keep: 1s}}", "GREETING: two")
	y.slipway("deploy", "here", "v1").must(t, 0)
	y.set("rolling", "GREETING: bad, BROKEN: crash", "    deadline: 20s\n")
	y.slipway("deploy", "here", "v1").must(t, 6).says(t, "was rolled back in here on "+m.address+": web:", "it ended with exit code 3: no database here")
	y.slipway("host", "install", m.address).must(t, 0) // anew, while it serves
	only(t, "over ssh", stop(), "one api", "two api")
	if out := y.slipway("deploy", "status", "here").must(t, 0).stdout; !strings.Contains(out, "rolled back, web:") {
		t.Errorf("the status does not say how it ended:\n%s", out)
	}
	t.Logf("first %s, unchanged %s", first.took, same.took)
}
