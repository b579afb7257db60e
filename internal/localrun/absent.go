package localrun

import (
	"fmt"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// noFile are the ways in which programs log a file that does not exist: Java, Go,
// Python, Node.js.
var noFile = pattern.Lazy(`NoSuchFileException: (\S+)|FileNotFoundException: (\S+) \(No such file|\b(?:open|stat|lstat|read|readdirent) (\S+): no such file or directory|No such file or directory: '([^'\n]+)'|ENOENT: no such file or directory, \w+ '([^'\n]+)'`)

// absent returns the file for want of which the service ended, as its last lines
// say, "" without one. The last one is what ended it. A file of variables is often
// looked for in vain, and a variable that the lines name says more.
func (e Evidence) absent() (file string) {
	if x := e.Status.Exit; x == nil || x.Code == 0 || e.Status.ReadyMillis > 0 || e.wants() && strings.Contains(strings.Join(e.LastLines, "\n"), e.suspects()[0].Name) {
		return ""
	}
	for _, line := range e.LastLines {
		m := noFile().FindStringSubmatch(line)
		for i := 1; i < len(m); i++ {
			if m[i] != "" && !(e.wants() && strings.HasPrefix(path.Base(m[i]), ".env")) {
				file = strings.TrimRight(m[i], ":,")
			}
		}
	}
	return file
}

// absentHint is the next thing to do about such a file.
func absentHint(service, file string) string {
	if strings.HasPrefix(file, "/run/secrets/") || strings.HasPrefix(file, "/var/run/secrets/") {
		return fmt.Sprintf("slipway run mounts no secrets; let %s read the value from a variable too, and set it: slipway run -e %s:NAME=VALUE", service, service)
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
