package localrun

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/terminal"
)

var compareIP = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestParsePublish(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	for in, want := range map[string]Publish{
		"8080:3004":          {HostIP: local, Host: 8080, Container: 3004},
		"0:3004":             {HostIP: local, Container: 3004},
		"0.0.0.0:8080:3004":  {HostIP: netip.IPv4Unspecified(), Host: 8080, Container: 3004},
		"[::1]:8080:3004":    {HostIP: netip.IPv6Loopback(), Host: 8080, Container: 3004},
		"web=8080:3004":      {Service: "web", HostIP: local, Host: 8080, Container: 3004},
		"web=0.0.0.0:80:443": {Service: "web", HostIP: netip.IPv4Unspecified(), Host: 80, Container: 443},
	} {
		got, err := ParsePublish(in)
		if diff := cmp.Diff(want, got, compareIP); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", in, err, diff)
		}
	}
	for _, in := range []string{"", "8080", "a:1", "1:b", "70000:1", "1:0", "x:1:2", "-1:2", ":80"} {
		if got, err := ParsePublish(in); err == nil {
			t.Errorf("%q gives %v", in, got)
		}
	}
}

func FuzzParsePublish(f *testing.F) {
	f.Add("web=[::1]:8080:3004")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePublish(s)
		if err == nil && (!p.HostIP.IsValid() || p.Host < 0 || p.Host > 65535 || p.Container < 1 || p.Container > 65535) {
			t.Errorf("%q gives %+v", s, p)
		}
	})
}

const procNetTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BBC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 12345 1 0000000000000000 100 0 0 10 0
   1: 0202000A:1F90 0102000A:D431 01 00000000:00000000 00:00000000 00000000  1001        0 12346 1 0000000000000000 20 4 30 10 -1
`

const procNetTCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 777 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 778 1 0000000000000000 100 0 0 10 0
`

func TestListeners(t *testing.T) {
	var got []string
	for _, text := range []string{procNetTCP, procNetTCP6} {
		list, err := Listeners(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			got = append(got, l.Addr.String())
		}
	}
	want := []string{"127.0.0.1:3004", "[::]:8080", "127.0.0.1:80"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzListeners(f *testing.F) {
	f.Add(procNetTCP)
	f.Add(procNetTCP6)
	f.Fuzz(func(_ *testing.T, s string) { _, _ = Listeners(strings.NewReader(s)) })
}

func TestTracker(t *testing.T) {
	bad := errors.New("refused")
	timing := plan.Health{StartPeriod: 10 * time.Second, Interval: 5 * time.Second, Retries: 2}.WithDefaults()
	type step struct {
		after time.Duration
		err   error
		want  State
		pause time.Duration
	}
	for name, steps := range map[string][]step{
		"failures in the start period do not count": {
			{0, bad, Starting, startInterval},
			{9 * time.Second, bad, Starting, startInterval},
			{9900 * time.Millisecond, bad, Starting, startInterval},
			{10 * time.Second, bad, Starting, startInterval},
			{14 * time.Second, nil, Healthy, 5 * time.Second},
		},
		"one failure an interval counts": {
			{11 * time.Second, bad, Starting, startInterval},
			{11100 * time.Millisecond, bad, Starting, startInterval},
			{15900 * time.Millisecond, bad, Starting, startInterval},
			{16 * time.Second, bad, Unhealthy, 5 * time.Second},
			{21 * time.Second, nil, Healthy, 5 * time.Second},
		},
		"a success ends the start period": {
			{time.Second, nil, Healthy, 5 * time.Second},
			{2 * time.Second, bad, Healthy, 5 * time.Second},
			{7 * time.Second, bad, Unhealthy, 5 * time.Second},
		},
		"only failures in a row count": {
			{11 * time.Second, nil, Healthy, 5 * time.Second},
			{16 * time.Second, bad, Healthy, 5 * time.Second},
			{21 * time.Second, nil, Healthy, 5 * time.Second},
			{26 * time.Second, bad, Healthy, 5 * time.Second},
			{31 * time.Second, bad, Unhealthy, 5 * time.Second},
			{36 * time.Second, bad, Unhealthy, 5 * time.Second},
		},
	} {
		start := time.Unix(1000, 0)
		tr := NewTracker(timing, start)
		for i, s := range steps {
			if got := tr.Observe(start.Add(s.after), s.err); got != s.want || tr.Pause() != s.pause {
				t.Errorf("%s, step %d: %s, pause %v; want %+v", name, i, got, tr.Pause(), s)
			}
		}
	}
	tr := NewTracker(timing, time.Unix(0, 0))
	for i := range 5 {
		tr.Observe(time.Unix(0, int64(i)), bad)
	}
	if tr.Failures() != 5 {
		t.Errorf("%d failures, want 5: those in the start period happened too", tr.Failures())
	}
}

func TestPatience(t *testing.T) {
	if got, want := Patience(plan.Health{}.WithDefaults()), 15*time.Second+3*13*time.Second; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestStatusReady(t *testing.T) {
	for _, c := range []struct {
		status        Status
		ready, failed bool
	}{
		{Status{State: Waiting}, false, false},
		{Status{State: Starting, Check: "TCP"}, false, false},
		{Status{State: Running}, true, false},
		{Status{State: Healthy, Check: "TCP"}, true, false},
		{Status{State: Unhealthy, Check: "TCP"}, false, true},
		{Status{State: Running, Type: "job"}, false, false},
		{Status{State: Exited, Exit: &Exit{}}, true, false},
		{Status{State: Exited, Type: "job", Exit: &Exit{}}, true, false},
		{Status{State: Exited, Type: "job", Exit: &Exit{Code: 3}}, false, true},
		{Status{State: Exited, Type: "worker", Exit: &Exit{}}, false, true},
		{Status{State: Exited, Exit: &Exit{Code: 1}}, false, true},
		{Status{State: Exited, Check: "TCP", Exit: &Exit{}}, false, true},
	} {
		if c.status.Ready() != c.ready || c.status.Failed() != c.failed {
			t.Errorf("%+v: ready %v, failed %v", c.status, c.status.Ready(), c.status.Failed())
		}
	}
}

func TestExplain(t *testing.T) {
	at := netip.MustParseAddrPort
	for name, c := range map[string]struct {
		evidence Evidence
		want     string
	}{
		"other port": {
			Evidence{Status: Status{Service: "web", State: Starting, Check: "HTTP /health", Failures: 3, LastProbe: "refused"}, Port: 3004,
				Listening: []netip.AddrPort{at("0.0.0.0:3000")}, Probes: []string{"ready", "refused", "refused"}, LastLines: []string{"listening on 3000"}},
			"web is not healthy yet: it listens on 0.0.0.0:3000, but not on its port 3004\n" +
				"  health check: HTTP /health, failed 3 times in a row\n" +
				"  last probes:  ready\n                refused (2 times)\n" +
				"  listens on:   0.0.0.0:3000\n" +
				"  last lines:\n    | listening on 3000"},
		"TLS": {
			Evidence{Status: Status{Service: "web", State: Starting, Check: "gRPC shop.Cart", Failures: 2, LastProbe: "the server speaks TLS"}, Port: 50051, PeerTLS: true,
				Listening: []netip.AddrPort{at("0.0.0.0:50051")}, Probes: []string{"the server speaks TLS"}, LastLines: []string{"listening"}},
			"web is not healthy yet: it speaks TLS on its port 50051, and the health check is in plain text\n" +
				"  health check: gRPC shop.Cart, failed 2 times in a row\n  last probes:  the server speaks TLS\n" +
				"  listens on:   0.0.0.0:50051\n  last lines:\n    | listening"},
		"nothing": {
			Evidence{Status: Status{Service: "web", State: Unhealthy, Check: "TCP", Failures: 1, LastProbe: "refused"}, Port: 80, Probes: []string{"refused"}},
			"web is unhealthy: it does not listen on its port 80\n" +
				"  health check: TCP, failed once in a row\n  last probes:  refused\n  listens on:   nothing\n  last lines:   it wrote nothing"},
		"loopback and more": {
			Evidence{Status: Status{Service: "web", State: Unhealthy, Check: "TCP", LastProbe: "timeout"}, Port: 80,
				Listening: []netip.AddrPort{at("127.0.0.1:80"), at("10.0.0.2:80")}},
			"web is unhealthy: timeout\n  listens on:   127.0.0.1:80, 10.0.0.2:80\n  last lines:   it wrote nothing"},
		"a variable": {
			Evidence{Status: Status{Service: "web", State: Exited, Exit: &Exit{Code: 1}}, Missing: []plan.Use{{Name: "DATABASE_URL", File: "src/db.ts", Line: 4}}},
			"web ended before it was ready: exit code 1; it reads DATABASE_URL, which is not set (src/db.ts:4)\n  exit:         exit code 1\n  last lines:   it wrote nothing"},
		"variables, the named one first": {
			Evidence{Status: Status{Service: "web", State: Exited, Exit: &Exit{Code: 1}}, LastLines: []string{"KeyError: 'ZONE'"},
				Missing: []plan.Use{{Name: "A", File: "a.py", Line: 1}, {Name: "B", File: "a.py", Line: 2}, {Name: "C", File: "a.py", Line: 3}, {Name: "ZONE", File: "z.py", Line: 9}}},
			"web ended before it was ready: exit code 1; it reads ZONE (z.py:9), A (a.py:1), B (a.py:2) and 1 more variables, which are not set\n" +
				"  exit:         exit code 1\n  last lines:\n    | KeyError: 'ZONE'"},
		"a database on localhost": {
			Evidence{Status: Status{Service: "web", State: Exited, Exit: &Exit{Code: 1}}, Port: 8080, Missing: []plan.Use{{Name: "A", File: "a.go", Line: 1}},
				LastLines: []string{"dial tcp [::1]:5432: connect: connection refused"}},
			"web ended before it was ready: exit code 1; nothing listens on localhost:5432 inside its container, the usual port of PostgreSQL\n" +
				"  exit:         exit code 1\n  last lines:\n    | dial tcp [::1]:5432: connect: connection refused"},
		"another server on localhost": {
			Evidence{Status: Status{Service: "web", State: Exited, Exit: &Exit{Code: 1}}, LastLines: []string{"Error: connect ECONNREFUSED 127.0.0.1:7777"}},
			"web ended before it was ready: exit code 1; nothing listens on localhost:7777 inside its container\n" +
				"  exit:         exit code 1\n  last lines:\n    | Error: connect ECONNREFUSED 127.0.0.1:7777"},
		"a variable of one that does not listen": {
			Evidence{Status: Status{Service: "web", State: Unhealthy, Check: "TCP", Failures: 1}, Port: 80, Missing: []plan.Use{{Name: "MONGO_URI", File: "db.js", Line: 2}}},
			"web is unhealthy: it does not listen on its port 80; it reads MONGO_URI, which is not set (db.js:2)\n  listens on:   nothing\n  last lines:   it wrote nothing"},
		"a directory that is not its user's": {
			Evidence{Status: Status{Service: "web", State: Exited, Exit: &Exit{Code: 1}}, LastLines: []string{"Error: EACCES: permission denied, mkdir '/app/uploads'"}},
			"web ended before it was ready: exit code 1; its user cannot write to /app/uploads\n" +
				"  exit:         exit code 1\n  last lines:\n    | Error: EACCES: permission denied, mkdir '/app/uploads'"},
		"a database file that it cannot make": {
			Evidence{Status: Status{Service: "web", State: Exited, Exit: &Exit{Code: 1}}, LastLines: []string{"unable to open database file (14)"}},
			"web ended before it was ready: exit code 1; its user cannot write a file that it needs\n" +
				"  exit:         exit code 1\n  last lines:\n    | unable to open database file (14)"},
		"a variable of one that ran": {
			Evidence{Status: Status{Service: "web", State: Exited, ReadyMillis: 9, Exit: &Exit{Code: 1}}, Missing: []plan.Use{{Name: "A", File: "a.py", Line: 1}}},
			"web ended: exit code 1\n  exit:         exit code 1\n  last lines:   it wrote nothing"},
		"out of memory": {
			Evidence{Status: Status{Service: "web", State: Exited, MemoryLimitBytes: 512 << 20, Exit: &Exit{Code: 137, Signal: "SIGKILL", OOMKilled: true}}},
			"web was killed: it needed more memory than its limit of 512Mi\n  exit:         exit code 137, ended by SIGKILL, out of memory\n  last lines:   it wrote nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Explain(c.evidence)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOwnProbe(t *testing.T) {
	for _, c := range []struct {
		argv  string
		check plan.HealthCheck
		port  int
		ok    bool
	}{
		{"/usr/local/bin/grpc_health_probe -addr=localhost:50051", plan.HealthCheck{GRPC: new("")}, 50051, true},
		{"/usr/local/bin/grpc_health_probe -addr=localhost:50051 -tls -tls-no-verify -service=shop.Cart", plan.HealthCheck{GRPC: new("shop.Cart"), TLS: true}, 50051, true},
		{"/usr/local/bin/slipway-probe http://localhost:3004/health?a=b", plan.HealthCheck{HTTP: "/health?a=b"}, 3004, true},
		{"/usr/local/bin/slipway-probe -tls-no-verify https://localhost:3004/", plan.HealthCheck{HTTP: "/", TLS: true}, 3004, true},
		{"/usr/local/bin/slipway-probe tcp://localhost:5432", plan.HealthCheck{TCP: true}, 5432, true},
		{"curl -f http://localhost:3004/health", plan.HealthCheck{}, 0, false},
		{"grpc_health_probe", plan.HealthCheck{}, 0, false},
		{"", plan.HealthCheck{}, 0, false},
	} {
		check, port, ok := OwnProbe(strings.Fields(c.argv))
		if diff := cmp.Diff(c.check, check); ok != c.ok || port != c.port || diff != "" {
			t.Errorf("%s: port %d, %v (-want +got):\n%s", c.argv, port, ok, diff)
		}
	}
}

func TestHint(t *testing.T) {
	at := netip.MustParseAddrPort
	grpc, http := plan.HealthCheck{GRPC: new("")}, plan.HealthCheck{HTTP: "/health"}
	slow := plan.HealthCheck{TCP: true, Health: plan.Health{StartPeriod: time.Minute}}
	starting := Status{Service: "web", State: Starting}
	for _, c := range []struct {
		evidence Evidence
		want     string
	}{
		{Evidence{Status: starting, Check: grpc, PeerTLS: true}, `write health: {grpc: "", tls: true} for web in slipway.yaml`},
		{Evidence{Status: Status{Service: "web", State: Unhealthy}, Check: http, PeerTLS: true}, "write health: {http: /health, tls: true} for web in slipway.yaml"},
		{Evidence{Status: starting, Check: http, Port: 3000, Listening: []netip.AddrPort{at("[::]:8080")}}, "write port: 8080 for web in slipway.yaml, or let it listen on 3000"},
		{Evidence{Status: starting, Check: http, Port: 3000}, "if web was still starting, write health: {start_period: 1m} for it in slipway.yaml, or wait longer: --timeout; else read its log: slipway run web"},
		{Evidence{Status: Status{Service: "web", State: Unhealthy}, Check: slow, Port: 3000}, "if web was still starting, write health: {start_period: 2m} for it in slipway.yaml, or wait longer: --timeout; else read its log: slipway run web"},
		{Evidence{Status: Status{Service: "web", State: Unhealthy, ReadyMillis: 5}, Check: http, Port: 3000}, "run it alone and read its log: slipway run web"},
		{Evidence{Status: Status{Service: "web", State: Exited, Exit: &Exit{Code: 1}}, Missing: []plan.Use{{Name: "KEY", File: "a", Line: 1}}},
			"slipway run -e web:KEY=…, or --env-file web:FILE; env: and env_file: in slipway.yaml keep them"},
		{Evidence{Status: Status{Service: "web", State: Exited, Exit: &Exit{Code: 1}}, Check: http}, "run it alone and read its log: slipway run web"},
	} {
		if got := Hint(c.evidence); got != c.want {
			t.Errorf("%+v:\n got %s\nwant %s", c.evidence, got, c.want)
		}
	}
}

func TestAssign(t *testing.T) {
	services := func() []Spec {
		return []Spec{{Name: "web", Port: 80}, {Name: "admin", Port: 80}, {Name: "api", Port: 3004}}
	}
	for in, want := range map[string]string{
		"1:3004":      "api",
		"admin=1:80":  "admin",
		"web=1:9090":  "web",
		"1:80":        "several services listen on 80: web, admin (choose one: -p web=1:80)",
		"1:81":        "no service listens on 81, so it cannot be published (web listens on 80, admin listens on 80, api listens on 3004; or choose one: -p SERVICE=1:81)",
		"admim=1:80":  "unknown service admim to publish a port of (did you mean admin?)",
		"nothing=1:2": "unknown service nothing to publish a port of (these run: web, admin, api)",
	} {
		p, err := ParsePublish(in)
		if err != nil {
			t.Fatal(err)
		}
		list := services()
		got := ""
		if err := Assign(list, []Publish{p}); err != nil {
			got = err.Error() + " (" + diag.HintOf(err) + ")"
		}
		for _, s := range list {
			if len(s.Publish) == 1 {
				got += s.Name
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	one := []Spec{{Name: "one", Port: 80}}
	if err := Assign(one, []Publish{{Host: 1, Container: 99}}); err != nil || len(one[0].Publish) != 1 {
		t.Errorf("a single service takes every port: %v", err)
	}
}

func TestOnlyPort(t *testing.T) {
	for want, exposed := range map[int][]string{0: {"80/tcp", "81/tcp"}, 80: {"80/tcp"}, 81: {"81"}} {
		set := map[string]struct{}{}
		for _, e := range exposed {
			set[e] = struct{}{}
		}
		if got := OnlyPort(set); got != want {
			t.Errorf("%v: %d, want %d", exposed, got, want)
		}
	}
}

// TestAPortIsBelievedLater than an answer: a server may open it and then end.
func TestAPortIsBelievedLater(t *testing.T) {
	started := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	healthy := Status{State: Healthy, StartedAt: started, ReadyMillis: 500}
	tcp := plan.HealthCheck{TCP: true}
	for name, c := range map[string]struct {
		status Status
		check  plan.HealthCheck
		after  time.Duration
		want   time.Duration
	}{
		"at once":              {healthy, tcp, 500 * time.Millisecond, Settle},
		"on its way":           {healthy, tcp, 2 * time.Second, 500 * time.Millisecond},
		"when it ran":          {healthy, tcp, time.Minute, 0},
		"an answer":            {healthy, plan.HealthCheck{HTTP: "/"}, 500 * time.Millisecond, 0},
		"a service that ended": {Status{State: Exited, StartedAt: started, ReadyMillis: 500}, tcp, 600 * time.Millisecond, 0},
	} {
		if got := Unsettled(c.status, c.check, started.Add(c.after)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What a program writes and answers cannot control the terminal that an explanation
// is read in, or make lines of its own there.
func TestExplanationsAreSafeForTerminals(t *testing.T) {
	const evil = "\x1b]0;x\a\x1b[2J\r\u202e\x9b"
	e := Evidence{
		Status: Status{Service: "web", State: Unhealthy, LastProbe: "answered 500 (" + evil + "\nfake)", Check: "HTTP /", Failures: 2},
		Port:   80, Listening: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:80")},
		Probes: []string{"answered 500 (" + evil + "\nfake)"}, LastLines: []string{evil + "slipway: healthy\r", "\x1b[31mred\x1b[0m"},
	}
	got := Explain(e) + Hint(e)
	if safe := string(terminal.Escaped([]byte(got))); safe != got {
		t.Errorf("%q", got)
	}
	for _, want := range []string{`answered 500 (\x1b]0;x\x07\x1b[2J\x0d\u202e\x9b\nfake)`, "| \\x0d\\u202e\\x9bslipway: healthy\\x0d\n", "| red"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}
