// Package dockerfile turns plans into Dockerfile text that a person can read,
// keep and build with any other tool, and reads such text as far as Slipway has
// to know it: the names of its stages. It never runs anything, and writes no
// "# syntax=" line, so that no other front end is fetched.
//
//	text := dockerfile.Render(service)
package dockerfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/terminal"
)

// Mark follows the name in the first line of every file that Slipway generates.
const Mark = ", planned by Slipway."

// Render writes the Dockerfile of a service. Equal plans give equal bytes.
func Render(s plan.Service) []byte {
	w := &writer{}
	w.header(s)
	for _, stage := range s.Stages {
		w.stage(stage)
	}
	return []byte(w.String())
}

// writer collects the text.
type writer struct {
	strings.Builder
	args []string // "$NAME" of the stage's arguments so far
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// oneLine is text of a repository in an instruction or a comment: a line end in it
// would begin another instruction.
func oneLine(text string) string {
	return strings.ReplaceAll(string(terminal.Spaced([]byte(text))), "\n", " ")
}

// comment writes text as comment lines; what belongs to an item of a list is
// indented below it.
func (w *writer) comment(text string) {
	for _, paragraph := range strings.Split(text, "\n") {
		indent := "# "
		if strings.HasPrefix(paragraph, "- ") {
			indent = "#   "
		}
		w.wrap("# ", indent, paragraph)
	}
}

// wrap writes words as lines of at most 100 characters that begin with first, the
// others with next.
func (w *writer) wrap(first, next, text string) {
	line := first
	for _, word := range strings.Fields(oneLine(text)) {
		word = clipped(word)
		if line != first && line != next && len(line)+len(word) > 100 {
			w.line("%s", strings.TrimRight(line, " "))
			line = next
		}
		line += word + " "
	}
	if line != first {
		w.line("%s", strings.TrimRight(line, " "))
	}
}

// MaxLine is the most bytes of one word of a plan: BuildKit refuses lines of more than
// 65,535 bytes (parser.go, as of v0.33). Longer lists get a line for each word.
const MaxLine = 60_000

// maxShown is how much of a word a comment has, in characters.
const maxShown = 1000

func clipped(word string) string {
	if runes := []rune(word); len(runes) > maxShown {
		return string(runes[:maxShown]) + "…"
	}
	return word
}

// factWidth is the column of values in the header; "package manager:" and
// "system packages:" fit before it.
const factWidth = 17

// header names the service and what was found about it.
func (w *writer) header(s plan.Service) {
	w.line("# %s"+Mark+" Build it with `slipway build` or any other Dockerfile builder.", clipped(oneLine(s.Name)))
	if len(s.Facts) > 0 {
		w.line("#")
	}
	for _, f := range s.Facts {
		from := f.Evidence
		if f.File != "" {
			from += fmt.Sprintf(" (%s)", place(f))
		}
		w.wrap(fmt.Sprintf("# %-*s", factWidth, f.Name+": "), fmt.Sprintf("# %*s", factWidth, ""), f.Value+"; "+from)
	}
}

func place(f plan.Fact) string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return f.File
}

func (w *writer) stage(s plan.Stage) {
	w.line("")
	w.args = nil
	if s.Comment != "" {
		w.comment(s.Comment)
	}
	platform := ""
	if s.BuildPlatform {
		platform = "--platform=$BUILDPLATFORM "
	}
	name := ""
	if s.Name != "" {
		name = " AS " + s.Name
	}
	w.line("FROM %s%s%s", platform, s.From, name)
	for _, step := range s.Steps {
		if step.Comment != "" {
			w.comment(step.Comment)
		}
		w.step(step)
	}
}

func (w *writer) step(s plan.Step) {
	switch s.Op {
	case plan.OpRun:
		w.run(s)
	case plan.OpCopy:
		w.copy(s)
	case plan.OpEnv, plan.OpLabel:
		w.pairs(s)
	case plan.OpHealthcheck:
		w.health(s)
	case plan.OpArg:
		name, value, ok := strings.Cut(s.Args[0], "=")
		w.args = append(w.args, "$"+name)
		if ok {
			name += "=" + quote(literal(value))
		}
		w.line("ARG %s", name)
	case plan.OpEntrypoint, plan.OpCmd:
		w.line("%s %s", s.Op, exec(s.Args))
	default:
		w.line("%s %s", s.Op, oneLine(strings.Join(s.Args, " ")))
	}
}

// run writes flags, then one command a line.
func (w *writer) run(s plan.Step) {
	const indent = " \\\n    "
	var flags []string
	for _, m := range s.Mounts {
		flags = append(flags, mount(m))
	}
	if s.Network != "" {
		flags = append(flags, "--network="+s.Network)
	}
	body := exec(s.Args)
	if s.Shell != "" {
		body = strings.ReplaceAll(strings.ReplaceAll(s.Shell, "\n", indent+"   "), " && ", indent+"&& ")
	}
	text := strings.Join(append(flags, body), indent)
	if len(flags) == 1 && len(flags[0])+len(body) < 80 {
		text = flags[0] + " " + body
	}
	w.line("RUN %s", text)
}

func mount(m plan.Mount) string {
	out := "--mount=type=" + m.Type
	for _, kv := range [][2]string{{"id", m.ID}, {"source", m.Source}, {"from", m.From}, {"target", m.Target}, {"sharing", m.Sharing}} {
		if kv[1] != "" {
			out += "," + kv[0] + "=" + kv[1]
		}
	}
	if m.Required {
		out += ",required=true"
	}
	return out
}

func (w *writer) copy(s plan.Step) {
	words := []string{string(s.Op)}
	if s.Link {
		words = append(words, "--link")
	}
	for _, kv := range [][2]string{{"from", s.From}, {"chown", s.Chown}, {"chmod", s.Chmod}} {
		if kv[1] != "" {
			words = append(words, "--"+kv[0]+"="+kv[1])
		}
	}
	if s.Content != "" {
		text := strings.TrimSuffix(s.Content, "\n")
		end := "EOF"
		for slices.Contains(strings.Split(text, "\n"), end) { // else the rest of the text would be instructions
			end += "_"
		}
		w.line("%s <<'%s' %s\n%s\n%s", strings.Join(words, " "), end, strings.Join(s.Args, " "), text, end)
		return
	}
	args := slices.Clone(s.Args)
	for i := range args[:len(args)-1] {
		args[i] = source(args[i], s.Pattern)
	}
	args[len(args)-1] = word(args[len(args)-1])
	if slices.ContainsFunc(args, needsList) || len(strings.Join(args, " ")) > MaxLine {
		w.line("%s %s", strings.Join(words, " "), exec(args))
		return
	}
	w.line("%s", strings.Join(append(words, args...), " "))
}

// pairs writes key=value words, one a line when there are several.
func (w *writer) pairs(s plan.Step) {
	out := make([]string, 0, len(s.Args))
	for _, pair := range s.Args {
		k, v, _ := strings.Cut(pair, "=")
		if !slices.Contains(w.args, v) {
			v = literal(v)
		}
		out = append(out, k+"="+quote(v))
	}
	w.line("%s %s", s.Op, strings.Join(out, " \\\n    "))
}

// quote wraps a value in double quotes where it needs them.
func quote(v string) string {
	v = oneLine(v)
	plain := v != "" && strings.IndexFunc(v, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@,+$", r))
	}) < 0
	if plain {
		return v
	}
	return `"` + strings.NewReplacer(`\$`, `\$`, `\`, `\\`, `"`, `\"`).Replace(v) + `"`
}

// literal escapes a value so that builders expand nothing in it.
func literal(v string) string { return strings.ReplaceAll(v, "$", `\$`) }

func (w *writer) health(s plan.Step) {
	flags := ""
	for _, t := range []struct {
		name string
		d    time.Duration
	}{{"interval", s.Health.Interval}, {"timeout", s.Health.Timeout}, {"start-period", s.Health.StartPeriod}} {
		if t.d > 0 {
			flags += fmt.Sprintf(" --%s=%s", t.name, t.d)
		}
	}
	if s.Health.Retries > 0 {
		flags += fmt.Sprintf(" --retries=%d", s.Health.Retries)
	}
	w.line("HEALTHCHECK%s \\\n    CMD %s", flags, exec(s.Args))
}

// exec writes argv as the JSON list of an exec form.
func exec(argv []string) string {
	words := make([]string, 0, len(argv))
	for _, a := range argv {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(a); err != nil {
			panic(err) // a string always encodes
		}
		words = append(words, string(terminal.JSON([]byte(strings.TrimSuffix(b.String(), "\n")))))
	}
	if list := "[" + strings.Join(words, ", ") + "]"; len(list) <= MaxLine {
		return list
	}
	return "[" + strings.Join(words, ", \\\n    ") + "]"
}
