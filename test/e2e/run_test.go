package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// matrix is the table of memory limits, in MiB.
var matrix = map[string]int64{"fast-orchestrator-service": 1024}

func TestTheFleetRunsAndPaymentsPassThroughIt(t *testing.T) {
	builtFleet(t)
	before := traces(t)
	port := freePort(t)
	invocation{dir: fast(), args: []string{"run", "-p", port + ":3004", "--detach", "--until-healthy", "--timeout", "180s"}}.run(t).must(t, 0)
	t.Cleanup(func() {
		invocation{dir: fast(), args: []string{"stop", "--all"}}.run(t).must(t, 0)
		noContainersLeft(t, before)
	})
	groups := ps(t)
	if len(groups) != 1 || len(groups[0].Services) != len(services) {
		t.Fatalf("running: %+v", groups)
	}
	for _, s := range groups[0].Services {
		t.Run(s.Service, func(t *testing.T) {
			if s.State != "healthy" {
				t.Errorf("is %s", s.State)
			}
			limit := matrix[s.Service]
			if limit == 0 {
				limit = 512
			}
			if s.Limit != limit<<20 {
				t.Errorf("memory limit %d, want %d MiB", s.Limit, limit)
			}
			checkProcess(t, s.PID)
		})
		if s.Service == "fast-requesthandler-service" {
			checkProbe(t, s.PID)
		}
	}
	url := "http://127.0.0.1:" + port
	for _, p := range []struct {
		file, status string
		want         []string
	}{
		{"good", "200", append([]string{"ACCEPTED"}, services...)},
		{"unknown-account", "404", []string{"REFUSED", "fast-accountlookup-service"}},
		{"over-limit", "422", []string{"REFUSED", "fast-limitcheck-service", "limit"}},
		{"malformed", "400", []string{"REFUSED", "fast-requesthandler-service"}},
	} {
		cmd := exec.Command(filepath.Join(fast(), "payments", "pay.sh"), "--url", url, "--expect", p.status, filepath.Join(fast(), "payments", p.file+".json"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", p.file, err, out)
		}
		for _, w := range p.want {
			if !strings.Contains(string(out), w) {
				t.Errorf("the answer to %s does not name %q:\n%s", p.file, w, out)
			}
		}
	}
}

// checkProcess looks at the ids and capabilities that a service really has.
func checkProcess(t *testing.T, pid int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nUid:\t1001\t1001\t1001\t1001\n", "\nGid:\t1001\t1001\t1001\t1001\n", "\nCapEff:\t0000000000000000\n", "\nNoNewPrivs:\t1\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("the process has no %q:\n%s", strings.TrimSpace(want), status)
		}
	}
}

// checkProbe runs the probe in the container and compares its exit codes with
// those of grpc_health_probe: 0 serving, 1 arguments, 2 connection, 3 call, 4
// not serving.
func checkProbe(t *testing.T, pid int) {
	t.Helper()
	const service = "-service=gpp.g3.requesthandler.MessageHandler"
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"-addr=localhost:50051", service}, 0},
		{[]string{"-addr=localhost:50051"}, 0},
		{[]string{"-no-such-flag"}, 1},
		{[]string{service}, 1},
		{[]string{"-addr=localhost:50099", service}, 2},
		{[]string{"-addr=localhost:50051", "-service=gpp.g3.nobody"}, 3},
	} {
		enter := append([]string{"-t", strconv.Itoa(pid), "-m", "-n", "-p", "-S", "1001", "-G", "1001", "/usr/local/bin/grpc_health_probe"}, c.args...)
		cmd := exec.Command("nsenter", enter...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != c.code {
			t.Errorf("grpc_health_probe %s: exit %d, want %d\n%s", strings.Join(c.args, " "), got, c.code, out)
		}
	}
}

// freePort returns a port that nothing listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
