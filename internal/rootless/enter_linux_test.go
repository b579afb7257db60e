package rootless

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/diag"
)

// inside makes the test binary a program that enters and does what its value says.
const inside = "SLIPWAY_TEST_INSIDE"

func TestMain(m *testing.M) {
	if what := os.Getenv(inside); what != "" {
		os.Exit(enterAnd(what))
	}
	os.Exit(m.Run())
}

func enterAnd(what string) int {
	code, entered, err := Enter(context.Background(), Process{
		Args: os.Args, Env: os.Environ(), StateDir: os.Getenv("SLIPWAY_STATE_DIR"),
		Note: func(text string) { fmt.Println("note:", text) },
	})
	if err != nil {
		fmt.Printf("%v\nhint: %s\n", err, diag.HintOf(err))
		return int(diag.ExitOf(err))
	}
	if entered {
		return code
	}
	switch what {
	case "describe":
		return describe()
	case "count":
		return countInterrupts()
	}
	return 1
}

// describe prints what a process inside sees.
func describe() int {
	again, entered, err := Enter(context.Background(), Process{Args: []string{"never"}})
	_, marked := os.LookupEnv(stageVar)
	group, _ := unix.Getpgid(0)
	fmt.Println("uid", os.Geteuid(), "pid", os.Getpid(), "group", group, "inside", Inside(), "marked", marked, "again", again, entered, err)
	fmt.Println("outer", PID())
	self, err := os.Readlink("/proc/self")
	fmt.Println("proc", self, err)
	dir := os.Getenv("SLIPWAY_STATE_DIR")
	fmt.Println("mount", unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
	fmt.Println("write", os.WriteFile(filepath.Join(dir, "hidden"), nil, 0o600))
	in, err := io.ReadAll(os.Stdin)
	fmt.Printf("stdin %q %v\n", in, err)
	return 7
}

// countInterrupts prints every SIGINT, and their number when it is terminated.
func countInterrupts() int {
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
	fmt.Println("ready")
	for n := 0; ; {
		if s := <-signals; s == unix.SIGTERM {
			fmt.Println("interrupts", n)
			return 5
		}
		n++
		fmt.Println("interrupt")
	}
}

// asNobody returns a command that runs this test binary as an ordinary user.
func asNobody(t *testing.T, what string) (cmd *exec.Cmd, state string) {
	t.Helper()
	dir := t.TempDir()
	sys := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		if os.Getenv("SLIPWAY_E2E") != "1" {
			t.Skip("becomes an ordinary user: set SLIPWAY_E2E=1 (make test does), or be one")
		}
		sys.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		var err error
		if dir, err = os.MkdirTemp("", "slipway-rootless-"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	} else if err := Available(); err != nil {
		t.Skip(err)
	}
	binary, state := filepath.Join(dir, "test"), filepath.Join(dir, "state")
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if sys.Credential != nil {
		for _, path := range []string{dir, binary, state} {
			if err := os.Chown(path, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd = exec.Command(binary, "one", "two words")
	cmd.Dir, cmd.SysProcAttr = dir, sys
	cmd.Env = []string{inside + "=" + what, "SLIPWAY_STATE_DIR=" + state, "PATH=/usr/bin:/bin"}
	return cmd, state
}

func TestInsideIsANamespaceOfItsOwn(t *testing.T) {
	cmd, state := asNobody(t, "describe")
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("hello"), &out, &out
	err := cmd.Run()
	if cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("ended with %v", err)
	}
	for _, want := range []string{
		"uid 0 pid 1 group 1 inside true marked false again 0 false <nil>\n",
		"outer " + strconv.Itoa(cmd.Process.Pid) + "\n",
		"proc 1 <nil>\n", "mount <nil>\n", "write <nil>\n", "stdin \"hello\" <nil>\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
	if _, err := os.Lstat(filepath.Join(state, "hidden")); err == nil {
		t.Error("the mount inside is seen outside")
	}
}

// openTerminal makes a terminal: the end of the person, and that of the program.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs a terminal: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, program
}

func TestCtrlCInATerminalInterruptsOnce(t *testing.T) {
	cmd, _ := asNobody(t, "count")
	terminal, program := openTerminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := program.Close()
	log, sent := "", 0
	for s := bufio.NewScanner(terminal); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		log += line + "\n"
		switch {
		case !strings.HasSuffix(line, "ready") && !strings.HasSuffix(line, "interrupt"):
		case sent < 2:
			sent++
			_, err = terminal.Write([]byte{3}) // Ctrl-C
		default:
			err = cmd.Process.Signal(unix.SIGTERM)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 5 || !strings.Contains(log, "interrupts 2\n") {
		t.Errorf("%v, want exit 5 after two interrupts\n%s", err, log)
	}
}

func TestRefusals(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a machine that refuses")
	}
	ids := []syscall.SysProcIDMap{{Size: 65536}}
	for _, c := range []struct {
		name, prepare string
		sys           syscall.SysProcAttr
		want          []string
	}{
		{
			"no user namespaces", "echo 0 > /proc/sys/user/max_user_namespaces", // of the test's own namespace only
			syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true},
			[]string{"builds need root or user namespaces, and this machine denies them to ordinary users", "sudo sysctl -w user.max_user_namespaces="},
		},
		{
			"parts of proc hidden, as in a container", "mount --bind /dev/null /proc/version",
			syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS},
			[]string{"builds need root or a full /proc", "--security-opt systempaths=unconfined"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			program, _ := asNobody(t, "describe")
			cmd := exec.Command("/bin/sh", "-c", c.prepare+` && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$0"`, program.Path)
			cmd.Dir, cmd.Env, cmd.SysProcAttr = program.Dir, program.Env, &c.sys
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != int(diag.ExitUsage) {
				t.Errorf("exit code %d", code)
			}
			for _, want := range c.want {
				if !bytes.Contains(out, []byte(want)) {
					t.Errorf("lacks %q:\n%s", want, out)
				}
			}
		})
	}
}
