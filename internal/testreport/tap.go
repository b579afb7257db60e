package testreport

import (
	"bytes"
	"cmp"
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/pattern"
)

var (
	tapPoint = pattern.Lazy(`^( *)(not )?ok\b(?: +(\d+))?(?: +-)? ?(.*)$`)
	tapPlan  = pattern.Lazy(`^( *)1\.\.(\d+)(?: *# *(.*))?$`)
	tapNote  = pattern.Lazy(`(?i)^(|.*?\s)#(\s*)(skip(?:ped)?|todo|time)\b[^\w\s]?\s*(.*)$`)
	tapTime  = pattern.Lazy(`^[\d.]+\s*(ms|s)?`)
	tapName  = pattern.Lazy(`^( *)# Subtest:? ?(.*)$`)
	tapField = pattern.Lazy(`^( *)([A-Za-z_]+): *(.*)$`)
)

var tapLine = lineOf(`^(TAP version 1[34]|(not )?ok \d+( .*)?|1\.\.\d+( *#.*)?|Bail out!.*)$`)

func isTAP(in *intake) bool {
	return tapLine(in) || path.Ext(in.file) == ".tap" && len(bytes.TrimSpace(in.content)) > 0
}

// tap reads TAP 13 and 14. Subtests are indented by four spaces; the line of their
// parent follows them, its name stands before them in "# Subtest: name" only. Vitest
// writes the parent first, and its subtests in braces.
type tap struct {
	in    *intake
	names []string // of the open subtests, by depth
	seen  []int    // test points by depth
	bad   []bool   // a subtest at this depth failed
	last  *Case    // waits for its YAML
	plan  int      // of the file, -1 without one
	bail  bool
	open  []*Case  // groups of Vitest, "not ok 1 - name {", whose "}" is to come
	notes []string // what was printed since the last test
	told  bool     // the last test has its diagnosis
}

func readTAP(in *intake) error {
	t := &tap{in: in, plan: -1, seen: []int{0}, bad: []bool{false}}
	yaml, indent := []string(nil), -1
	last := 0
	for n, line := range lines(in.content) {
		last = n
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case indent >= 0 && strings.TrimSpace(line) == "...":
			t.detail(yaml)
			indent, yaml = -1, nil
		case indent >= 0:
			if len(yaml) < 2000 {
				yaml = append(yaml, line)
			}
		case trimmed == "---" && t.last != nil:
			indent = len(line) - len(trimmed)
		default:
			if err := t.line(line); err != nil {
				return err
			}
		}
	}
	t.detail(yaml)
	if err := t.flush(); err != nil {
		return err
	}
	switch {
	case t.bail:
		return nil
	case indent >= 0:
		return fault(last, "the file ends in the middle of a diagnosis")
	case t.plan < 0:
		return fault(last, "the plan (1..N) is missing: the tests did not come to their end")
	case t.plan != t.seen[0]:
		return fault(last, "%d tests were planned, %d are reported", t.plan, t.seen[0])
	}
	return nil
}

// line is one outside of a diagnosis.
func (t *tap) line(line string) error {
	if m := tapPoint().FindStringSubmatch(line); m != nil {
		return t.point(m)
	}
	if m := tapName().FindStringSubmatch(line); m != nil {
		depth := min(len(m[1])/4, maxDepth)
		if err := t.flush(); err != nil {
			return err
		}
		t.names = append(t.names[:min(depth, len(t.names))], m[2])
		return nil
	}
	if m := tapPlan().FindStringSubmatch(line); m != nil {
		if t.told = true; m[1] == "" {
			t.plan = number(m[2])
		}
		return nil
	}
	if why, ok := strings.CutPrefix(strings.TrimSpace(line), "Bail out!"); ok {
		t.bail = true
		if err := t.flush(); err != nil {
			return err
		}
		return t.in.add(Case{Name: "Bail out!", Status: Errored, Runs: 1, Message: strings.TrimSpace(why)})
	}
	if strings.TrimSpace(line) == "}" && len(t.open) > 0 {
		return t.close()
	}
	if c := t.last; c != nil && !t.told && c.Status == Failed && strings.HasPrefix(strings.TrimSpace(line), "#") {
		if len(c.Output) < maxText {
			c.Output = joined(c.Output, strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "#"), " "))
		}
		return nil
	}
	if len(t.notes) < 100 && !strings.HasPrefix(line, "TAP version") {
		t.notes = append(t.notes, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
	}
	return nil
}

// close ends a group of Vitest. One that failed without a failed test failed itself.
func (t *tap) close() error {
	if err := t.flush(); err != nil {
		return err
	}
	group, depth := t.open[len(t.open)-1], len(t.open)-1
	t.open = t.open[:depth]
	bad := depth+1 < len(t.bad) && t.bad[depth+1]
	t.seen, t.bad = t.seen[:min(depth+1, len(t.seen))], t.bad[:min(depth+1, len(t.bad))]
	if group.Status == Failed && !bad {
		t.last = group
	}
	return nil
}

// point is a line of a test.
func (t *tap) point(m []string) error {
	if err := t.flush(); err != nil {
		return err
	}
	depth := min(len(m[1])/4, maxDepth)
	children := depth+1 < len(t.seen) && t.seen[depth+1] > 0
	failedBelow := children && t.bad[depth+1]
	for len(t.seen) <= depth {
		t.seen, t.bad = append(t.seen, 0), append(t.bad, false)
	}
	t.seen, t.bad = t.seen[:depth+1], t.bad[:depth+1]
	t.seen[depth]++
	c := &Case{Name: m[4], Status: Passed, Runs: 1}
	if m[2] != "" {
		c.Status = Failed
	}
	c.directive()
	if c.Name == "" {
		c.Name = m[3]
	}
	t.names = t.names[:min(depth, len(t.names))]
	if c.Suite = strings.Join(t.names, " > "); strings.HasSuffix(m[4], " {") {
		t.open, t.names = append(t.open[:min(depth, len(t.open))], c), append(t.names, c.Name)
		return nil
	}
	if c.Status == Failed {
		for i := range t.bad {
			t.bad[i] = true
		}
		if depth == 0 { // node:test prints what a file printed before its tests
			c.Output = strings.Join(t.notes, "\n")
		}
	}
	t.notes, t.told = nil, false
	if children && (c.Status != Failed || failedBelow) {
		t.last = &Case{} // the YAML of a container is of no interest
		return nil
	}
	t.last = c
	return nil
}

// directive reads "# SKIP reason" and "# TODO reason".
func (c *Case) directive() {
	c.Name = strings.TrimSuffix(c.Name, " {")
	m := tapNote().FindStringSubmatch(c.Name)
	if m != nil && m[1] != "" && m[2] == "" && (m[4] != "" || c.Status == Failed) {
		m = nil // a word of the name, such as #skip
	}
	if m != nil {
		switch strings.ToLower(m[3]) {
		case "time":
			if d := tapTime().FindStringSubmatch(m[4]); d != nil {
				unit := map[bool]time.Duration{true: time.Second, false: time.Millisecond}[d[1] == "s"]
				c.Duration = duration(decimal(strings.TrimRight(d[0], " ms")), unit)
			}
		case "todo":
			c.Status, c.Runs, c.Message = Skipped, 0, strings.TrimSpace("TODO "+m[4])
		default:
			c.Status, c.Runs, c.Message = Skipped, 0, m[4]
		}
		c.Name = m[1]
	}
	c.Name = strings.NewReplacer(`\#`, "#", `\\`, `\`).Replace(strings.TrimSpace(c.Name))
}

func (t *tap) flush() error {
	c := t.last
	t.last = nil
	if c == nil || c.Name == "" {
		return nil
	}
	if c.Message == "" && c.Status == Failed {
		c.Message = firstLine(c.Output)
	}
	if script().MatchString(c.Name) { // a file of tests
		c.File = c.Name
		if c.Status == Failed {
			c.Status = Errored
		}
	}
	return t.in.add(*c)
}

// detail reads the fields of a diagnosis that node:test and node-tap write.
func (t *tap) detail(yaml []string) {
	if t.last == nil || t.last.Name == "" {
		return
	}
	t.told = true
	fields := tapFields(yaml)
	c := t.last
	c.Duration = max(c.Duration, duration(decimal(fields["duration_ms"]), time.Millisecond))
	if c.Status != Failed {
		return
	}
	c.Message = cmp.Or(fields["error"], fields["message"], fields["details"])
	if code := fields["failureType"]; code != "" && code != "testCodeFailure" && code != "subtestsFailed" {
		c.Status = Errored
	}
	c.Output = joined(c.Output, c.Message, fields["stack"])
	for _, field := range []string{"location", "at"} {
		if m := jsFrame().FindStringSubmatch(" " + fields[field]); m != nil && !foreign(m[1]) {
			c.File, c.Line = m[1], number(m[2])
		}
	}
	c.locate(fields["stack"])
}

// tapFields are the fields of the first level, scalars and blocks, and the message
// in the error of Vitest.
func tapFields(yaml []string) map[string]string {
	out := map[string]string{}
	if first := strings.TrimSpace(strings.Join(yaml, "\n")); strings.HasPrefix(first, "{") {
		return tapJSON(first)
	}
	key, indent := "", -1
	for _, line := range yaml {
		m := tapField().FindStringSubmatch(line)
		if m != nil && indent < 0 {
			indent = len(m[1])
		}
		if m != nil && (len(m[1]) == indent || key == "error" && out[key] == "" && m[2] == "message") {
			if len(m[1]) == indent {
				key = m[2]
			}
			out[m[2]] = tapScalar(strings.TrimSpace(m[3]))
			continue
		}
		if key == "error" && m != nil && (m[2] == "name" || m[2] == "stack") {
			continue
		}
		if key != "" && len(out[key]) < 4*maxText {
			out[key] = joined(out[key], strings.TrimPrefix(line, strings.Repeat(" ", indent+2)))
		}
	}
	return out
}

// tapJSON is a diagnosis of Deno.
func tapJSON(text string) map[string]string {
	var d struct {
		Message string
		At      struct {
			File string
			Line int
		}
	}
	if json.Unmarshal([]byte(text), &d) != nil {
		return nil
	}
	return map[string]string{"message": firstLine(d.Message), "stack": d.Message, "at": d.At.File + ":" + strconv.Itoa(d.At.Line)}
}

// tapScalar is a value on one line; one that begins a block is empty.
func tapScalar(value string) string {
	switch {
	case value == "|-" || value == "|" || value == ">-" || value == ">" || value == "~":
		return ""
	case len(value) > 1 && value[0] == '\'' && value[len(value)-1] == '\'':
		return strings.ReplaceAll(value[1:len(value)-1], "''", "'")
	case len(value) > 1 && value[0] == '"':
		if plain, err := strconv.Unquote(value); err == nil {
			return plain
		}
		return strings.Trim(value, `"`)
	}
	return value
}
