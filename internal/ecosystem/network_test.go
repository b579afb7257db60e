package ecosystem

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

func TestHealthFromEvidence(t *testing.T) {
	at := func(text string) Hit { return Hit{Text: text, File: "main.x", Line: 7} }
	protos := fstest.MapFS{"proto/shop.proto": {Data: []byte("package shop;\nservice Cart {}\n")}}
	grpc, whole := new("shop.Cart"), new("")
	for name, c := range map[string]struct {
		tree fs.FS
		want config.Service
		e    Evidence
		out  plan.HealthCheck
		argv string // of the image's HEALTHCHECK
	}{
		"health service of the server": {nil, config.Service{}, Evidence{GRPC: at(""), HealthServer: at("x")},
			plan.HealthCheck{GRPC: whole}, "grpc_health_probe -addr=localhost:50051"},
		"a name and no whole server": {nil, config.Service{}, Evidence{GRPC: at(""), HealthServer: at(""), HealthName: at("shop.Cart")},
			plan.HealthCheck{GRPC: grpc}, "grpc_health_probe -addr=localhost:50051 -service=shop.Cart"},
		"a name and the whole server": {nil, config.Service{}, Evidence{GRPC: at(""), HealthServer: at(""), HealthName: at("shop.Cart"), HealthWhole: at("")},
			plan.HealthCheck{GRPC: whole}, "grpc_health_probe -addr=localhost:50051"},
		"the protos do not outdo the whole server": {protos, config.Service{}, Evidence{GRPC: at(""), HealthServer: at(""), HealthProto: at("")},
			plan.HealthCheck{GRPC: whole}, "grpc_health_probe -addr=localhost:50051"},
		"unknown names": {protos, config.Service{}, Evidence{GRPC: at(""), HealthProto: at("")},
			plan.HealthCheck{GRPC: grpc}, "grpc_health_probe -addr=localhost:50051 -service=shop.Cart"},
		"no health service": {protos, config.Service{}, Evidence{GRPC: at("")},
			plan.HealthCheck{TCP: true}, "slipway-probe tcp://localhost:50051"},
		"TLS": {nil, config.Service{}, Evidence{GRPC: at(""), HealthServer: at(""), TLS: at("")},
			plan.HealthCheck{GRPC: whole, TLS: true}, "grpc_health_probe -addr=localhost:50051 -tls -tls-no-verify"},
		"TLS and a name": {nil, config.Service{}, Evidence{GRPC: at(""), HealthName: at("shop.Cart"), TLS: at("")},
			plan.HealthCheck{GRPC: grpc, TLS: true}, "grpc_health_probe -addr=localhost:50051 -tls -tls-no-verify -service=shop.Cart"},
		"TLS without health": {nil, config.Service{}, Evidence{GRPC: at(""), TLS: at("")},
			plan.HealthCheck{TCP: true}, "slipway-probe tcp://localhost:50051"},
		"HTTP": {nil, config.Service{}, Evidence{HTTP: at(""), Route: at("/healthz")},
			plan.HealthCheck{HTTP: "/healthz"}, "slipway-probe http://localhost:50051/healthz"},
		"HTTPS": {nil, config.Service{}, Evidence{HTTP: at(""), Route: at("/healthz"), TLS: at("")},
			plan.HealthCheck{HTTP: "/healthz", TLS: true}, "slipway-probe -tls-no-verify https://localhost:50051/healthz"},
		"written": {nil, config.Service{Health: config.Health{GRPC: whole}}, Evidence{GRPC: at(""), HealthName: at("shop.Cart"), TLS: at("")},
			plan.HealthCheck{GRPC: whole}, "grpc_health_probe -addr=localhost:50051"},
		"only tls: is written": {nil, config.Service{Health: config.Health{TLS: true}}, Evidence{GRPC: at(""), HealthServer: at("")},
			plan.HealthCheck{GRPC: whole, TLS: true}, "grpc_health_probe -addr=localhost:50051 -tls -tls-no-verify"},
		"a virtual machine starts slowly": {nil, config.Service{Ecosystem: "java"}, Evidence{HTTP: at(""), Route: at("/up")},
			plan.HealthCheck{HTTP: "/up", Health: plan.Health{StartPeriod: time.Minute}}, "slipway-probe http://localhost:50051/up"},
		"a model loads slowly": {nil, config.Service{Ecosystem: "python"}, Evidence{HTTP: at(""), SlowStart: Hit{File: "app.py", Why: "loads a model"}},
			plan.HealthCheck{TCP: true, Health: plan.Health{StartPeriod: time.Minute}}, "slipway-probe tcp://localhost:50051"},
		"a written start period": {nil, config.Service{Ecosystem: "java", Health: config.Health{Health: plan.Health{StartPeriod: time.Second}}}, Evidence{HTTP: at("")},
			plan.HealthCheck{TCP: true, Health: plan.Health{StartPeriod: time.Second}}, "slipway-probe tcp://localhost:50051"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.tree == nil {
				c.tree = fstest.MapFS{}
			}
			c.want.Port = 50051
			s := Open(c.tree, c.want, nil)
			s.Network(c.e, "manifest")
			if diff := cmp.Diff(c.out, s.Want.Health); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			argv := slices.Clone(s.probe())
			argv[0] = argv[0][strings.LastIndexByte(argv[0], '/')+1:]
			if got := strings.Join(argv, " "); got != c.argv {
				t.Errorf("probe %s, want %s", got, c.argv)
			}
		})
	}
}

func TestProbeOfTheImage(t *testing.T) {
	own := Bases{Probe: plan.Base{Ref: "registry.example/probe:1", Role: plan.RoleProbe}}
	debian := BasesFor(config.Bases{Family: "debian"}, Images{Ecosystem: "node", Version: "22"})
	for _, c := range []struct {
		bases Bases
		tls   bool
		want  string
	}{
		{debian, false, "slipway/probe:latest"},
		{debian, true, "slipway/probe:tls"},
		{own, true, "registry.example/probe:1"},
	} {
		s := Open(fstest.MapFS{}, config.Service{Name: "s", Port: 1, Health: config.Health{GRPC: new(""), TLS: c.tls}}, nil)
		stage := s.RuntimeTools(c.bases, config.User{UID: 1, GID: 1})
		bases := s.Plan(c.bases, config.User{}, stage).Bases
		if stage.From != c.want || bases[len(bases)-1].Ref != c.want {
			t.Errorf("stage from %s, bases %v; want %s", stage.From, bases, c.want)
		}
	}
}
