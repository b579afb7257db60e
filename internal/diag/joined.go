package diag

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Joined returns the findings for a person to read: those of several services that say
// the same are one, at the place of the first, which names the services. Programs
// get them apart.
func (fs Findings) Joined() Findings {
	type same struct {
		code, text, hint string
		severity         Severity
	}
	at := map[same]int{}
	services := map[int][]string{}
	var out Findings
	for _, f := range fs {
		service, text, ok := strings.Cut(f.Text, ": ")
		key := same{f.Code, text, f.Hint, f.Severity}
		i, again := at[key]
		switch {
		case !ok || !isName(service):
			out = append(out, f)
		case !again:
			at[key] = len(out)
			services[len(out)] = []string{service}
			out = append(out, f)
		case !slices.Contains(services[i], service):
			services[i] = append(services[i], service)
		default: // the service says so twice, at another place
			out = append(out, f)
		}
	}
	for i, names := range services {
		if len(names) < 2 {
			continue
		}
		_, text, _ := strings.Cut(out[i].Text, ": ")
		out[i].Text = fmt.Sprintf("%d services: %s", len(names), text)
		out[i].Excerpt = "  services: " + strings.Join(names, ", ")
	}
	return out
}

// isName reports what can be the name of a service, which is one word.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
