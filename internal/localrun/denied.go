package localrun

import (
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// deniedPath is a path in the line of an error, such as that of "open
// /app/data/x.db: permission denied" or "EACCES: permission denied, mkdir '/app/up'".
var deniedPath = pattern.Lazy(`(/[\w.@+-]+(?:/[\w.@+-]+)*)`)

// deniedSigns are what programs log when they may not write to a file.
func deniedSigns() []string {
	return []string{"permission denied", "eacces", "read-only file system", "erofs", "unable to open database file", "attempt to write a readonly database"}
}

// denied returns the directory that the service's last lines say it may not write to,
// "." when they do not name it, and "" when they say nothing of the kind.
func (e Evidence) denied() string {
	for _, line := range e.LastLines {
		lower := strings.ToLower(line)
		for _, sign := range deniedSigns() {
			if !strings.Contains(lower, sign) {
				continue
			}
			m := deniedPath().FindString(line)
			switch {
			case m == "":
				return "."
			case strings.Contains(lower, "mkdir") || path.Ext(m) == "":
				return m
			}
			return path.Dir(m)
		}
	}
	return ""
}
