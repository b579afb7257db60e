package detect

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// FleetFile is the slipway.yaml of services that were found: what the sources
// say of type, port and health as keys, everything else as comments, each with
// its evidence. Programs that are no services, as findings of the search say, are
// comments at the end.
func FleetFile(name string, found []Found, search diag.Findings) []byte {
	var b bytes.Buffer
	b.WriteString("# Written by `slipway init`; yours to edit. Slipway detects missing keys at\n" +
		"# every build; keys in this file override them. Comments name each value's source.\n")
	fmt.Fprintf(&b, "version: 1\nfleet: %s\nservices:\n", name)
	listen := listeners(found)
	for _, f := range found {
		b.Write(entry(f, "  ", listen))
	}
	if absent := Unlisted(nil, nil, search); len(absent) > 0 {
		b.WriteString("# Not services:\n")
		for _, f := range absent {
			fmt.Fprintf(&b, "#   %s (%s): %s\n", comment(f.Text), comment(f.Place.String()), comment(f.Hint))
		}
	}
	return b.Bytes()
}

// Unlisted returns those findings of a search that are about programs which
// Slipway does not plan and of which slipway.yaml says nothing: no service lies in
// their directory, and no comment names the file that is their sign.
func Unlisted(file []byte, fleet *config.Fleet, search diag.Findings) diag.Findings {
	var out diag.Findings
	for _, f := range search.Sorted() {
		dir := path.Dir(f.Place.File)
		listed := fleet != nil && slices.ContainsFunc(fleet.Services, func(s config.Service) bool {
			return s.Path == dir || dir != "." && strings.HasPrefix(s.Path, dir+"/")
		})
		if f.Code == codeUnsupported && !listed && !bytes.Contains(file, []byte(comment(f.Place.File))) {
			out = append(out, f)
		}
	}
	return out
}

// listeners counts the services that listen on each port. slipway.yaml names a
// port once: where services share one, as those that never met do, it is left to
// detection.
func listeners(found []Found) map[int]int {
	count := map[int]int{}
	for _, f := range found {
		count[f.Service.Port]++
	}
	return count
}

// entry is one service of slipway.yaml, indented by indent.
func entry(f Found, indent string, listen map[int]int) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, "%s%s"+format+"\n", append([]any{indent, indent}, args...)...)
	}
	fmt.Fprintf(&b, "%s%s:\n", indent, f.Service.Name)
	line("path: %s", scalar(f.Service.Path))
	if f.Program {
		line("command: %s", flow(f.Service.Command))
	}
	if f.Service.Planned {
		line("dockerfile: false")
	}
	for _, fact := range f.Facts {
		key, why := written(f, fact, listen), comment(because(fact))
		if key == "" {
			line("# %s: %s: %s", fact.Name, comment(fact.Value), why)
			continue
		}
		line("%-28s # %s", key, why)
	}
	for _, use := range f.Reads {
		line("# reads %s: no default (%s)", comment(use.Name), comment(diag.Place{File: use.File, Line: use.Line}.String()))
	}
	for _, use := range f.Connects {
		line("# connects to %s (%s)", comment(use.Name), comment(diag.Place{File: use.File, Line: use.Line}.String()))
	}
	if needs := companion.Suggest(plan.UseNames(f.Connects), plan.UseNames(f.Reads)); needs != "" {
		line("# needs: %s  starts such servers beside it in slipway run and in tests", needs)
	}
	if f.Dockerfile != "" && f.Service.Ecosystem != "" {
		line("# dockerfile: false plans it from its sources, with the Dockerfile as evidence")
	}
	for _, p := range f.Findings {
		if p.Severity == diag.Error {
			line("# %s: %s (%s)", p.Severity, comment(p.Text), comment(p.Hint))
		}
	}
	return b.Bytes()
}

// written is the key and value for a fact that slipway.yaml can say and that a
// file speaks for; defaults are left to detection.
func written(f Found, fact plan.Fact, listen map[int]int) string {
	if fact.File == "" {
		return ""
	}
	s := f.Service
	switch {
	case fact.Name == "files":
		return taken(s.Files, fact.Value)
	case fact.Name == "type" && s.Type != "":
		return "type: " + s.Type
	case fact.Name == "port" && s.Port > 0 && listen[s.Port] == 1:
		return "port: " + strconv.Itoa(s.Port)
	case fact.Name == "health" && (s.Health.HTTP != "" || s.Health.GRPC != nil):
		return "health: " + s.Health.YAML()
	}
	return ""
}

// taken is the key for files of another service; it is written once, with the first
// of several.
func taken(files []config.File, first string) string {
	if len(files) == 0 || files[0].To != first {
		return ""
	}
	var entries []string
	for _, f := range files {
		entries = append(entries, "{from: "+scalar(f.From)+", to: "+scalar(f.To)+"}")
	}
	return "files: [" + strings.Join(entries, ", ") + "]"
}

// because is a fact's evidence with its place.
func because(f plan.Fact) string {
	place := diag.Place{File: f.File, Line: f.Line}.String()
	if place == "" {
		return f.Evidence
	}
	return f.Evidence + " (" + place + ")"
}

// comment makes one line of text from a repository: nothing in it ends a
// comment.
func comment(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if r := []rune(text); len(r) > 160 {
		text = string(r[:160]) + "…"
	}
	return strings.Join(strings.Fields(text), " ")
}

var plainScalar = pattern.Lazy(`^[A-Za-z./][A-Za-z0-9./_-]*$`)

// scalar quotes a YAML value where it has to be.
func scalar(text string) string {
	if plainScalar().MatchString(text) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(text)) {
		return text
	}
	return strconv.Quote(text)
}

// flow is a list of words on one line.
func flow(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Extension is a proposal to add services to a slipway.yaml; no line of the file
// is changed.
type Extension struct {
	Lines []string // to insert
	After int      // number of the line before them, from 1; at least 1
}

// Extend proposes entries for services that a slipway.yaml does not have. The
// file must be one that config.Parse accepts.
func Extend(file []byte, added []Found) Extension {
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	start := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "services:") })
	if start < 0 {
		start = len(lines) - 1
	}
	after, indent := start, ""
	for i, l := range lines[start+1:] {
		text := strings.TrimSpace(l)
		if text == "" || strings.HasPrefix(text, "#") && !strings.HasPrefix(l, " ") {
			continue
		}
		if !strings.HasPrefix(l, " ") {
			break // the next key
		}
		after = start + 1 + i
		if indent == "" && !strings.HasPrefix(text, "#") {
			indent = l[:len(l)-len(strings.TrimLeft(l, " "))]
		}
	}
	e := Extension{After: after + 1}
	listen := listeners(added)
	if fleet, _ := config.Parse(config.FileName, file); fleet != nil {
		for _, s := range fleet.Services {
			listen[s.Port]++
		}
	}
	for _, f := range added {
		e.Lines = append(e.Lines, strings.Split(strings.TrimSuffix(string(entry(f, or(indent, "  "), listen)), "\n"), "\n")...)
	}
	return e
}

// Apply returns the file with the lines in it.
func (e Extension) Apply(file []byte) []byte {
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	return []byte(strings.Join(slices.Insert(lines, min(e.After, len(lines)), e.Lines...), "\n") + "\n")
}

// Diff is the proposal in the unified format, with up to three lines of context.
func (e Extension) Diff(name string, file []byte) string {
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	at := min(e.After, len(lines))
	from, to := max(0, at-3), min(len(lines), at+3)
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n@@ -%d,%d +%d,%d @@\n", name, name, from+1, to-from, from+1, to-from+len(e.Lines))
	for i, group := range [][]string{lines[from:at], e.Lines, lines[at:to]} {
		mark := " "
		if i == 1 {
			mark = "+"
		}
		for _, l := range group {
			b.WriteString(mark + l + "\n")
		}
	}
	return b.String()
}
