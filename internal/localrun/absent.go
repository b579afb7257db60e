package localrun

import (
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// absentPath is a path in the line of an error, such as that of "open
// /run/secrets/key: no such file or directory" or "No such file: 'config/a.yml'".
var absentPath = pattern.Lazy(`(?:^|[\s'"(:=])((?:\.{0,2}/)?[\w@+-][\w.@+-]*(?:/[\w.@+-]+)+|\.{0,2}/[\w.@+-]+|[\w-]+\.[a-z]{2,5})(?:$|[\s'"):,])`)

// absentSigns are what programs log when a file that they read does not exist.
func absentSigns() []string {
	return []string{"no such file or directory", "enoent", "filenotfounderror", "nosuchfileexception", "filenotfoundexception"}
}

// absentLines is how many of the last lines are looked at: earlier errors did not end
// the program.
const absentLines = 6

// absent names the file that the service's last lines say does not exist, with what
// gives it to a container.
func (e Evidence) absent() string {
	lines := e.LastLines[max(0, len(e.LastLines)-absentLines):]
	for i := len(lines) - 1; i >= 0; i-- {
		lower := strings.ToLower(lines[i])
		for _, sign := range absentSigns() {
			at := strings.Index(lower, sign)
			if at < 0 {
				continue
			}
			// Most programs name the file just before the error, Python and Node.js behind it.
			before, behind := absentPath().FindAllStringSubmatch(lines[i][:at], -1), absentPath().FindStringSubmatch(lines[i][at+len(sign):])
			name := ""
			switch {
			case behind != nil:
				name = behind[1]
			case len(before) > 0:
				name = before[len(before)-1][1]
			default:
				continue
			}
			text := "; it reads " + name + ", which does not exist in its container"
			if strings.HasPrefix(path.Clean(name), "/run/secrets/") {
				text += ": give it by secrets: with file: for the service in a compose file beside slipway.yaml"
			}
			return text
		}
	}
	return ""
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
