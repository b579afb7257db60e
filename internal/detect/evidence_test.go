package detect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// A service that says of itself only what it is written in.
func bareNode(more map[string]string) map[string]string {
	files := map[string]string{
		"pay/package.json":      `{"name":"pay","version":"1.0.0","private":true}`,
		"pay/package-lock.json": `{"name":"pay","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"pay","version":"1.0.0"}}}`,
		"pay/server.js":         `require("http").createServer((q, r) => r.end("hi")).listen(process.env.PORT)`,
	}
	for name, text := range more {
		files[name] = text
	}
	return files
}

// facts are the facts of a plan that a test looks at: value, evidence, place.
func factsOf(p plan.Service, names ...string) map[string]string {
	out := map[string]string{}
	for _, f := range p.Facts {
		for _, n := range names {
			if f.Name == n {
				out[n] += strings.TrimSpace(f.Value + " | " + f.Evidence + " | " + f.File)
			}
		}
	}
	return out
}

// plannedPay plans the service although it has a Dockerfile.
func plannedPay(t *testing.T, files map[string]string, s config.Service) plan.Service {
	t.Helper()
	s.Name, s.Path, s.Planned = "pay", "pay", true
	fleet := config.Default("f")
	fleet.Services = []config.Service{s}
	plans, findings := Plan(repo(files), fleet)
	if err := findings.Errors(); err != nil || len(plans) != 1 {
		t.Fatalf("%d plans, %v", len(plans), findings)
	}
	return plans[0]
}

const payDockerfile = "FROM node:20-alpine\nWORKDIR /app\nCOPY . .\nENV PORT=7000 NODE_ENV=production\nEXPOSE 7000\nENTRYPOINT [\"node\", \"server.js\"]\n"

// TestADockerfileIsEvidence: what only the Dockerfile says is taken from it when
// the service is planned.
func TestADockerfileIsEvidence(t *testing.T) {
	p := plannedPay(t, bareNode(map[string]string{"pay/Dockerfile": payDockerfile}), config.Service{})
	want := map[string]string{
		"runtime": "Node.js 20 | FROM node:20-alpine | pay/Dockerfile", "start": "node server.js | ENTRYPOINT and CMD | pay/Dockerfile",
		"port": "7000 | PORT | pay/Dockerfile", "environment": "PORT=7000 | ENV | pay/Dockerfile",
	}
	if diff := cmp.Diff(want, factsOf(p, "runtime", "start", "port", "environment")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p.Dockerfile != "" || p.Port != 7000 || p.Type != "http" || len(p.Stages) == 0 {
		t.Errorf("planned as %s on %d from %q", p.Type, p.Port, p.Dockerfile)
	}
	if env := envOf(p); !strings.Contains(env, "PORT=7000") {
		t.Errorf("the port does not reach the program: %s", env)
	}
}

// envOf is the environment of production.
func envOf(p plan.Service) string {
	var out []string
	for _, st := range p.Stages {
		for _, s := range st.Steps {
			if st.Name == plan.StageProduction && s.Op == plan.OpEnv {
				out = append(out, s.Args...)
			}
		}
	}
	return strings.Join(out, " ")
}

// TestEvidenceIsWeakerThanSources and than slipway.yaml.
func TestEvidenceIsWeakerThanSources(t *testing.T) {
	files := bareNode(map[string]string{
		"pay/Dockerfile":   strings.Replace(payDockerfile, "ENV PORT=7000", "ENV A=1", 1),
		"pay/package.json": `{"name":"pay","version":"1.0.0","private":true,"engines":{"node":"24"},"scripts":{"start":"node other.js"}}`,
		"pay/other.js":     `require("http").createServer().listen(9000)`,
		"pay/server.js":    "",
	})
	p := plannedPay(t, files, config.Service{})
	got := factsOf(p, "runtime", "start", "port")
	if p.Port != 9000 || !strings.HasPrefix(got["runtime"], "Node.js 24") || !strings.HasPrefix(got["start"], "node other.js") {
		t.Errorf("%v", got)
	}
	p = plannedPay(t, files, config.Service{Port: 5, Version: "22", Env: map[string]string{"A": "2"}})
	if env := envOf(p); p.Port != 5 || !strings.Contains(env, "A=2") || !strings.HasPrefix(factsOf(p, "runtime")["runtime"], "Node.js 22") {
		t.Errorf("slipway.yaml does not win: %v, %s", p.Facts, env)
	}
}

// TestAVersionThatCannotBeHad: evidence never makes a plan worse.
func TestAVersionThatCannotBeHad(t *testing.T) {
	for from, c := range map[string]struct{ code, runtime string }{
		"node:99":            {codeOtherVersion, "Node.js 22"},
		"node:12":            {ecosystem.CodeNearest, "Node.js 18"},
		"node:20.11.1-slim":  {ecosystem.CodeEnded, "Node.js 20.11.1"},
		"node:18.20-alpine3": {ecosystem.CodeEnded, "Node.js 18.20.8"},
		"node:iron-slim":     {ecosystem.CodeEnded, "Node.js 20"},
	} {
		files := bareNode(map[string]string{"pay/Dockerfile": strings.Replace(payDockerfile, "node:20-alpine", from, 1)})
		fleet := config.Default("f")
		fleet.Services = []config.Service{{Name: "pay", Path: "pay", Planned: true}}
		plans, findings := Plan(repo(files), fleet)
		if !slices.ContainsFunc(findings, func(f diag.Finding) bool {
			return f.Code == c.code && f.Severity != diag.Error && f.Place.String() == "pay/Dockerfile:1"
		}) {
			t.Errorf("%s: no %s: %v", from, c.code, findings)
		}
		if len(plans) != 1 {
			t.Fatalf("%s: %d plans", from, len(plans))
		}
		if got := factsOf(plans[0], "runtime", "start"); !strings.HasPrefix(got["runtime"], c.runtime) || !strings.HasPrefix(got["start"], "node server.js") {
			t.Errorf("%s: %v", from, got)
		}
	}
}

// TestEvidenceOfDeployments: compose files and Kubernetes manifests, without any
// Dockerfile.
func TestEvidenceOfDeployments(t *testing.T) {
	start := map[string]string{"pay/package.json": `{"name":"pay","version":"1.0.0","private":true,"scripts":{"start":"node server.js"}}`}
	const probes = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: pay}\nspec:\n  template:\n    spec:\n      containers:\n      - name: server\n        image: hub.example/x/pay:v1\n        ports:\n        - containerPort: 7070\n        env:\n        - {name: PORT, value: \"7070\"}\n        readinessProbe:\n          httpGet: {path: /ready, port: 7070}\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  map[string]string
	}{
		"compose": {
			map[string]string{"compose.yaml": "services:\n  money:\n    build: ./pay\n    ports: [\"8080:7001\"]\n    depends_on: [db]\n    healthcheck:\n      test: [\"CMD\", \"curl\", \"-f\", \"http://localhost:7001/up\"]\n  db: {image: postgres}\n"},
			map[string]string{"port": "7001 | published by the compose file | compose.yaml", "health": "HTTP /up | healthcheck of the compose file | compose.yaml", "needs": "db | depends_on of the compose file | compose.yaml"},
		},
		"compose, the long way": {
			map[string]string{"docker-compose.yml": "x-a: &a\n  ports:\n  - target: 7002\n    published: 80\nservices:\n  pay:\n    <<: *a\n    build: {context: pay, dockerfile: D}\n    depends_on: {db: {condition: service_healthy}}\n"},
			map[string]string{"port": "7002 | published by the compose file | docker-compose.yml", "needs": "db | depends_on of the compose file | docker-compose.yml"},
		},
		"compose, by its environment": {
			map[string]string{"compose.yml": "services:\n  pay:\n    build: pay\n    environment:\n    - PORT=7003\n"},
			map[string]string{"port": "7003 | environment of the compose file | compose.yml"},
		},
		"another service's": {map[string]string{"compose.yml": "services:\n  other:\n    build: other\n    ports: [\"80:7009\"]\n"}, nil},
		"Kubernetes": {
			map[string]string{"kubernetes-manifests/pay.yaml": "# comment\n---\n" + probes},
			map[string]string{"port": "7070 | containerPort of the Kubernetes manifest | kubernetes-manifests/pay.yaml", "health": "HTTP /ready | readinessProbe of the Kubernetes manifest | kubernetes-manifests/pay.yaml"},
		},
		"Kubernetes, beside the service": {
			map[string]string{"pay/k8s/all.yml": probes},
			map[string]string{"port": "7070 | containerPort of the Kubernetes manifest | pay/k8s/all.yml", "health": "HTTP /ready | readinessProbe of the Kubernetes manifest | pay/k8s/all.yml"},
		},
	} {
		files := bareNode(start)
		for n, text := range c.files {
			files[n] = text
		}
		plans, findings := Plan(repo(files), nil)
		if c.want == nil {
			if len(plans) != 1 || plans[0].Port != 3000 { // the default, not the other's
				t.Errorf("%s: %v, %v", name, plans, findings)
			}
			continue
		}
		if err := findings.Errors(); err != nil || len(plans) != 1 {
			t.Errorf("%s: %v", name, findings)
			continue
		}
		if diff := cmp.Diff(c.want, factsOf(plans[0], "port", "needs", "health")); diff != "" && c.want["health"] != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !strings.HasPrefix(c.want["port"], factsOf(plans[0], "port")["port"]) {
			t.Errorf("%s: %v", name, factsOf(plans[0], "port"))
		}
	}
}

// TestGRPCProbes make a service of which nothing else tells the type a gRPC one.
func TestGRPCProbes(t *testing.T) {
	files := bareNode(map[string]string{
		"pay/Dockerfile": "FROM node:22\nWORKDIR /usr/src/app\nEXPOSE 50051\nCMD node /usr/src/app/index.js\n",
		"pay/server.js":  "", "pay/index.js": "require('./lib')",
		"kubernetes/pay.yaml": "kind: Deployment\nspec: {template: {spec: {containers: [{name: pay, image: pay, readinessProbe: {grpc: {port: 50051}}}]}}}\n",
	})
	p := plannedPay(t, files, config.Service{})
	if p.Type != "grpc" || p.Port != 50051 || p.Health.GRPC == nil || *p.Health.GRPC != "" || !strings.HasPrefix(factsOf(p, "start")["start"], "node index.js") {
		t.Errorf("%s on %d, health %s, %v", p.Type, p.Port, p.Health.Describe(), p.Facts)
	}
}

// TestCommands: what of a Dockerfile's command a plan can run.
func TestCommands(t *testing.T) {
	for text, want := range map[string]string{
		"CMD [\"node\", \"a.js\"]":                                           "node a.js",
		"WORKDIR /srv\nCMD [\"node\", \"/srv/dist/a.js\"]":                   "node dist/a.js",
		"ENTRYPOINT [\"/sbin/tini\", \"-g\", \"--\"]\nCMD [\"node\", \"a\"]": "node a",
		"ENTRYPOINT [\"docker-entrypoint.sh\"]\nCMD [\"node\", \"a\"]":       "node a",
		"CMD exec node a.js":                                                 "node a.js",
		"CMD npm run serve":                                                  "node b.js",
		"CMD [\"yarn\", \"serve\"]":                                          "node b.js",
		"CMD npm start":                                                      "",
		"CMD node a.js && node b.js":                                         "",
		"ENTRYPOINT [\"./entrypoint.sh\"]":                                   "",
		"CMD [\"nginx\"]":                                                    "",
		"RUN true":                                                           "",
	} {
		var e evidence
		dir := repo(map[string]string{"Dockerfile": "FROM node:22\n" + text + "\n", "package.json": `{"scripts": {"serve": "node b.js", "start": "nodemon"}}`})
		e.fromDockerfile(nil, dir, "Dockerfile", ".", "node")
		if got := strings.Join(e.words, " "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	var e evidence
	e.fromDockerfile(nil, repo(map[string]string{"Dockerfile": "FROM python:3.13-slim\nCMD [\"uv\", \"run\", \"uvicorn\", \"a:app\", \"--port\", \"80\"]\n"}), "Dockerfile", ".", "python")
	if got := strings.Join(e.words, " "); got != "uvicorn a:app --port 80" || e.version.Text != "3.13" {
		t.Errorf("Python: %q with %q", got, e.version.Text)
	}
}

// TestRuntimes: the version that an image's name tells.
func TestRuntimes(t *testing.T) {
	for image, want := range map[string][2]string{
		"node:20-alpine": {"node", "20"}, "hub.example:5000/library/node:22.3.1": {"node", "22.3.1"}, "node:lts": {"node", ""}, "python:3.12-slim": {"python", "3.12"}, "ghcr.io/astral-sh/uv:python3.13-bookworm": {"python", "3.13"},
		"golang:1.24": {"go", "1.24"}, "eclipse-temurin:21-jre": {"java", "21"}, "maven:3.9-eclipse-temurin-17": {"java", "17"}, "openjdk:8-jdk-alpine": {"java", "8"}, "gradle:8.5-jdk21": {"java", "21"}, "rust:1.85": {"rust", "1.85"}, "nginx:1.26": {"node", ""},
	} {
		if got := runtimeOf(want[0], image); got != want[1] {
			t.Errorf("%s: %q, want %q", image, got, want[1])
		}
	}
}

// TestAnOwnDockerfileSaysPortAndHealth: a service that is built from its
// Dockerfile is known by it.
func TestAnOwnDockerfileSaysPortAndHealth(t *testing.T) {
	p := one(t, map[string]string{"cart/Dockerfile": "FROM mcr.example/aspnet:9.0\nENV ASPNETCORE_HTTP_PORTS=7070\nEXPOSE 7070\nENTRYPOINT [\"/app/cart\"]\n"})
	if p.Port != 7070 || p.Type != "http" || p.Health.Asks() {
		t.Errorf("%s on %d, health %s", p.Type, p.Port, p.Health.Describe())
	}
	p = one(t, bareNode(map[string]string{"pay/Dockerfile": payDockerfile + "HEALTHCHECK CMD wget -q http://127.0.0.1:7000/live || exit 1\n"}))
	if p.Port != 7000 || p.Type != "http" || p.Health.HTTP != "/live" || p.Dockerfile != "pay/Dockerfile" {
		t.Errorf("%s on %d, health %s", p.Type, p.Port, p.Health.Describe())
	}
}

// TestADockerfileOfASite listens where it says, not where a planned site would.
func TestADockerfileOfASite(t *testing.T) {
	p := one(t, frontEnd(map[string]string{"web/Dockerfile": "FROM node:lts\nEXPOSE 3000\nCMD npm start\n"}))
	if p.Type != "static" || p.Port != 3000 {
		t.Errorf("%s on %d", p.Type, p.Port)
	}
}

// TestAProbeIsMoreThanADefault, also for a service with its own Dockerfile.
func TestAProbeIsMoreThanADefault(t *testing.T) {
	p := one(t, bareNode(map[string]string{"pay/Dockerfile": payDockerfile, "kubernetes/pay.yaml": "kind: Deployment\nspec: {template: {spec: {containers: [{name: pay, image: pay, livenessProbe: {httpGet: {path: /_healthz}}}]}}}\n"}))
	if p.Health.HTTP != "/_healthz" || p.Port != 7000 {
		t.Errorf("health %s on %d", p.Health.Describe(), p.Port)
	}
}

func TestSlipwayYAMLOfAPlannedService(t *testing.T) {
	fleet := config.Default("f")
	fleet.Services = []config.Service{{Name: "pay", Path: "pay", Planned: true}}
	found, findings := Survey(repo(bareNode(map[string]string{"pay/Dockerfile": payDockerfile})), fleet)
	if findings.Errors() != nil || len(found) != 1 {
		t.Fatal(findings)
	}
	text := string(FleetFile("f", found, nil))
	for _, part := range []string{"    dockerfile: false", "    port: 7000", "PORT (pay/Dockerfile:4)"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if _, bad := config.Parse("slipway.yaml", []byte(text)); bad.Errors() != nil {
		t.Errorf("%v\n%s", bad, text)
	}
}

// FuzzDeployFiles: files of a deployment are other people's, and broken as often.
func FuzzDeployFiles(f *testing.F) {
	for _, name := range []string{"own-dockerfile/repo/Dockerfile"} {
		if data, err := os.ReadFile(filepath.Join("../../testdata/repos", name)); err == nil {
			f.Add(string(data), "services: {a: {build: ., ports: ['80:80']}}", "kind: Pod\nspec: {containers: [{name: a}]}")
		}
	}
	f.Add("FROM a\nENV A=$A\nEXPOSE $A\nCMD [", "a: &a\n  <<: *a\nservices:\n  b: *a\n", "items: [*x]\n")
	f.Fuzz(func(t *testing.T, text, compose, pods string) {
		files := bareNode(map[string]string{"pay/Dockerfile": text, "compose.yaml": compose, "k8s/a.yaml": pods + "\n# containers:"})
		fleet := config.Default("f")
		fleet.Services = []config.Service{{Name: "pay", Path: "pay", Planned: true}}
		for _, p := range first(Plan(repo(files), fleet)) {
			if p.Port < 0 || p.Port > 65535 {
				t.Errorf("port %d", p.Port)
			}
		}
	})
}

func first[A, B any](a A, _ B) A { return a }
