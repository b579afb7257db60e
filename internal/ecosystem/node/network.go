package node

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// Limits of what is read of the sources in search of a port.
const (
	maxSourceFiles = 300
	maxSourceBytes = 256 << 10
)

// Evidence in sources.
var (
	portDefault  = regexp.MustCompile(`PORT\s*(?:\?\?|\|\|)\s*['"]?(\d{2,5})\b`)
	portListen   = regexp.MustCompile(`\.listen\(\s*(?:\{\s*port:\s*)?(\d{2,5})\b`)
	portAddress  = regexp.MustCompile(`['"\x60](?:0\.0\.0\.0|\[::\]):(\d{2,5})['"\x60]`)
	portNamed    = regexp.MustCompile(`\bport\s*[:=]\s*(\d{2,5})\b`)
	grpcServer   = regexp.MustCompile(`\.bindAsync\(`)
	httpServer   = regexp.MustCompile(`\bcreateServer\(|\bexpress\(\)|\bfastify\(|\bnew Koa\(|\bnew Hono\(|NestFactory\.create\(`)
	healthRoute  = regexp.MustCompile(`['"\x60](/(?:api/)?(?:healthz?|health/ready|readyz|ready|livez))['"\x60]`)
	protoPackage = regexp.MustCompile(`(?m)^\s*package\s+([\w.]+)\s*;`)
	protoService = regexp.MustCompile(`(?m)^\s*service\s+(\w+)`)
)

// hit is a piece of evidence in a source file.
type hit struct {
	text string
	file string
	line int
}

// network completes type, port and health from the sources.
func (s *service) network() {
	grpc, http, port, route := s.scan()
	s.serviceType(grpc, http)
	s.port(port)
	s.health(route)
	if s.want.MemoryBytes > 0 {
		s.configured("memory", fmt.Sprintf("%.4g MiB", float64(s.want.MemoryBytes)/(1<<20)))
	}
}

// scan reads the sources for evidence.
func (s *service) scan() (grpc, http, port, route hit) {
	ports := []*regexp.Regexp{portDefault, portListen, portAddress, portNamed}
	best := len(ports)
	s.eachSource(func(name string, data []byte) {
		note := func(h *hit, re *regexp.Regexp) {
			if m := re.FindSubmatchIndex(data); m != nil && h.file == "" {
				*h = hit{string(data[m[len(m)-2]:m[len(m)-1]]), name, lineAt(data, int64(m[0]))}
			}
		}
		note(&grpc, grpcServer)
		note(&http, httpServer)
		note(&route, healthRoute)
		for i, re := range ports[:best] {
			found := hit{}
			if note(&found, re); found.file != "" {
				port, best = found, i
				break
			}
		}
	})
	return grpc, http, port, route
}

// eachSource calls fn for the service's sources in order, within limits.
func (s *service) eachSource(fn func(name string, data []byte)) {
	files := 0
	_ = fs.WalkDir(s.dir, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || files >= maxSourceFiles {
			return fs.SkipAll
		}
		if e.IsDir() {
			top, _, _ := strings.Cut(name, "/")
			if name != "." && (e.Name() == "node_modules" || !slices.Contains(s.sources, top) || name == s.codegen.out || strings.Count(name, "/") > 8) {
				return fs.SkipDir
			}
			return nil
		}
		ext := path.Ext(name)
		if !slices.Contains([]string{".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"}, ext) || strings.Contains(name, ".test.") || strings.Contains(name, ".spec.") || strings.HasSuffix(name, ".d.ts") {
			return nil
		}
		if info, err := e.Info(); err != nil || info.Size() > maxSourceBytes || !info.Mode().IsRegular() {
			return nil
		}
		files++
		if data, err := fs.ReadFile(s.dir, name); err == nil {
			fn(name, data)
		}
		return nil
	})
}

func (s *service) serviceType(grpc, http hit) {
	switch {
	case s.want.Type != "":
		s.configured("type", s.want.Type)
	case grpc.file != "":
		s.want.Type = "grpc"
		s.fact("type", "grpc", "starts a gRPC server", grpc.file, grpc.line)
	case http.file != "":
		s.want.Type = "http"
		s.fact("type", "http", "starts an HTTP server", http.file, http.line)
	default:
		s.want.Type = "worker"
		s.fact("type", "worker", "default: no server in the sources", "", 0)
	}
}

func (s *service) listens() bool { return s.want.Type == "grpc" || s.want.Type == "http" }

func (s *service) port(found hit) {
	switch n, _ := strconv.Atoi(found.text); {
	case s.want.Port != 0:
		s.configured("port", strconv.Itoa(s.want.Port))
	case !s.listens():
	case n > 0 && n < 65536:
		s.want.Port = n
		s.fact("port", found.text, "in the sources", found.file, found.line)
	default:
		f := diag.Finding{Code: codeNoPort, Place: diag.Place{File: s.fleetFile, Line: s.want.Line},
			Text: fmt.Sprintf("%s: a service of type %s listens, but nothing says on which port", s.want.Name, s.want.Type),
			Hint: "write port: for the service in slipway.yaml"}
		if f.Place.File == "" {
			f.Place.File = s.at("package.json")
		}
		s.findings = append(s.findings, f)
	}
}

// health fills in how to ask for readiness when slipway.yaml does not say.
func (s *service) health(route hit) {
	h := &s.want.Health
	switch {
	case h.GRPC != "":
		s.configured("health", "gRPC "+h.GRPC)
	case h.HTTP != "":
		s.configured("health", "HTTP "+h.HTTP)
	case h.TCP:
		s.configured("health", "TCP")
	case len(h.Command) > 0:
		s.configured("health", "command "+strings.Join(h.Command, " "))
	case s.want.Port == 0 || s.want.Type == "job":
	case s.want.Type == "http" && route.file != "":
		h.HTTP = route.text
		s.fact("health", "HTTP "+route.text, "a route of that name", route.file, route.line)
	case s.want.Type == "grpc":
		s.grpcHealth(h)
	default:
		h.TCP = true
		s.fact("health", "TCP", "default: the port accepts connections", "", 0)
	}
}

// grpcHealth takes the service of the protos when something implements the
// standard health service, else asks whether the port accepts.
func (s *service) grpcHealth(h *config.Health) {
	_, library := s.pkg.Dependencies["grpc-health-check"]
	var name hit
	own := false
	dir := protoDir(s.dir)
	if dir != "" {
		entries, _ := fs.ReadDir(s.dir, dir)
		for _, e := range entries {
			file := path.Join(dir, e.Name())
			data, err := read(s.dir, file)
			if err != nil || path.Ext(file) != ".proto" {
				continue
			}
			pkg, svc := protoPackage.FindSubmatch(data), protoService.FindSubmatchIndex(data)
			switch {
			case pkg == nil || svc == nil:
			case string(pkg[1]) == "grpc.health.v1":
				own = true
			case name.file == "":
				name = hit{string(pkg[1]) + "." + string(data[svc[2]:svc[3]]), file, lineAt(data, int64(svc[2]))}
			}
		}
	}
	if (library || own) && name.file != "" {
		h.GRPC = name.text
		s.fact("health", "gRPC "+name.text, "the service of the protos, beside the standard health service", name.file, name.line)
		return
	}
	h.TCP = true
	s.fact("health", "TCP", "default: no sign of the gRPC health service", "", 0)
}
