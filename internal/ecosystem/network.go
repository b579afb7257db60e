package ecosystem

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Hit is a piece of evidence in a source file. Without a file there is none.
type Hit struct {
	Text string
	File string
	Line int
	Why  string // evidence in words, "" for the usual ones
}

// Found tells whether there is evidence.
func (h Hit) Found() bool { return h.File != "" }

// Find returns the first match of a pattern in a file; Text is its last group.
func Find(re Pattern, name string, data []byte) Hit {
	m := re.FindSubmatchIndex(data)
	if m == nil {
		return Hit{}
	}
	return Hit{Text: string(data[m[len(m)-2]:m[len(m)-1]]), File: name, Line: LineAt(data, int64(m[0]))}
}

// Keep takes a first piece of evidence and leaves later ones.
func (h *Hit) Keep(found Hit) {
	if !h.Found() {
		*h = found
	}
}

// Seek looks for a first piece of evidence, and for none when there is one.
func (h *Hit) Seek(re Pattern, name string, data []byte) {
	if !h.Found() {
		*h = Find(re, name, data)
	}
}

// Evidence is what the sources say of the network.
//
// The standard gRPC health service is asked for the name that the program sets a
// status for (HealthName), because only that one says when the program is ready.
// When the program also sets the status of the whole server (HealthWhole), or
// sets none, it is asked for the whole server: the health services of Go, Java,
// Python and Rust answer that from the start (HealthServer); that of Node.js only
// when its map has the key "". Where the sources do not say what the service
// answers for (HealthProto), it is asked for the service of the protos.
type Evidence struct {
	GRPC, HTTP   Hit // the start of a server
	Port         Hit // Text is the number
	Route        Hit // Text is the path of a health check
	HealthServer Hit // a registered health service that answers for the whole server
	HealthWhole  Hit // the program sets the status of the whole server, name ""
	HealthName   Hit // Text is a service that the program sets a status for
	HealthProto  Hit // a sign of a health service that may not answer for the whole server
	TLS          Hit // the server listens with TLS, and never without
	SlowStart    Hit // the start takes long, such as loading a model; Why says so
}

// Network completes type, port and health: what slipway.yaml says, else the
// evidence. manifest is where a missing port is reported without slipway.yaml.
func (s *Service) Network(e Evidence, manifest string) {
	s.serviceType(e)
	s.port(e.Port, manifest)
	s.health(e)
	if s.Want.MemoryBytes > 0 {
		s.Configured("memory", fmt.Sprintf("%.4g MiB", float64(s.Want.MemoryBytes)/(1<<20)))
	}
}

func (s *Service) serviceType(e Evidence) {
	switch {
	case s.Want.Type != "":
		s.Configured("type", s.Want.Type)
	case e.GRPC.Found():
		s.Want.Type = "grpc"
		s.Fact("type", "grpc", "starts a gRPC server", e.GRPC.File, e.GRPC.Line)
	case e.HTTP.Found():
		s.Want.Type = "http"
		s.Fact("type", "http", Or(e.HTTP.Why, "starts an HTTP server"), e.HTTP.File, e.HTTP.Line)
	default:
		s.Want.Type = "worker"
		s.Fact("type", "worker", "default: no server in the sources", "", 0)
	}
}

func (s *Service) port(found Hit, manifest string) {
	listens := s.Want.Type == "grpc" || s.Want.Type == "http"
	switch n, _ := strconv.Atoi(found.Text); {
	case s.Want.Port != 0:
		s.Configured("port", strconv.Itoa(s.Want.Port))
	case !listens:
	case n > 0 && n < 65536:
		s.Want.Port = n
		s.Fact("port", found.Text, Or(found.Why, "in the sources"), found.File, found.Line)
	default:
		s.ReportWanted(CodeNoPort, manifest, "write port: for the service in slipway.yaml",
			"a service of type %s listens, but its port cannot be determined", s.Want.Type)
	}
}

// health fills in how to ask for readiness when slipway.yaml does not say.
func (s *Service) health(e Evidence) {
	h := &s.Want.Health
	switch {
	case h.Asks():
		s.Configured("health", h.Describe())
	case s.Want.Port == 0 || s.Want.Type == "job":
		return
	case s.Want.Type == "http" && e.Route.Found():
		h.HTTP = e.Route.Text
		s.overTLS(e)
		s.Fact("health", h.Describe(), Or(e.Route.Why, "a route of the program"), e.Route.File, e.Route.Line)
	case s.Want.Type == "grpc":
		s.grpcHealth(e)
	default:
		h.TCP = true
		s.Fact("health", "TCP", "default: the port accepts connections", "", 0)
	}
	s.startPeriod(e)
}

// overTLS makes the check speak TLS where the server does.
func (s *Service) overTLS(e Evidence) {
	if e.TLS.Found() {
		s.Want.Health.TLS = true
		s.Fact("TLS", "yes", Or(e.TLS.Why, "the server has a certificate"), e.TLS.File, e.TLS.Line)
	}
}

// startPeriod gives services that take long to start the time for it.
func (s *Service) startPeriod(e Evidence) {
	h := &s.Want.Health
	if h.StartPeriod > 0 {
		return
	}
	if d := plan.StartPeriodOf(s.Want.Ecosystem); d != plan.StartPeriod {
		h.StartPeriod = d
		return
	}
	if e.SlowStart.Found() {
		h.StartPeriod = plan.SlowStart
		s.Fact("start period", plan.SlowStart.String(), Or(e.SlowStart.Why, "the service starts slowly"), e.SlowStart.File, e.SlowStart.Line)
	}
}

// Evidence in protos.
var (
	protoPackage = pattern.Lazy(`(?m)^\s*package\s+([\w.]+)\s*;`)
	protoService = pattern.Lazy(`(?m)^\s*service\s+(\w+)`)
)

// grpcHealth asks the standard health service where there is one: for the whole
// server, else for a name that the sources give a status, else for the service
// of the protos. Without one it asks whether the port accepts.
func (s *Service) grpcHealth(e Evidence) {
	proto, own := s.protos()
	found, why := Hit{}, ""
	e.HealthWhole.Text, e.HealthServer.Text = "", "" // the name of the whole server
	switch {
	case e.HealthWhole.Found():
		found, why = e.HealthWhole, "the program sets the status of the whole server"
	case e.HealthName.Found():
		found, why = e.HealthName, "the standard health service reports on it"
	case e.HealthServer.Found():
		found, why = e.HealthServer, "the standard health service covers the whole server"
	case (e.HealthProto.Found() || own) && proto.Found():
		found, why = proto, "the service in the protos, besides the standard health service"
	}
	h := &s.Want.Health
	if !found.Found() {
		h.TCP = true
		s.Fact("health", "TCP", "default: no sign of the gRPC health service", "", 0)
		return
	}
	h.GRPC = &found.Text
	s.overTLS(e)
	s.Fact("health", h.Describe(), why, found.File, found.Line)
}

// protos returns the first service of the protos, and whether the health
// service is among them.
func (s *Service) protos() (name Hit, own bool) {
	dir := ProtoDir(s.Dir)
	if dir == "" {
		return Hit{}, false
	}
	entries, _ := fs.ReadDir(s.Dir, dir)
	for _, e := range entries {
		file := path.Join(dir, e.Name())
		data, err := Read(s.Dir, file)
		if err != nil || path.Ext(file) != ".proto" {
			continue
		}
		pkg, svc := protoPackage().FindSubmatch(data), protoService().FindSubmatchIndex(data)
		switch {
		case pkg == nil || svc == nil:
		case string(pkg[1]) == "grpc.health.v1":
			own = true
		case !name.Found():
			name = Hit{Text: string(pkg[1]) + "." + string(data[svc[2]:svc[3]]), File: file, Line: LineAt(data, int64(svc[2]))}
		}
	}
	return name, own
}
