package ecosystem

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/plan"
)

// maxUses is the most of each kind that a plan lists. Services that read more
// variables than that read them in a loop.
const maxUses = 50

// UseSigns are a language's patterns for what its sources ask the machine for.
// The name is the last group of a pattern that took part in the match.
type UseSigns struct {
	Reads []Pattern // a variable that is read without a default
	Calls []Pattern // a program that is started, as a word, a path or a command line
	Shell []Pattern // a command that a shell runs; what the shell starts is in the group, if there is one
}

// uses collects names, each with the first place in the order of files.
type uses struct{ reads, calls, connects map[string]plan.Use }

// ScanUses notes what a source asks the machine for. The file is relative to the
// build context.
func (s *Service) ScanUses(file string, data []byte, signs UseSigns) {
	for _, p := range signs.Reads {
		EachMatch(p, data, func(name string, line int) { s.Reads(name, file, line) })
	}
	for _, p := range signs.Calls {
		EachMatch(p, data, func(command string, line int) { s.Calls(command, file, line) })
	}
	for _, p := range signs.Shell {
		EachMatch(p, data, func(command string, line int) {
			s.Calls("sh", file, line)
			s.Calls(command, file, line)
		})
	}
}

// EachMatch calls fn with the name and the line of every match; the name is the
// last group that took part.
func EachMatch(p Pattern, data []byte, fn func(name string, line int)) {
	for at := 0; at < len(data); {
		m := p.FindSubmatchIndex(data[at:])
		if m == nil {
			return
		}
		name := ""
		for i := len(m) - 2; i > 0; i -= 2 {
			if m[i] >= 0 {
				name = string(data[at+m[i] : at+m[i+1]])
				break
			}
		}
		fn(name, LineAt(data, int64(at+m[0])))
		at += max(m[1], m[0]+1)
	}
}

// Reads notes a variable that a source reads without a default.
func (s *Service) Reads(name, file string, line int) {
	if isVariable(name) && !slices.Contains(givenVariables(), name) {
		note(&s.uses.reads, plan.Use{Name: name, File: s.At(file), Line: line})
	}
}

// Calls notes a program that a source starts; of a command line it is the first
// word. A path without its directory names the program; one inside the service
// ("./tool") is the service's own.
func (s *Service) Calls(command, file string, line int) {
	words := strings.Fields(command)
	for len(words) > 0 && isAssignment(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 || strings.HasPrefix(words[0], ".") {
		return
	}
	if name := path.Base(words[0]); isProgram(name) {
		note(&s.uses.calls, plan.Use{Name: name, File: s.At(file), Line: line})
	}
}

// note keeps the first place of a name.
func note(into *map[string]plan.Use, u plan.Use) {
	if *into == nil {
		*into = map[string]plan.Use{}
	}
	if _, known := (*into)[u.Name]; !known {
		(*into)[u.Name] = u
	}
}

// variablesRead are the variables without a default that the image does not set.
func (s *Service) variablesRead() []plan.Use {
	return sortedUses(s.uses.reads, func(name string) bool { return slices.Contains(s.imageSets, name) })
}

func (s *Service) programsCalled() []plan.Use {
	return sortedUses(s.uses.calls, func(string) bool { return false })
}

func sortedUses(all map[string]plan.Use, skip func(name string) bool) []plan.Use {
	var out []plan.Use
	for name, u := range all {
		if !skip(name) {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b plan.Use) int { return strings.Compare(a.Name, b.Name) })
	return out[:min(len(out), maxUses)]
}

// givenVariables are set by the image, the container or the shell, or mean
// nothing when they are not set.
func givenVariables() []string {
	return []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "TMPDIR", "TMP", "TEMP", "TERM", "LANG", "LC_ALL", "TZ", "HOSTNAME", "PORT", "HOST", "CI",
		"NODE_ENV", "DEBUG", "LOG_LEVEL", "NO_COLOR", "FORCE_COLOR", "VERBOSE", "EDITOR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "INVOCATION_ID", "JOURNAL_STREAM", // systemd's
		"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "DISPLAY", "COLORTERM", "COLUMNS", "LINES", "GITHUB_ACTIONS", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT",
	}
}

// isVariable reports a name that a process's environment can have.
func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 100
}

func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && isVariable(name)
}

// isProgram reports a word that names a program, and not an option, a variable
// or a part of a template.
func isProgram(name string) bool {
	for i, r := range name {
		ok := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || i > 0 && (r == '-' || r == '_' || r == '.' || r == '+')
		if !ok {
			return false
		}
	}
	return name != "" && len(name) <= 60
}
