package fleet

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/generated"
	"github.com/slipway-build/slipway/internal/repository"
)

// Choices are what a person may settle of findings: each service's first choice. They
// are nil when there are errors of another kind, which no choice helps.
func Choices(findings diag.Findings) []*diag.Choice {
	var out []*diag.Choice
	for _, f := range findings.Of(diag.Error) {
		if f.Choice == nil || len(f.Choice.Lines) == 0 {
			return nil
		}
		if !slices.ContainsFunc(out, func(c *diag.Choice) bool { return c.Service == f.Choice.Service }) {
			out = append(out, f.Choice)
		}
	}
	return out
}

// Ask shows the lines of a choice and returns the one that a person picks, "" for
// none: one question, and no answer is an answer.
func Ask(in io.Reader, out io.Writer, c *diag.Choice) string {
	for i, line := range c.Lines {
		fmt.Fprintf(out, "  %d  %s\n", i+1, diag.Printable(line))
	}
	fmt.Fprintf(out, "Write which line for %s into %s? [1-%d, Enter for none] ", diag.Printable(c.Service), config.FileName, len(c.Lines))
	answer, _ := bufio.NewReader(in).ReadString('\n') // the end of the input is no answer
	n, err := strconv.Atoi(strings.TrimSpace(answer))
	if err != nil || n < 1 || n > len(c.Lines) {
		return ""
	}
	return c.Lines[n-1]
}

// Settle writes a line for a service into the slipway.yaml of a directory, in place of
// one of the same key.
func Settle(root, service, line string) error {
	file := filepath.Join(root, config.FileName)
	text, err := repository.ReadFile(root, config.FileName)
	if err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	settled, ok := settled(string(text), service, line)
	if _, findings := config.Parse(config.FileName, []byte(settled)); !ok || findings.Errors() != nil {
		return diag.Fail(diag.ExitUsage, "cannot add a line to %s in its present form", config.FileName).
			WithHint("write for %s: %s", service, line)
	}
	return generated.Replace(file, file, []byte(settled))
}

// settled is the text with the line: the service stands on lines of its own, or in
// braces on one line.
func settled(text, service, line string) (string, bool) {
	key, _, _ := strings.Cut(line, ":")
	name := `(?m)^([ \t]+)["']?` + regexp.QuoteMeta(service) + `["']?:[ \t]*`
	if at := regexp.MustCompile(name + `\{(.*)\}[ \t]*(?:#.*)?$`).FindStringSubmatchIndex(text); at != nil {
		inner := text[at[4]:at[5]]
		if value := regexp.MustCompile(`(^|[,\s])` + regexp.QuoteMeta(key) + `:\s*[^,\[\]{}]*`).FindStringSubmatchIndex(inner); value != nil {
			inner = inner[:value[3]] + line + inner[value[1]:]
		} else {
			inner = strings.TrimPrefix(inner+", "+line, ", ")
		}
		return text[:at[4]] + inner + text[at[5]:], true
	}
	at := regexp.MustCompile(name + `(?:#.*)?$\n?`).FindStringSubmatchIndex(text)
	if at == nil {
		return text, false
	}
	outer := text[at[2]:at[3]]
	indent, rest, before := outer+"  ", text[at[1]:], text[:at[1]]
	if !strings.HasSuffix(before, "\n") {
		before += "\n"
	}
	lines := strings.SplitAfter(rest, "\n")
	for i, l := range lines {
		bare := strings.TrimLeft(l, " \t")
		if strings.TrimSpace(l) == "" || strings.HasPrefix(bare, "#") {
			continue
		}
		own := l[:len(l)-len(bare)]
		if len(own) <= len(outer) {
			break
		}
		if indent == outer+"  " || len(own) < len(indent) {
			indent = own
		}
		if own == indent && strings.HasPrefix(bare, key+":") {
			lines[i] = indent + line + "\n"
			return before + strings.Join(lines, ""), true
		}
	}
	return before + indent + line + "\n" + rest, true
}
