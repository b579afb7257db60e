package localrun

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// absentPath is a path in the line of an error, such as that of "open
// /run/secrets/key: no such file or directory" or "No such file: 'config/a.yml'".
var absentPath = pattern.Lazy(`(?:^|[\s'"(:=])((?:\.{0,2}/)?[\w@+-][\w.@+-]*(?:/[\w.@+-]+)+|\.{0,2}/[\w.@+-]+|\.env|[\w-]+\.[a-z]{2,5})(?:$|[\s'"):,])`)

// absentSigns are what programs log when a file that they read does not exist.
func absentSigns() []string {
	return []string{"no such file or directory", "enoent", "filenotfounderror", "nosuchfileexception", "filenotfoundexception"}
}

// absent returns the file for want of which the service ended, as its last lines
// say, "" without one. The last one is what ended it. A file of variables is often
// looked for in vain, and a variable that the lines name says more.
func (e Evidence) absent() string {
	if x := e.Status.Exit; x == nil || x.Code == 0 || e.Status.ReadyMillis > 0 || e.wants() && strings.Contains(strings.Join(e.LastLines, "\n"), e.suspects()[0].Name) {
		return ""
	}
	for _, line := range slices.Backward(e.LastLines) {
		if strings.Contains(strings.ToLower(line), "connection refused") {
			return "" // what came before did not end it
		}
		file := absentIn(line)
		if file != "" && !(e.wants() && strings.Contains(file, ".env")) {
			return file
		}
	}
	return ""
}

// absentIn is the file that a line says does not exist. Most programs name it just
// before the error, Python and Node.js behind it.
func absentIn(line string) string {
	lower := strings.ToLower(line)
	for _, sign := range absentSigns() {
		at := strings.Index(lower, sign)
		if at < 0 {
			continue
		}
		if behind := absentPath().FindStringSubmatch(line[at+len(sign):]); behind != nil {
			return behind[1]
		}
		if before := absentPath().FindAllStringSubmatch(line[:at], -1); len(before) > 0 {
			return before[len(before)-1][1]
		}
	}
	return ""
}

// absentHint is the next thing to do about such a file.
func absentHint(service, file string) string {
	if strings.HasPrefix(file, "/run/secrets/") || strings.HasPrefix(file, "/var/run/secrets/") {
		return fmt.Sprintf("give it to %s with secrets: and file: in a compose file beside slipway.yaml", service)
	}
	return fmt.Sprintf("if it is in the repository, write files: for %s in slipway.yaml, and build again; else set another file: slipway run -e %s:NAME=VALUE", service, service)
}

// unreached names a server that the service's settings or sources name, when the
// service did not get as far as to serve. Its log need not name the address: that
// of MySQL's driver for Java does not.
func (e Evidence) unreached() string {
	if len(e.Connects) == 0 || e.Status.ReadyMillis > 0 || e.Settled {
		return ""
	}
	if e.Status.Exit != nil && !e.speaksOfConnections() {
		return ""
	}
	use := e.server()
	host, _, _ := strings.Cut(use.Name, ":")
	text := fmt.Sprintf("; it connects to %s (%s:%d)", use.Name, use.File, use.Line)
	if host == "localhost" || host == "127.0.0.1" {
		text += ", which is its own container"
	}
	return text
}

// server is the one that the last lines name, else the first.
func (e Evidence) server() plan.Use {
	said := strings.Join(e.LastLines, "\n")
	for _, use := range e.Connects {
		host, _, _ := strings.Cut(use.Name, ":")
		if strings.Contains(said, use.Name) || host != "localhost" && strings.Contains(said, host) {
			return use
		}
	}
	return e.Connects[0]
}

func (e Evidence) speaksOfConnections() bool {
	said := strings.ToLower(strings.Join(e.LastLines, "\n"))
	return strings.Contains(said, "connect") || strings.Contains(said, "link failure") || strings.Contains(said, "jdbc")
}
