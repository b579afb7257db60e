package deno

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

func lines(data []byte) []string { return strings.Split(string(data), "\n") }

// quotedKey is the first key of a line of JSON.
func quotedKey(line string) string {
	line = strings.TrimLeft(line, " \t{")
	if end := strings.IndexByte(line[min(1, len(line)):], '"'); end >= 0 {
		return line[:end+2]
	}
	return ""
}

func cleanPath(name string) string { return path.Clean(strings.TrimPrefix(name, "./")) }

// fileExt is the extension of a source, "" for other words.
func fileExt(name string) string {
	if ext := path.Ext(name); slices.Contains([]string{".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs"}, ext) {
		return ext
	}
	return ""
}

// Limits of the walk through a service's tree, and the most that is left out below its
// top.
const (
	maxTree   = 20_000
	maxNested = 60
)

// findTree decides what of the service's directory production holds: all that is not
// known to be needless.
func (s *service) findTree() {
	entries, err := fs.ReadDir(s.Dir, ".")
	if err != nil {
		return // Open has read it
	}
	for _, e := range entries {
		name := e.Name()
		switch why := s.why(name, e.IsDir()); {
		case slices.Contains(s.manifests(), name):
		case why != "":
			s.LeaveOut(why, name)
		default:
			s.sources = append(s.sources, name)
		}
	}
	seen := 0
	for _, top := range s.sources {
		_ = fs.WalkDir(s.Dir, top, func(name string, e fs.DirEntry, err error) error {
			if seen++; err != nil || seen > maxTree || len(s.nested) >= maxNested {
				return fs.SkipAll
			}
			why := ""
			if name != top {
				why = s.why(name, e.IsDir())
			}
			switch {
			case why == "" || why == ecosystem.WhyVersionControl && !e.IsDir():
				return nil
			case why != ecosystem.WhyIgnored:
				s.nested = append(s.nested, name)
				s.LeaveOut(why, name)
			}
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		})
	}
}

// why returns the reason for leaving an entry out, "" to take it.
func (s *service) why(name string, dir bool) string {
	switch {
	case s.Excluded(name):
		return ecosystem.WhyExcluded
	case s.Wanted(name):
		return ""
	case s.Ignore.Own && s.Ignore.Excludes(name):
		return ecosystem.WhyIgnored
	case dir && path.Base(name) == "node_modules":
		return "installed by the build"
	case dir && (name == "_fresh" || name == "npm") && s.settings.task("build") != "":
		return ecosystem.WhyReplaced
	}
	if !dir && isTest(name) {
		return ecosystem.WhyTests
	}
	return s.Needless(name, dir)
}

// isTest knows the usual name of a test of Deno; the others, such as main.test.ts, are
// tests in each ecosystem.
func isTest(name string) bool {
	ext := fileExt(name)
	return ext != "" && strings.HasSuffix(strings.TrimSuffix(name, ext), "_test")
}

// supplied are the patterns for services without a .dockerignore.
func (s *service) supplied() []string {
	out := append(ecosystem.Supplied(), "**/node_modules")
	for _, name := range s.nested {
		if !s.Secret(name) {
			out = append(out, name)
		}
	}
	return s.UnhidePublic(out, func(name string) string { return name })
}

// Evidence in sources.
var (
	serves = []*ecosystem.Sign{
		ecosystem.NewSign(`\bDeno\.serve(?:<[^>\n]*>)?\(`), ecosystem.NewSign(`\bDeno\.listen(?:Tls)?\(`), ecosystem.NewSign(`\bcreateServer\(`), ecosystem.NewSign(`\bexpress\(\)`),
		ecosystem.NewSign(`\bnew Application(?:<[^>\n]*>)?\(`), ecosystem.NewSign(`\bserve\(\s*(?:\{|\w+\s*[,)])`), ecosystem.NewSign(`\bnew (?:Server|App)(?:<[^>\n]*>)?\(`),
		ecosystem.NewSign(`\bfastify\(`),
	}
	exportsFetch = ecosystem.NewSign(`\bexport default (?:\{[^}]*\bfetch\b|app\b)`)
	ports        = []*ecosystem.Sign{
		ecosystem.NewSign(`['"](?:PORT|port)['"]\)\s*(?:\?\?|\|\|)\s*['"]?(\d{2,5})\b`), ecosystem.NewSign(`\bPORT\b['"\])]*\s*(?:\?\?|\|\|)\s*['"]?(\d{2,5})\b`),
		ecosystem.NewSign(`\.listen\(\s*(?:\{[^}\n]*?\bport:\s*)?(\d{2,5})\b`), ecosystem.NewSign(`\bport\s*[:=]\s*(\d{2,5})\b`),
	}
	portRead     = ecosystem.NewSign(`\benv\.get\(\s*['"]PORT['"]|\benv\.PORT\b`)
	grpcServes   = ecosystem.NewSign(`\.bindAsync\(`)
	route        = ecosystem.NewSign(`['"\x60](/(?:api/)?(?:healthz?|health/ready|readyz|ready|livez))['"\x60]`)
	remoteImport = ecosystem.NewSign(`\b(?:from|import)\s*\(?\s*['"](?:npm:|jsr:|https?://)`)
	readsEnv     = ecosystem.NewSign(`\bDeno\.env\.get\(\s*['"](\w+)['"]\s*\)\s*(?:!|;|,|\))`)
	runsCommand  = ecosystem.NewSign(`\bnew Deno\.Command\(\s*['"]([^'"\n]+)['"]`)
	makesDir     = ecosystem.NewSign(`\bDeno\.mkdir(?:Sync)?\(\s*['"]((?:\./)?[\w.-]+(?:/[\w.-]+)*|/[\w./-]+)['"]`)
)

// scan is what the sources say.
type scan struct {
	ecosystem.Evidence
	exported ecosystem.Hit // a default export that deno serve runs
	portRead ecosystem.Hit
	remote   ecosystem.Hit // an import that is downloaded
	serving  []string      // files that start a server
}

// serves tells whether a file starts a server itself.
func (s scan) serves(file string) bool { return slices.Contains(s.serving, file) }

// server is what starts a server.
func (s scan) server() ecosystem.Hit {
	if s.GRPC.Found() {
		return s.GRPC
	}
	return s.HTTP
}

// readSources reads the sources once.
func (s *service) readSources() {
	best := len(ports)
	wanted := func(name string, dir bool) bool {
		if dir {
			return !strings.HasPrefix(path.Base(name), ".") && s.why(name, true) == ""
		}
		return fileExt(name) != "" && s.why(name, false) == "" && !slices.Contains([]string{"vite.config.ts", "dev.ts"}, name)
	}
	ecosystem.EachSource(s.Dir, wanted, func(name string, data []byte) {
		for _, sign := range serves {
			if h := ecosystem.Find(sign, name, data); h.Found() {
				s.scan.HTTP.Keep(h)
				s.scan.serving = append(s.scan.serving, name)
				break
			}
		}
		s.scan.GRPC.Seek(grpcServes, name, data)
		s.scan.exported.Seek(exportsFetch, name, data)
		s.scan.Route.Seek(route, name, data)
		s.scan.remote.Seek(remoteImport, name, data)
		s.scan.portRead.Seek(portRead, name, data)
		for i := range ports[:best] {
			if h := ecosystem.Find(ports[i], name, data); h.Found() {
				s.scan.Port, best = h, i
				break
			}
		}
		s.ScanUses(name, data, ecosystem.UseSigns{Reads: []ecosystem.Pattern{readsEnv}, Calls: []ecosystem.Pattern{runsCommand}})
		ecosystem.EachMatch(makesDir, data, func(dir string, line int) { s.Writes(dir, "created by the program", name, line) })
	})
}

// defaultPort is where Deno.serve and deno serve listen.
const defaultPort = "8000"

// network completes type, port and health.
func (s *service) network() {
	e := s.scan.Evidence
	if len(s.start) > 1 && s.start[1] == "serve" {
		e.HTTP.Keep(ecosystem.Hit{File: s.settingsAt(), Why: "deno serve"})
		if port := flagValue(s.start, "--port"); port != "" {
			e.Port = ecosystem.Hit{Text: port, File: s.settingsAt(), Why: "--port of the start command"}
		} else {
			e.Port = ecosystem.Hit{} // it ignores what the sources say
		}
	}
	if e.HTTP.Found() && !e.GRPC.Found() && !e.Port.Found() {
		e.Port = e.HTTP
		e.Port.Text, e.Port.Why = defaultPort, "default of Deno's server"
	}
	s.Network(e, s.settingsAt())
}

// flagValue is the value of an option, "" without it.
func flagValue(argv []string, flag string) string {
	for i, w := range argv {
		if v, ok := strings.CutPrefix(w, flag+"="); ok {
			return v
		}
		if w == flag && i+1 < len(argv) {
			return argv[i+1]
		}
	}
	return ""
}
