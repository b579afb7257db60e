package config

import (
	"errors"
	"fmt"
	"strings"
)

// Words splits a command line into its words as a shell would, so that it can
// run without one. Quotes and backslashes work; what only a shell can do
// (pipes, variables, globs, several commands) is refused by name.
//
//	words, err := config.Words(`node "dist/my server.js" --port=80`)
func Words(line string) ([]string, error) {
	var (
		words  []string
		word   strings.Builder
		inWord bool
		quote  rune
		escape bool
	)
	for _, r := range line {
		switch {
		case escape:
			word.WriteRune(r)
			escape = false
		case r == '\\' && quote != '\'':
			escape, inWord = true, true
		case quote == 0 && (r == '"' || r == '\''):
			quote, inWord = r, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != '\'' && strings.ContainsRune("$`", r), quote == 0 && strings.ContainsRune("|&;<>()*?[#~\n", r):
			return nil, fmt.Errorf("%q needs a shell", string(r))
		case quote == 0 && (r == ' ' || r == '\t'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escape {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("the command is empty")
	}
	if name, _, ok := strings.Cut(words[0], "="); ok && name != "" && !strings.ContainsAny(name, "/.-") {
		return nil, fmt.Errorf("setting %s needs a shell", name)
	}
	return words, nil
}
