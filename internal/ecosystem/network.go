package ecosystem

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
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
type Evidence struct {
	GRPC, HTTP  Hit // the start of a server
	Port        Hit // Text is the number
	Route       Hit // Text is the path of a health check
	HealthName  Hit // Text is a service that the standard gRPC health service reports on
	HealthProto Hit // a sign that the standard gRPC health service is served
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
			"a service of type %s listens, but nothing says on which port", s.Want.Type)
	}
}

// health fills in how to ask for readiness when slipway.yaml does not say.
func (s *Service) health(e Evidence) {
	h := &s.Want.Health
	switch {
	case h.GRPC != "":
		s.Configured("health", "gRPC "+h.GRPC)
	case h.HTTP != "":
		s.Configured("health", "HTTP "+h.HTTP)
	case h.TCP:
		s.Configured("health", "TCP")
	case len(h.Command) > 0:
		s.Configured("health", "command "+strings.Join(h.Command, " "))
	case s.Want.Port == 0 || s.Want.Type == "job":
	case s.Want.Type == "http" && e.Route.Found():
		h.HTTP = e.Route.Text
		s.Fact("health", "HTTP "+e.Route.Text, Or(e.Route.Why, "a route of that name"), e.Route.File, e.Route.Line)
	case s.Want.Type == "grpc" && e.HealthName.Found():
		h.GRPC = e.HealthName.Text
		s.Fact("health", "gRPC "+h.GRPC, "the standard health service reports on it", e.HealthName.File, e.HealthName.Line)
	case s.Want.Type == "grpc":
		s.grpcHealth(e)
	default:
		h.TCP = true
		s.Fact("health", "TCP", "default: the port accepts connections", "", 0)
	}
}

// Evidence in protos.
var (
	protoPackage = pattern.Lazy(`(?m)^\s*package\s+([\w.]+)\s*;`)
	protoService = pattern.Lazy(`(?m)^\s*service\s+(\w+)`)
)

// grpcHealth takes the service of the protos when something implements the
// standard health service, else asks whether the port accepts.
func (s *Service) grpcHealth(e Evidence) {
	var name Hit
	own := false
	dir := ProtoDir(s.Dir)
	if dir != "" {
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
	}
	h := &s.Want.Health
	if (e.HealthProto.Found() || own) && name.Found() {
		h.GRPC = name.Text
		s.Fact("health", "gRPC "+name.Text, "the service of the protos, beside the standard health service", name.File, name.Line)
		return
	}
	h.TCP = true
	s.Fact("health", "TCP", "default: no sign of the gRPC health service", "", 0)
}
