package node

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

const nestFile = "nest-cli.json"

// nestApp is an application of a monorepo of Nest: several share one package.json
// (https://docs.nestjs.com/cli/monorepo).
type nestApp struct {
	name  string
	root  string // directory of its sources
	start string // file that its build writes
}

// nestApps are the applications of nest-cli.json, sorted by name; nil when there
// are fewer than two, which need no telling apart.
func nestApps(dir fs.FS, pkg *manifest) []nestApp {
	data, err := ecosystem.Read(dir, nestFile)
	if err != nil {
		return nil
	}
	var file struct {
		EntryFile string `json:"entryFile"`
		Projects  map[string]struct {
			Type            string `json:"type"`
			Root            string `json:"root"`
			EntryFile       string `json:"entryFile"`
			CompilerOptions struct {
				TSConfig string `json:"tsConfigPath"`
			} `json:"compilerOptions"`
		} `json:"projects"`
	}
	if json.Unmarshal(plainJSON(data), &file) != nil {
		return nil
	}
	var apps []nestApp
	for _, name := range slices.Sorted(maps.Keys(file.Projects)) {
		p := file.Projects[name]
		if p.Type == "library" || !plainPath().MatchString(path.Clean(p.Root)) || path.Clean(p.Root) == "." || strings.HasPrefix(path.Clean(p.Root), "..") {
			continue
		}
		root := path.Clean(p.Root)
		out, _, _ := compilerOutDir(dir, ecosystem.Or(p.CompilerOptions.TSConfig, path.Join(root, "tsconfig.app.json")), 4)
		if out == "" || strings.HasPrefix(out, "..") {
			out = path.Join("dist", root)
		}
		entry := ecosystem.Or(p.EntryFile, ecosystem.Or(file.EntryFile, "main"))
		apps = append(apps, nestApp{name, root, ecosystem.Or(scriptPath(pkg, out), path.Join(out, strings.TrimSuffix(entry, ".js")+".js"))})
	}
	if len(apps) < 2 {
		return nil
	}
	return apps
}

// scriptPath is the file below a directory that a script starts with node.
func scriptPath(pkg *manifest, dir string) string {
	for _, name := range slices.Sorted(maps.Keys(pkg.Scripts)) {
		words := strings.Fields(pkg.Scripts[name])
		if i := slices.Index(words, "node"); i >= 0 {
			for _, w := range words[i+1:] {
				if strings.HasPrefix(path.Clean(w), dir+"/") && plainPath().MatchString(path.Clean(w)) {
					return path.Clean(w)
				}
			}
		}
	}
	return ""
}

// Programs are the services of a directory that only their commands tell apart:
// the applications of a monorepo of Nest. It returns nil for a single service.
func (Ecosystem) Programs(dir fs.FS) []config.Service {
	m, err := manifestOf(dir, ".")
	if err != nil {
		return nil
	}
	var out []config.Service
	for _, app := range nestApps(dir, m) {
		out = append(out, config.Service{Name: app.name, Command: []string{"node", app.start}})
	}
	return out
}

// chooseNestApp decides which application of a monorepo of Nest the service is,
// by the file that it starts from: it alone is built, and it alone speaks for the
// port.
func (s *service) chooseNestApp(fleet *config.Fleet) {
	apps := nestApps(s.Dir, s.pkg)
	i := slices.IndexFunc(apps, func(a nestApp) bool { return s.startsBelow(path.Dir(a.start)) })
	if i < 0 {
		return
	}
	app := apps[i]
	for _, other := range apps {
		if other.name != app.name {
			s.strangers = append(s.strangers, other.root)
		}
	}
	s.Fact("application", app.name, "it is in "+app.root, nestFile, 0)
	s.buildNestApp(app.name)
	s.otherNestApps(app, apps, fleet)
}

// startsBelow reports a command that starts a file of a directory.
func (s *service) startsBelow(dir string) bool {
	below := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(path.Clean(w), dir+"/") })
	}
	if len(s.Want.Command) > 0 {
		return below(s.Want.Command)
	}
	for _, name := range startScripts() {
		if text := s.pkg.Scripts[name]; text != "" {
			return below(strings.Fields(s.unfolded(text, 3)))
		}
	}
	return false
}

// buildNestApp builds one application where the build script builds the default
// one, or is written for another.
func (s *service) buildNestApp(name string) {
	own := "build:" + name
	text := s.pkg.Scripts[s.building]
	switch words := strings.Fields(text); {
	case s.Want.Build != "":
	case s.pkg.Scripts[own] != "":
		s.building = own
	case text == "", len(words) <= 3 && words[0] == "nest" && len(words) > 1 && words[1] == "build" && !strings.HasPrefix(lastWord(text), "-"):
		pkg := *s.pkg // others may share it
		pkg.Scripts = maps.Clone(pkg.Scripts)
		if pkg.Scripts == nil {
			pkg.Scripts = map[string]string{}
		}
		pkg.Scripts[s.building] = "nest build " + name
		s.pkg, s.inline = &pkg, true
	}
}

// otherNestApps names the applications that are services only when slipway.yaml
// says so.
func (s *service) otherNestApps(app nestApp, apps []nestApp, fleet *config.Fleet) {
	if len(s.Want.Command) > 0 || fleet == nil {
		return
	}
	var names, lines []string
	for _, a := range apps {
		listed := slices.ContainsFunc(fleet.Services, func(o config.Service) bool {
			return o.Path == s.Want.Path && slices.ContainsFunc(o.Command, func(w string) bool { return strings.HasPrefix(path.Clean(w), path.Dir(a.start)+"/") })
		})
		if a.name != app.name && !listed {
			names = append(names, a.name)
			lines = append(lines, a.name+": {path: "+s.Want.Path+`, command: ["node", "`+a.start+`"]}`)
		}
	}
	if len(names) > 0 {
		s.Report(diag.Info, codeOtherApps, nestFile, 0, "add to services: in slipway.yaml: "+strings.Join(lines, ", "),
			"this service is the application %s; slipway.yaml does not list %s", app.name, strings.Join(names, ", "))
	}
}

// Evidence of gRPC in applications of Nest, whose gateways name the same transport
// for their clients (https://docs.nestjs.com/microservices/grpc).
var (
	nestTransport = ecosystem.NewSign(`\bTransport\.GRPC\b`)
	nestService   = ecosystem.NewSign(`\bcreateMicroservice\b`)
	nestHTTP      = ecosystem.NewSign(`\bNestFactory\.create(?:<[^>\n]*>)?\(`)
	nestClients   = ecosystem.NewSign(`\bClientsModule\.register|@Client\(|\bClientProxyFactory\.create\(`)
)

// nestSigns are what the sources of an application of Nest say of gRPC.
type nestSigns struct{ transport, service, http, clients ecosystem.Hit }

func (n *nestSigns) look(name string, data []byte) {
	n.transport.Seek(nestTransport, name, data)
	n.service.Seek(nestService, name, data)
	n.http.Seek(nestHTTP, name, data)
	n.clients.Seek(nestClients, name, data)
}

// serves reports a server of gRPC: the application is a microservice, and serves no
// HTTP, which the port is for in one that does both.
func (n *nestSigns) serves() bool {
	switch {
	case !n.transport.Found() || n.http.Found():
		return false
	case n.service.Found():
		return true
	}
	return !n.clients.Found()
}
