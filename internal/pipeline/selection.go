package pipeline

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// Selection says which services of a fleet a command is about.
type Selection struct {
	Names []string // names or globs; none: all
	Skip  []string // names or globs, applied afterwards
}

// Of returns the selected ones of the fleet's services, in the fleet's order. A
// word that matches nothing is an error that names the nearest service.
func (s Selection) Of(services []string) ([]string, error) {
	chosen, err := matching(s.Names, services)
	if err != nil {
		return nil, err
	}
	skipped, err := matching(s.Skip, services)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range services {
		if (len(s.Names) == 0 || chosen[name]) && !skipped[name] {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, diag.Fail(diag.ExitUsage, "no service is selected").
			WithHint("the fleet has %s", strings.Join(services, ", "))
	}
	return out, nil
}

// matching returns the services that one of the words names.
func matching(words, services []string) (map[string]bool, error) {
	found := map[string]bool{}
	for _, word := range words {
		hit := false
		for _, name := range services {
			ok, err := path.Match(word, name)
			if err != nil {
				return nil, diag.Fail(diag.ExitUsage, "the pattern %q is not a glob", word)
			}
			if ok {
				found[name], hit = true, true
			}
		}
		if !hit {
			return nil, unknownService(word, services)
		}
	}
	return found, nil
}

func unknownService(word string, services []string) error {
	f := diag.Fail(diag.ExitUsage, "unknown service %q", word)
	if near := diag.Nearest(word, services); near != "" {
		return f.WithHint("did you mean %q?", near)
	}
	return f.WithHint("the fleet has %s", strings.Join(slices.Sorted(slices.Values(services)), ", "))
}

// SplitList splits a list that is separated by commas or white space, as in
// SERVICES_TO_SKIP.
func SplitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}
