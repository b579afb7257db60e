package testreport

import (
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

var (
	rustBinary = pattern.Lazy(`^\s*(?:Running (?:unittests )?(\S+) \(|Doc-tests (\S+))`)
	rustCount  = pattern.Lazy(`^running (\d+) tests?$`)
	rustTest   = pattern.Lazy(`^test (.+?)(?: - should panic| - compile fail| - compile)? \.\.\. (ok|FAILED|ignored)(?:, (.*))?(?: <([\d.]+)s>)?$`)
	rustBlock  = pattern.Lazy(`^---- (.+) (?:stdout|stderr) ----$`)
	rustEnd    = pattern.Lazy(`^test result: (ok|FAILED)\.`)
	rustDoc    = pattern.Lazy(`^(\S+\.rs) - .*\(line (\d+)\)$`)
)

// libtest reads what `cargo test` prints. Its JSON is not stable (rust-lang/rust
// issue 49359), so this is what there is without cargo-nextest.
type libtest struct {
	in      *intake
	suite   string
	cases   []*Case // of the open binary
	open    bool
	planned int
	began   int // line of the binary's begin
	block   *Case
}

func readLibtest(in *intake) error {
	l := &libtest{in: in}
	for n, line := range lines(in.content) {
		if m := rustBinary().FindStringSubmatch(line); m != nil {
			if err := l.finish(); err != nil {
				return err
			}
			l.suite = m[1]
			if m[2] != "" {
				l.suite = "doc-tests " + m[2]
			}
			continue
		}
		if m := rustCount().FindStringSubmatch(line); m != nil {
			if err := l.finish(); err != nil {
				return err
			}
			l.open, l.planned, l.began = true, number(m[1]), n
			continue
		}
		l.line(line)
		if rustEnd().MatchString(line) {
			l.open = false
			if err := l.finish(); err != nil {
				return err
			}
		}
	}
	return l.finish()
}

// line is one of an open binary.
func (l *libtest) line(line string) {
	if m := rustBlock().FindStringSubmatch(line); m != nil {
		l.block = nil
		for _, c := range l.cases {
			if c.Name == strings.TrimSuffix(m[1], " - should panic") {
				l.block = c
			}
		}
		return
	}
	if line == "failures:" || line == "successes:" {
		l.block = nil
		return
	}
	if l.block != nil {
		if len(l.block.Output) < 4*maxText {
			l.block.Output += line + "\n"
		}
		return
	}
	m := rustTest().FindStringSubmatch(line)
	if m == nil || !l.open {
		return
	}
	c := &Case{Suite: l.suite, Name: m[1], Runs: 1, Duration: seconds(m[4]), Status: Passed}
	switch m[2] {
	case "FAILED":
		c.Status = Failed
	case "ignored":
		c.Status, c.Runs, c.Message = Skipped, 0, m[3]
	}
	if d := rustDoc().FindStringSubmatch(c.Name); d != nil {
		c.File, c.Line = d[1], number(d[2])
	}
	l.cases = append(l.cases, c)
}

// finish keeps the cases of a binary. One without its result line was ended, by a
// signal or by the process's own exit.
func (l *libtest) finish() error {
	for _, c := range l.cases {
		if c.Status == Failed {
			if c.File == "" { // a doc-test's panic names a line of the program around it
				c.locate(c.Output)
			}
			c.Message = rustMessage(c.Output)
		}
		if err := l.in.add(*c); err != nil {
			return err
		}
	}
	if l.open {
		l.open = false
		if err := l.in.add(Case{
			Suite: l.suite, Name: "(binary)", Status: Errored, Runs: 1,
			Message: "the test binary did not come to its end: " + count(len(l.cases), "result") + " of " + count(l.planned, "test"),
		}); err != nil {
			return err
		}
		l.in.problem(l.began, "the test binary did not come to its end")
	}
	l.cases, l.block = nil, nil
	return nil
}

// rustMessage is that of a panic: below the line that names the place since Rust 1.73.
func rustMessage(output string) string {
	_, after, _ := strings.Cut(output, "panicked at ")
	at, rest, _ := strings.Cut(after, "\n")
	if strings.HasPrefix(at, "'") {
		return at
	}
	var message []string
	for line := range strings.SplitSeq(rest, "\n") {
		if strings.HasPrefix(line, "note: ") || strings.HasPrefix(line, "stack backtrace:") || strings.TrimSpace(line) == "" {
			break
		}
		message = append(message, line)
	}
	if len(message) == 0 {
		return firstLine(output)
	}
	return strings.Join(message, "\n")
}
