package resident

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var errUnread = errors.New("nobody reads it")

// bench starts residents in this process.
type bench struct {
	t                 *testing.T
	dir               string
	key               string // of the next resident
	idle              time.Duration
	run               func(ctx context.Context, c Command) int
	last              bool // a resident ends after a command
	started, released atomic.Int32
	exited            chan bool
	all               sync.WaitGroup
	ctx               context.Context
	stop              context.CancelFunc
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 40)) // an address has 108 bytes
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &bench{t: t, dir: dir, key: "a", idle: time.Minute, ctx: ctx, stop: cancel, exited: make(chan bool, 9), run: func(_ context.Context, c Command) int {
		fmt.Fprintf(c.Streams[1], "%q in %s", c.Args, c.WorkDir)
		return len(c.Args)
	}}
	t.Cleanup(func() {
		cancel()
		b.all.Wait()
		if s, r := b.started.Load(), b.released.Load(); s != r {
			t.Errorf("%d residents started, %d gave up what they held", s, r)
		}
		if _, err := os.Stat(filepath.Join(dir, socketFile)); err == nil {
			t.Error("the socket is left")
		}
	})
	return b
}

// call has a command run, and returns what it printed.
func (b *bench) call(ctx context.Context, key string, args ...string) (out string, code int, ran bool, err error) {
	b.t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	defer read.Close()
	printed := make(chan string)
	go func() {
		text, _ := io.ReadAll(read)
		printed <- string(text)
	}()
	code, ran, err = Run(ctx, Call{Dir: b.dir, Key: key, Args: args, WorkDir: "/work", Streams: [3]*os.File{write, write, write}, Start: b.start, Unread: errUnread})
	write.Close()
	return <-printed, code, ran, err
}

func (b *bench) start(ready *os.File) error {
	fd, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", ready.Fd()), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	key := b.key
	b.all.Go(func() {
		defer fd.Close()
		took := false
		err := Serve(b.ctx, Server{Dir: b.dir, Key: key, Idle: b.idle, Unread: errUnread,
			Run:     func(ctx context.Context, c Command) (int, bool) { return b.run(ctx, c), !b.last },
			Exit:    func(int) { b.exited <- true },
			Ready:   func() { _, _ = fd.Write([]byte{'\n'}); took = true; b.started.Add(1) },
			Release: func() error { b.released.Add(1); return nil },
		})
		if err != nil || !took {
			b.t.Errorf("serving: %v", err)
		}
	})
	return nil
}

func TestCommandsRunInOneResident(t *testing.T) {
	b := newBench(t)
	for n, args := range [][]string{{"build"}, {"build", "a b", strings.Repeat("x", 300000)}, {}} {
		out, code, ran, err := b.call(t.Context(), "a", args...)
		if err != nil || !ran || code != len(args) || out != fmt.Sprintf("%q in /work", args) {
			t.Errorf("%d: %.60q %d %t %v", n, out, code, ran, err)
		}
	}
	if n := b.started.Load(); n != 1 {
		t.Errorf("%d residents", n)
	}
}

func TestAResidentOfAnotherKeyEnds(t *testing.T) {
	b := newBench(t)
	for n, key := range []string{"a", "b", "b", "a"} {
		b.key = key
		if _, _, ran, err := b.call(t.Context(), key, "build"); !ran || err != nil {
			t.Errorf("%d: %t %v", n, ran, err)
		}
	}
	if n := b.started.Load(); n != 3 {
		t.Errorf("%d residents", n)
	}
}

func TestABusyResidentIsLeftAlone(t *testing.T) {
	b := newBench(t)
	begun, finish := make(chan bool), make(chan bool)
	b.run = func(context.Context, Command) int { begun <- true; <-finish; return 0 }
	first := make(chan bool)
	go func() {
		_, _, ran, err := b.call(t.Context(), "a", "build")
		first <- ran && err == nil
	}()
	<-begun
	for _, key := range []string{"a", "b"} { // the second makes it end, after its command
		if _, _, ran, err := b.call(t.Context(), key, "build"); ran || err != nil {
			t.Errorf("key %s beside a command: %t %v", key, ran, err)
		}
	}
	GiveWay(b.dir)
	if b.released.Load() != 0 {
		t.Error("it gave way in the middle of a command")
	}
	finish <- true
	if !<-first {
		t.Error("the first command did not end well")
	}
	b.all.Wait()
}

func TestAResidentEndsAfterACommandThatSpoiledIt(t *testing.T) {
	b := newBench(t)
	b.last = true
	for range 2 {
		if _, _, ran, err := b.call(t.Context(), "a", "build"); !ran || err != nil {
			t.Fatal(ran, err)
		}
		b.all.Wait()
	}
	if n := b.released.Load(); n != 2 {
		t.Errorf("%d residents ended", n)
	}
}

// Somebody removed the state directory and made another one.
func TestAResidentLeavesTheDirectoryOfOthers(t *testing.T) {
	b := newBench(t)
	if _, _, ran, err := b.call(t.Context(), "a", "build"); !ran || err != nil {
		t.Fatal(ran, err)
	}
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.stop()
	<-b.exited
}

func TestAResidentGivesWayBeforeItSaysSo(t *testing.T) {
	b := newBench(t)
	GiveWay(b.dir) // nobody is there
	if _, _, ran, err := b.call(t.Context(), "a", "build"); !ran || err != nil {
		t.Fatal(ran, err)
	}
	GiveWay(b.dir)
	if b.released.Load() != 1 {
		t.Error("it still holds the engine")
	}
}

func TestAResidentEndsWhenNobodyComes(t *testing.T) {
	b := newBench(t)
	b.idle = 50 * time.Millisecond
	b.run = func(context.Context, Command) int { time.Sleep(120 * time.Millisecond); return 0 } // a command is no idleness
	if _, _, ran, err := b.call(t.Context(), "a", "build"); !ran || err != nil {
		t.Fatal(ran, err)
	}
	b.all.Wait()
	if b.released.Load() != 1 {
		t.Error("it holds the engine")
	}
}

func TestAnInterruptReachesTheCommand(t *testing.T) {
	for _, cause := range []error{errUnread, errors.New("interrupted")} {
		b := newBench(t)
		begun, got := make(chan bool, 1), make(chan error, 1)
		b.run = func(ctx context.Context, _ Command) int {
			begun <- true
			<-ctx.Done()
			got <- context.Cause(ctx)
			return 130
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { <-begun; cancel(cause) }()
		_, code, ran, err := b.call(ctx, "a", "build")
		if why := <-got; code != 130 || !ran || err != nil || errors.Is(why, errUnread) != errors.Is(cause, errUnread) {
			t.Errorf("%v: exit %d, %t, %v; the command was told %v", cause, code, ran, err, why)
		}
	}
}

func TestACommandWhoseProcessHasGoneEnds(t *testing.T) {
	b := newBench(t)
	got := make(chan error, 1)
	b.run = func(ctx context.Context, _ Command) int { <-ctx.Done(); got <- context.Cause(ctx); return 130 }
	c := Call{Dir: b.dir, Key: "a", Args: []string{"build"}, Streams: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, Start: b.start}
	if err := c.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := dial(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, first, err := c.ask(conn); err != nil || !first.Taken {
		t.Fatal(first, err)
	}
	conn.Close()
	if why := <-got; !errors.Is(why, errGone) {
		t.Errorf("told %v", why)
	}
}

// A resident that was killed leaves its socket, and one that dies says nothing more.
func TestAKilledResidentIsReplaced(t *testing.T) {
	b := newBench(t)
	d, err := os.Open(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dead, err := net.ListenUnix("unix", address(d))
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, _, ran, err := b.call(t.Context(), "a", "build"); !ran || err != nil {
		t.Fatal(ran, err)
	}
	GiveWay(b.dir)

	dying, err := listen(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		conn, err := dying.AcceptUnix()
		if err == nil {
			_, streams, _, _ := receive(conn)
			closeAll(streams)
			_ = say(conn, answer{Taken: true})
			conn.Close()
		}
	}()
	if _, _, ran, err := b.call(t.Context(), "a", "build"); !ran || err == nil {
		t.Errorf("a resident that died in the middle: %t %v", ran, err)
	}
	dying.Close()
	_ = os.Remove(place(b.dir, socketFile))
}

func TestWhatIsNoRequestDoesNoHarm(t *testing.T) {
	b := newBench(t)
	if _, _, ran, err := b.call(t.Context(), "a", "build"); !ran || err != nil {
		t.Fatal(ran, err)
	}
	for _, text := range []string{"", "\n", "x", "\n{}", "\n[]\n", "\n{\"unknown\": 1}\n", strings.Repeat("\x00", 70000)} {
		conn, err := dial(b.dir)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, text)
		conn.Close()
	}
	if _, _, ran, err := b.call(t.Context(), "a", "build"); !ran || err != nil {
		t.Errorf("after nonsense: %t %v", ran, err)
	}
	if n := b.started.Load(); n != 1 {
		t.Errorf("%d residents", n)
	}
}

func TestAResidentThatDoesNotStart(t *testing.T) {
	_, ran, err := Run(t.Context(), Call{Dir: t.TempDir(), Key: "a", Streams: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, Start: func(*os.File) error { return nil }})
	if ran || err == nil {
		t.Errorf("%t %v", ran, err)
	}
}

func TestTheKeyIsOfWhatCommandsRead(t *testing.T) {
	key := func() string {
		t.Helper()
		k, err := Key()
		if err != nil || len(k) != 64 {
			t.Fatalf("%q %v", k, err)
		}
		return k
	}
	before := key()
	t.Setenv("PWD", "/elsewhere")
	t.Setenv("SHLVL", "17")
	if key() != before {
		t.Error("the directory counts")
	}
	t.Setenv("HTTPS_PROXY", "http://proxy.example/\xe4")
	if after := key(); after == before {
		t.Error("a proxy does not count")
	} else if t.Setenv("HTTPS_PROXY", "http://proxy.example/\xe5"); key() == after {
		t.Error("bytes that are no text do not count")
	}
}

func TestWearingIsTakenOff(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	dir, _ := os.Getwd()
	saved := [2]int{}
	for fd := range saved {
		if saved[fd], err = unix.Dup(fd); err != nil {
			t.Fatal(err)
		}
	}
	stderr, pwd := os.Stderr, os.Getenv("PWD")
	back := func() {
		for fd, s := range saved {
			_ = unix.Dup2(s, fd)
		}
		_, _ = os.Chdir(dir), os.Setenv("PWD", pwd)
	}
	t.Cleanup(back)
	if _, err := Wear(Command{WorkDir: ".", Streams: [3]*os.File{in, write, write}}); err == nil {
		t.Error("a directory without a path")
	}
	if _, err := Wear(Command{WorkDir: filepath.Join(dir, "missing"), Streams: [3]*os.File{in, write, write}}); err == nil {
		t.Error("a directory that is missing")
	}
	off, err := Wear(Command{WorkDir: "/proc", Streams: [3]*os.File{in, write, write}})
	if err != nil {
	}
	fmt.Print("out ")
	fmt.Fprint(os.Stderr, "err ")
	at, _ := os.Getwd()
	off()
	fmt.Print("nobody reads this")
	same := os.Stderr == stderr
	back() // what a test says goes there
	write.Close()
	if text, err := io.ReadAll(read); string(text) != "out err " || at != "/proc" || err != nil || !same {
		t.Errorf("%q in %s, %v; standard error as before: %t", text, at, err, same)
	}
}
