package golang

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// chooseMain decides which main package is the service: that of the directory,
// else the one that the start command or the service is called by, else the only
// one.
func (s *service) chooseMain(at string, alone bool) bool {
	if at = relative(s.Context, at); alone {
		at = "."
	}
	if at != s.module.dir {
		if mainFile(s.Dir, at) == "" {
			s.noMain(at)
			return false
		}
		s.take(at, "the service's directory")
		s.otherPrograms()
		return true
	}
	dir, err := fs.Sub(s.Dir, s.module.dir)
	if err != nil {
		s.noMain(at)
		return false
	}
	all := programs(dir)
	base := func(p string) string {
		if p == "." {
			return s.module.shortName()
		}
		return path.Base(p)
	}
	if len(s.Want.Command) > 0 {
		if named := matching(all, base, path.Base(s.Want.Command[0])); named != "" {
			s.take(path.Join(at, named), "named by the start command")
			return true
		}
	}
	serving := serving(dir, s.module.path, all)
	switch named := matching(all, base, s.Want.Name); {
	case len(all) == 0:
		s.noMain(at)
	case len(all) == 1:
		s.take(path.Join(at, all[0]), "the only program in the module")
	case named != "":
		s.take(path.Join(at, named), "it has the service's name")
	case len(serving) == 1:
		s.take(path.Join(at, serving[0]), "the only server in the module")
	default:
		list := make([]string, 0, len(all))
		for _, p := range all {
			list = append(list, path.Join(s.Want.Path, p))
		}
		s.ReportWanted(codeWhich, path.Join(s.module.dir, "go.mod"), "write path: "+list[len(list)-1]+" for the service in slipway.yaml, one service per program",
			"the module has %d programs, and no setting selects one: %s", len(all), strings.Join(list, ", "))
	}
	if s.mainDir != "" {
		s.otherPrograms()
	}
	return s.mainDir != ""
}

// otherPrograms names the programs of the module that are no services by
// themselves, with what makes one of them a service. Who has a slipway.yaml has
// decided.
func (s *service) otherPrograms() {
	dir, err := fs.Sub(s.Dir, s.module.dir)
	if s.FleetFile != "" || err != nil {
		return
	}
	all := programs(dir)
	services := Ecosystem{}.Services(dir)
	for _, p := range all {
		at := path.Join(s.module.dir, p)
		if at == s.mainDir || slices.Contains(services, p) || len(services) == 1 && services[0] == "." {
			continue
		}
		name := path.Base(at)
		s.Report(diag.Info, codeOthers, path.Join(at, mainFile(s.Dir, at)), 0, "add a service to slipway.yaml: "+name+": {path: "+s.At(at)+"}",
			"this service is the module's program %s; the program %s does not serve and is left out", show(s.mainDir), at)
	}
}

// serving returns the programs of a module that start a server, or wait for work:
// what runs on, in contrast to what people call.
func serving(dir fs.FS, module string, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(at string) bool { return !runsOn(dir, module, at) })
}

// runsOn looks for a server, or a loop without an end, in a main package and in
// the packages of the module that it imports.
func runsOn(dir fs.FS, module, main string) bool {
	seen, queue := map[string]bool{main: true}, []string{main}
	for len(queue) > 0 && len(seen) < maxPackages {
		at := queue[0]
		queue = queue[1:]
		entries, _ := fs.ReadDir(dir, at)
		for _, e := range entries {
			data, err := ecosystem.Read(dir, path.Join(at, e.Name()))
			if e.IsDir() || !isSource(e.Name()) || err != nil || !built(data) {
				continue
			}
			if httpServer.Match(data) || grpcServer.Match(data) || listens.Match(data) || at == main && (waits.Match(data) || mainFunc.Match(data) && endless.Match(data)) {
				return true
			}
			f, err := parser.ParseFile(token.NewFileSet(), e.Name(), data, parser.ImportsOnly)
			if err != nil {
				continue
			}
			for _, i := range f.Imports {
				name, _ := strconv.Unquote(i.Path.Value)
				next := path.Clean(strings.TrimPrefix(strings.TrimPrefix(name, module), "/"))
				if (name == module || strings.HasPrefix(name, module+"/")) && !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
	}
	return false
}

var (
	mainFunc = ecosystem.NewSign(`(?m)^func main\(\)`)
	endless  = ecosystem.NewSign(`\bfor \{`)
)

// waits is what a worker does and a tool does not.
var waits = ecosystem.NewSign(`\bsignal\.Notify(?:Context)?\(|\bselect \{\}|\btime\.(?:NewTicker|Tick)\(|\.(?:Subscribe|QueueSubscribe|Consume|StartConsuming)\(`)

// matching returns the only program whose directory has a name.
func matching(all []string, base func(string) string, name string) string {
	found := slices.DeleteFunc(slices.Clone(all), func(p string) bool { return base(p) != name })
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

func (s *service) take(dir, why string) {
	s.mainDir = dir
	s.binary = s.Want.Name
	if dir != s.module.dir {
		s.binary = path.Base(dir)
	}
	s.Fact("program", show(dir), why, path.Join(dir, mainFile(s.Dir, dir)), 0)
}

func (s *service) noMain(at string) {
	hint := "name the directory of a main package: path: cmd/<name>"
	if dir, err := fs.Sub(s.Dir, s.module.dir); err == nil {
		var list []string
		for _, p := range programs(dir) {
			list = append(list, path.Join(s.Context, s.module.dir, p))
		}
		if len(list) > 0 {
			hint = "main packages are " + strings.Join(list, ", ") + ": write one of them as path: of the service"
		}
	}
	s.ReportWanted(codeNoMain, path.Join(s.module.dir, "go.mod"), hint, "no main package in %s", ecosystem.Or(s.At(at), "."))
}

// compiler decides whether a C compiler is needed: because a package of the
// program imports "C", or because one outside of the repository is known to.
func (s *service) compiler() {
	if hit := s.graph.c; hit.Found() {
		s.cgo = hit
		s.Fact("cgo", "on", `imports "C"`, hit.File, hit.Line)
	}
	for _, name := range s.graph.sorted() {
		hit := s.graph.imports[name]
		if needs, known := lookup(cLibraries(), name); known {
			s.Report(diag.Error, codeCLibrary, hit.File, hit.Line, "use a toolchain and a runtime image that have it: bases: {go-toolchain: <image>, go-runtime: <image>} in slipway.yaml",
				"%s needs %s, which no base of Slipway has", name, needs)
		}
		if why, known := lookup(cModules(), name); known && !s.cgo.Found() {
			s.cgo = hit
			s.Fact("cgo", "on", name+" "+why, hit.File, hit.Line)
		}
	}
	if !s.cgo.Found() {
		s.Fact("cgo", "off", `default: no package imports "C", so the binary is static`, "", 0)
	}
}

// lookup finds the entry of a module that a package belongs to.
func lookup(table map[string]string, pkg string) (string, bool) {
	for p := pkg; p != "." && p != "/"; p = path.Dir(p) {
		if v, ok := table[p]; ok {
			return v, true
		}
	}
	return "", false
}

// cModules are modules that compile C with what a bare C compiler has, as their
// own documentation says.
func cModules() map[string]string {
	return map[string]string{
		"github.com/mattn/go-sqlite3":                "is SQLite in C",
		"gorm.io/driver/sqlite":                      "builds on go-sqlite3, which is SQLite in C",
		"github.com/DataDog/zstd":                    "is zstd in C",
		"github.com/valyala/gozstd":                  "is zstd in C",
		"github.com/confluentinc/confluent-kafka-go": "brings librdkafka",
		"github.com/bytecodealliance/wasmtime-go":    "brings the wasmtime library",
	}
}

// cLibraries are modules that need a C library or a C++ compiler.
func cLibraries() map[string]string {
	return map[string]string{
		"github.com/davidbyttow/govips":     "libvips",
		"github.com/h2non/bimg":             "libvips",
		"gopkg.in/gographics/imagick.v3":    "ImageMagick",
		"gopkg.in/gographics/imagick.v2":    "ImageMagick",
		"github.com/libgit2/git2go":         "libgit2",
		"github.com/google/gopacket/pcap":   "libpcap",
		"github.com/gopacket/gopacket/pcap": "libpcap",
		"gocv.io/x/gocv":                    "OpenCV",
		"github.com/pebbe/zmq4":             "ZeroMQ",
		"github.com/linxGnu/grocksdb":       "RocksDB",
		"github.com/marcboeker/go-duckdb":   "a C++ compiler",
		"github.com/duckdb/duckdb-go":       "a C++ compiler",
		"github.com/godror/godror":          "Oracle's client",
		"rogchap.com/v8go":                  "a C++ compiler",
	}
}
