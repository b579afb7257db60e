package ecosystem

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// CodeProcesses reports further processes of a Procfile. It has one meaning for
// ever.
const CodeProcesses = "SLP228"

// Process is a line of a Procfile
// (https://devcenter.heroku.com/articles/procfile).
type Process struct {
	Name    string // "web", "worker", "release" …
	Command string
	Line    int
}

var (
	processLine = pattern.Lazy(`^([A-Za-z0-9_-]{1,63}):[ \t]*(\S.*)$`)
	portInShell = pattern.Lazy(`\$PORT\b|\$\{PORT(?::-\d*)?\}`)
)

// maxProcesses is more than any Procfile has.
const maxProcesses = 50

// Procfile returns the processes of a directory's Procfile, in its order; lines
// that are none are passed over.
func Procfile(dir fs.FS) []Process {
	data, err := Read(dir, "Procfile")
	if err != nil {
		return nil
	}
	var out []Process
	line := 0
	for text := range strings.Lines(string(data)) {
		line++
		m := processLine().FindStringSubmatch(strings.TrimSpace(text))
		if m != nil && len(out) < maxProcesses {
			out = append(out, Process{Name: m[1], Command: m[2], Line: line})
		}
	}
	return out
}

// WithPort is the command with the port that its shell would have put there.
func (p Process) WithPort(port int) string {
	return portInShell().ReplaceAllString(p.Command, strconv.Itoa(port))
}

// WantsPort tells whether the command names the port.
func (p Process) WantsPort() bool { return portInShell().MatchString(p.Command) }

// Process is the one of the Procfile that the service is: what serves the web,
// else the worker, else the only one; a service that slipway.yaml calls a worker
// or a job is no server. false means that there is none.
func (s *Service) Process() (Process, bool) {
	all := slices.DeleteFunc(Procfile(s.Dir), func(p Process) bool { return p.Name == "release" })
	order := []string{"web", "worker"}
	if s.Want.Type == "worker" || s.Want.Type == "job" {
		order = []string{s.Want.Name, "worker"}
	}
	for _, name := range order {
		if i := slices.IndexFunc(all, func(p Process) bool { return p.Name == name }); i >= 0 {
			return all[i], true
		}
	}
	if len(all) == 1 && all[0].Name != "web" {
		return all[0], true
	}
	return Process{}, false
}

// OtherProcesses reports the processes that the service is not, each with the
// line that makes a service of it. Who has a slipway.yaml has decided.
func (s *Service) OtherProcesses(chosen Process) {
	if s.FleetFile != "" {
		return
	}
	for _, p := range Procfile(s.Dir) {
		if p.Name == chosen.Name {
			continue
		}
		kind := "worker"
		if p.Name == "release" {
			kind = "job"
		}
		s.Report(diag.Info, CodeProcesses, "Procfile", p.Line,
			"add a service to slipway.yaml: "+p.Name+": {path: "+Or(s.Want.Path, ".")+", type: "+kind+", command: "+strconv.Quote(p.Command)+"}",
			"this service is the Procfile's process %s; %s is another process", chosen.Name, p.Name)
	}
}
