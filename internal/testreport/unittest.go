package testreport

import (
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

var (
	pyTest    = pattern.Lazy(`(\S+) \(([\w.<>]+)\)(?: \([^)]*\)| \[[^\]]*\])* \.\.\. ?`)
	pyTitle   = pattern.Lazy(`^(\S+) \(([\w.<>]+)\)$`) // its description follows on the next line
	pyResult  = pattern.Lazy(`(?:^|\.\.\. ?)(ok|FAIL|ERROR|expected failure|unexpected success|skipped ('.*'|".*"))$`)
	pyBlock   = pattern.Lazy(`^(FAIL|ERROR|UNEXPECTED SUCCESS): (\S+) \(([\w.<>]+)\)`)
	pyRan     = pattern.Lazy(`^Ran (\d+) tests? in [\d.]+s$`)
	pyMessage = pattern.Lazy(`^[A-Za-z_][\w.]*(: .*)?$`)
)

// unittest reads what `python -m unittest -v` prints, which has no format of data. A
// test is one case, with all of its subtests.
type unittest struct {
	in    *intake
	order []*Case
	cases map[caseKey]*Case
	open  *Case    // whose result is to come
	block *Case    // of a failure
	text  []string // of the block
	ran   int      // -1 until the last line
}

func readUnittest(in *intake) error {
	u := &unittest{in: in, cases: map[caseKey]*Case{}, ran: -1}
	verbose, blocks, last := false, false, 0
	for n, line := range lines(in.content) {
		last = n
		if strings.HasPrefix(line, strings.Repeat("=", 70)) {
			blocks = true
			u.endBlock()
			continue
		}
		if m := pyRan().FindStringSubmatch(line); m != nil {
			u.endBlock()
			u.ran = number(m[1])
			continue
		}
		if !blocks {
			u.progress(line)
			verbose = len(u.order) > 0
		} else {
			u.failure(line)
		}
	}
	u.endBlock()
	for _, c := range u.order {
		if c.Status == "" {
			c.Status, c.Message = Errored, "the test did not come to its end"
		}
		if err := in.add(*c); err != nil {
			return err
		}
	}
	if u.ran < 0 {
		return fault(last, "the line \"Ran N tests\" is missing: the tests did not come to their end")
	}
	if u.ran > 0 && !verbose {
		return fault(last, "%s ran, and the names of those that passed are missing: run unittest with -v", count(u.ran, "test"))
	}
	return nil
}

// progress is a line of the tests as they run. Before Python 3.11 a test with failed
// subtests has no result, and the next one follows on its line.
func (u *unittest) progress(line string) {
	subtest := strings.HasPrefix(line, "  ")
	for _, m := range pyTest().FindAllStringSubmatch(line, -1) {
		if !subtest {
			u.open = u.at(m[1], m[2])
		}
	}
	if m := pyTitle().FindStringSubmatch(line); m != nil {
		u.open = u.at(m[1], m[2])
	}
	m := pyResult().FindStringSubmatch(line)
	if m == nil || u.open == nil || u.open.Status != "" {
		return
	}
	switch {
	case m[1] == "ok":
		u.open.Status = Passed
	case m[1] == "FAIL" || m[1] == "unexpected success":
		u.open.Status, u.open.Message = Failed, m[1]
	case m[1] == "ERROR":
		u.open.Status, u.open.Message = Errored, m[1]
	case m[1] == "expected failure":
		u.open.Status, u.open.Message = Skipped, m[1]
	default:
		u.open.Status, u.open.Message = Skipped, m[2][1:len(m[2])-1]
	}
}

// at is the case of a test; "test_a (module.Class)" before Python 3.11 and
// "test_a (module.Class.test_a)" since.
func (u *unittest) at(name, class string) *Case {
	key := caseKey{strings.TrimSuffix(class, "."+name), name}
	c := u.cases[key]
	if c == nil {
		c = &Case{Suite: key.suite, Name: name}
		u.cases[key] = c
		u.order = append(u.order, c)
	}
	return c
}

// failure is a line of the list of failures.
func (u *unittest) failure(line string) {
	m := pyBlock().FindStringSubmatch(line)
	if m == nil {
		if len(u.text) < 2000 {
			u.text = append(u.text, line)
		}
		return
	}
	u.endBlock()
	u.block = u.at(m[2], m[3])
	if u.block.Status != Errored {
		u.block.Status = map[bool]Status{true: Errored, false: Failed}[m[1] == "ERROR"]
	}
}

func (u *unittest) endBlock() {
	c := u.block
	var text []string
	rule := strings.Repeat("-", 70)
	message := ""
	for _, line := range u.text {
		if strings.HasPrefix(line, rule) {
			continue
		}
		text = append(text, line)
		if pyMessage().MatchString(line) {
			message = line
		}
	}
	u.block, u.text = nil, nil
	if c == nil {
		return
	}
	body := strings.Join(text, "\n")
	if c.Output == "" && message != "" { // the first of several subtests
		c.Message = message
		c.locate(body)
	}
	if len(c.Output) < 4*maxText {
		c.Output = joined(c.Output, body)
	}
}
