package secret

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// published is gitleaksRules.
type published struct {
	Allow allowance       `json:"allow"`
	Rules []publishedRule `json:"rules"`
}

type publishedRule struct {
	ID      string      `json:"id"`
	Regex   string      `json:"regex"`
	Path    string      `json:"path"`
	Form    string      `json:"form"`
	Entropy float64     `json:"entropy"`
	Group   int         `json:"group"`
	Words   []string    `json:"words"`
	Allow   []allowance `json:"allow"`
}

// allowance says what is no secret although it has the form of one.
type allowance struct {
	Paths   []string `json:"paths"`
	Regexes []string `json:"regexes"`
	Target  string   `json:"target"` // of Regexes: "match", "line", or the secret
	Stop    []string `json:"stop"`   // words in the secret, in lower case
	All     bool     `json:"all"`    // each kind has to match

	paths, regexes func() *regexp.Regexp
}

// read returns the rules and what all of them allow.
var read = sync.OnceValue(func() published {
	var p published
	if err := json.Unmarshal([]byte(gitleaksRules), &p); err != nil {
		panic(fmt.Sprintf("the embedded rules of gitleaks: %v", err)) // a test reads them
	}
	p.Allow.compile()
	for i := range p.Rules {
		for k := range p.Rules[i].Allow {
			p.Rules[i].Allow[k].compile()
		}
	}
	return p
})

func (a *allowance) compile() {
	join := func(list []string) func() *regexp.Regexp {
		return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("(?:" + strings.Join(list, ")|(?:") + ")") })
	}
	a.paths, a.regexes = join(a.Paths), join(a.Regexes)
}

// file reports a file that a rule does not search.
func (a allowance) file(name string) bool {
	return name != "" && len(a.Paths) > 0 && !a.All && a.paths().MatchString(name)
}

// allows reports a secret that is none.
func (a allowance) allows(name, secret, match, line string) bool {
	target := secret
	switch a.Target {
	case "match":
		target = match
	case "line":
		target = line
	}
	checks, passed := 0, 0
	check := func(present bool, holds func() bool) {
		if present {
			checks++
			if holds() {
				passed++
			}
		}
	}
	check(len(a.Paths) > 0, func() bool { return name != "" && a.paths().MatchString(name) })
	check(len(a.Regexes) > 0, func() bool { return a.regexes().MatchString(target) })
	check(len(a.Stop) > 0, func() bool {
		lower := strings.ToLower(secret)
		for _, word := range a.Stop {
			if strings.Contains(lower, word) {
				return true
			}
		}
		return false
	})
	if a.All {
		return checks > 0 && passed == checks
	}
	return passed > 0
}
