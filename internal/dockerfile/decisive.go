package dockerfile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// maxCompared bounds what is compared each with each: destinations of a stage, and the
// square root of instructions. Of more it is not asked.
const maxCompared = 64

// decide finds what of the Dockerfile itself decides the image.
func (r *reader) decide(targets []int) {
	final := make([]bool, len(r.stages)) // stages whose configuration and history the image has
	r.found.Scratch = true
	for _, i := range targets {
		r.finals(i, final)
		_, scratch := r.below(i)
		r.found.Scratch = r.found.Scratch && scratch
	}
	r.found.Times = r.found.Steps || r.overlaps()
	r.found.OneTree = r.found.OneTree || r.found.Steps
	parts := r.parts(final)
	if r.linted() || len(parts) > maxCompared*maxCompared {
		parts = append(parts, part{text: string(r.text)}) // all of it
	} else {
		all := slices.Clone(parts)
		parts = slices.DeleteFunc(parts, func(p part) bool { return p.droppable != "" && !mentioned(all, p.droppable) })
	}
	r.found.Text = digestOf(parts, r.escape)
	r.found.Args = r.declared(parts)
}

// finals marks a stage and those that it may start from.
func (r *reader) finals(stage int, final []bool) {
	if final[stage] {
		return
	}
	final[stage] = true
	for _, i := range r.named(r.bases[stage], stage) {
		r.finals(i, final)
	}
}

// below lists a stage and those that it starts from, and tells whether the last of them
// starts from nothing.
func (r *reader) below(stage int) (stages []int, scratch bool) {
	for {
		if !r.live[stage] {
			return stages, false // a named context gives it
		}
		stages = append(stages, stage)
		switch next := r.named(r.bases[stage], stage); len(next) {
		case 0:
			return stages, r.bases[stage] == "scratch" && r.stages[stage].Platform == ""
		case 1:
			stage = next[0]
		default:
			return stages, false
		}
	}
}

// overlaps tells whether a file may be copied over one of a layer below: in a stage that
// does not start from nothing, or whose destinations lie within each other.
func (r *reader) overlaps() bool {
	for i := range r.stages {
		if !r.live[i] {
			continue
		}
		stages, scratch := r.below(i)
		if !scratch {
			return true
		}
		var seen []string
		for _, s := range stages {
			for _, c := range r.stages[s].Commands {
				dest, copies := destination(c)
				if !copies {
					continue
				}
				if !strings.HasPrefix(dest, "/") || strings.ContainsAny(dest, special) {
					return true
				}
				dest = path.Clean(dest) + "/"
				within := func(other string) bool { return strings.HasPrefix(dest, other) || strings.HasPrefix(other, dest) }
				if dest == "//" || len(seen) == maxCompared || slices.ContainsFunc(seen, within) {
					return true
				}
				seen = append(seen, dest)
			}
		}
	}
	return false
}

func destination(c instructions.Command) (dest string, copies bool) {
	switch c := c.(type) {
	case *instructions.CopyCommand:
		return c.DestPath, true
	case *instructions.AddCommand:
		return c.DestPath, true
	}
	return "", false
}

// linted tells whether checks of the Dockerfile may end the build: they look at all of it.
func (r *reader) linted() bool {
	return checkLine().Match(r.text) || r.args["BUILDKIT_DOCKERFILE_CHECK"] != ""
}

var checkLine = pattern.Lazy(`(?i)check\W*[=:]`)

// part is one instruction that decides the image.
type part struct {
	text      string // as written, with its here-documents
	line      string // the instruction on one line, without them
	arguments []instructions.KeyValuePairOptional
	droppable string // the argument that it declares, when only its use matters
}

// parts are the instructions that a build looks at. Of stages that the target does not need,
// these are FROM, for BuildKit looks at all of them, and what may name a stage.
func (r *reader) parts(final []bool) []part {
	lines := strings.SplitAfter(string(r.text), "\n")
	var parts []part
	for _, c := range r.meta {
		parts = append(parts, argumentPart(written(lines, c.Location()), c, true))
	}
	for i, s := range r.stages {
		parts = append(parts, part{text: written(lines, s.Location), line: s.SourceCode})
		for _, c := range s.Commands {
			text, line := written(lines, c.Location()), fmt.Sprint(c)
			switch argument, is := c.(*instructions.ArgCommand); {
			case !r.live[i] && !strings.Contains(strings.ToLower(line), "from"):
			case is && r.live[i]:
				parts = append(parts, argumentPart(text, *argument, !final[i] && !r.found.Steps))
			default:
				parts = append(parts, part{text: text, line: line})
			}
		}
	}
	return parts
}

// written is the text of an instruction, from its first line to its last.
func written(lines []string, at []parser.Range) string {
	if len(at) == 0 {
		return ""
	}
	first, last := at[0].Start.Line, at[len(at)-1].End.Line
	if first < 1 || last > len(lines) || first > last {
		return strings.Join(lines, "") // impossible
	}
	return strings.TrimRight(strings.Join(lines[first-1:last], ""), "\r\n")
}

// argumentPart is an ARG. One whose value is not part of the history matters only if
// something mentions it.
func argumentPart(text string, c instructions.ArgCommand, unseen bool) part {
	p := part{text: text, line: c.String(), arguments: c.Args}
	if len(c.Args) != 1 || !unseen {
		return p
	}
	a := c.Args[0]
	known := PredefinedArg(a.Key) || ofPlatform(a.Key) || a.Key == plan.ArgCompanions
	if !known && plainName().MatchString(a.Key) && (a.Value == nil || !strings.ContainsAny(*a.Value, special)) {
		p.droppable = a.Key
	}
	return p
}

var plainName = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]*$`)

// mentioned tells whether something but such declarations has the name of an argument in
// its text. A name may go on in the next line.
func mentioned(parts []part, name string) bool {
	return slices.ContainsFunc(parts, func(p part) bool {
		return p.droppable != name && (strings.Contains(p.text, name) || strings.Contains(p.line, name))
	})
}

// declared are the names of arguments whose given value is not their default.
func (r *reader) declared(parts []part) []string {
	var names []string
	other := map[string]bool{}
	for _, p := range parts {
		for _, a := range p.arguments {
			names = append(names, a.Key)
			plain := a.Value != nil && !strings.ContainsAny(*a.Value, special)
			given, has := r.args[a.Key]
			other[a.Key] = other[a.Key] || !has || !plain || given != *a.Value
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return !other[name] })
}

// digestOf is the SHA-256 of instructions, each with its length.
func digestOf(parts []part, escape rune) string {
	out := []byte(string(escape))
	for _, p := range parts {
		out = binary.LittleEndian.AppendUint64(out, uint64(len(p.text)))
		out = append(out, p.text...)
	}
	sum := sha256.Sum256(out)
	return hex.EncodeToString(sum[:])
}
