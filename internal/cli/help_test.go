package cli

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/internal/config"
)

// commands lists every command that people see.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, child := range c.Commands() {
		if !child.Hidden {
			all = append(all, commands(child)...)
		}
	}
	return all
}

func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range commands((&app{}).root()) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its short text is %q", c.CommandPath(), c.Short)
		}
		own := 0
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no text", c.CommandPath(), f.Name)
			}
			if f.Name != "help" && f.Name != "json" {
				own++
			}
		})
		if c.Runnable() && own > 0 && c.Long == "" && c.Example == "" {
			t.Errorf("%s has %d flags and neither a long text nor an example", c.CommandPath(), own)
		}
	}
}

// A text that tells people to run a command must name one that there is.
func TestExamplesNameCommandsThatThereAre(t *testing.T) {
	root := (&app{}).root()
	line := regexp.MustCompile(`(?m)^\s+slipway ([a-z]+)([^&\n]*)`)
	for _, c := range commands(root) {
		for _, m := range line.FindAllStringSubmatch(c.Example, -1) {
			found, _, err := root.Find([]string{m[1]})
			if err != nil || found == root {
				t.Errorf("%s: the example %q names no command", c.CommandPath(), strings.TrimSpace(m[0]))
				continue
			}
			for _, word := range strings.Fields(m[2]) {
				name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
				if strings.HasPrefix(word, "--") && c.Flags().Lookup(name) == nil && c.Name() == m[1] {
					t.Errorf("%s: the example %q has no such flag %s", c.CommandPath(), strings.TrimSpace(m[0]), word)
				}
			}
		}
	}
}

// TestHelpIsPlain: sentences of at most 25 words, and none of the words that the
// house does not use for people.
func TestHelpIsPlain(t *testing.T) {
	odd := regexp.MustCompile(`(?i)\b(mends?|told|stands|knows of|has to|have to|tells whether|in order to|has no use)\b`)
	sentence := regexp.MustCompile(`[.:;]\s|\n\n`)
	for _, c := range commands((&app{}).root()) {
		texts := []string{c.Short, c.Long}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { texts = append(texts, f.Usage) })
		for _, text := range texts {
			if found := odd.FindString(text); found != "" {
				t.Errorf("%s says %q: %s", c.CommandPath(), found, text)
			}
			for _, s := range sentence.Split(text, -1) {
				if n := len(strings.Fields(s)); n > 25 {
					t.Errorf("%s has a sentence of %d words: %s", c.CommandPath(), n, s)
				}
			}
		}
	}
}

// TestNoEnvironmentHasTheNameOfACommand: slipway deploy NAME VERSION could not reach it.
func TestNoEnvironmentHasTheNameOfACommand(t *testing.T) {
	deploy, _, err := (&app{}).root().Find([]string{"deploy"})
	if err != nil {
		t.Fatal(err)
	}
	var verbs []string
	for _, c := range deploy.Commands() {
		verbs = append(verbs, c.Name())
	}
	if slices.Sort(verbs); !slices.Equal(verbs, config.Verbs()) {
		t.Errorf("the commands are %q, and environments cannot have the names %q", verbs, config.Verbs())
	}
}
