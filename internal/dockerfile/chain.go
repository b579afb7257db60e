package dockerfile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// Instruction is one that can make a layer.
type Instruction struct {
	Line int
	Text string // "COPY dist ./dist", without flags, on one line
}

// Chain lists the instructions behind the layers of a target's image, the lowest first:
// those of the stage and of the stages that it starts from. An empty target is the
// last stage.
func (f File) Chain(target string) []Instruction {
	if len(f.parsed) == 0 {
		return nil
	}
	at := len(f.parsed) - 1
	if i := slices.Index(f.Stages, strings.ToLower(target)); i >= 0 {
		at = i
	} else if n, err := strconv.Atoi(target); err == nil && n >= 0 && n < len(f.parsed) {
		at = n
	}
	var out []Instruction
	for {
		s := f.parsed[at]
		var own []Instruction
		for _, c := range s.Commands {
			if text := layerText(c); text != "" {
				own = append(own, Instruction{firstLine(c.Location()), text})
			}
		}
		out = append(own, out...)
		below := slices.Index(f.Stages[:at], strings.ToLower(s.BaseName))
		if below < 0 {
			return out
		}
		at = below
	}
}

// layerText is an instruction that can make a layer as one line, "" for others.
func layerText(c instructions.Command) string {
	switch c := c.(type) {
	case *instructions.RunCommand:
		text := strings.Join(c.CmdLine, " ")
		for _, f := range c.Files {
			text += " " + f.Data
		}
		return "RUN " + strings.Join(strings.Fields(text), " ")
	case *instructions.CopyCommand:
		return "COPY " + sourcesText(c.SourcesAndDest)
	case *instructions.AddCommand:
		return "ADD " + sourcesText(c.SourcesAndDest)
	case *instructions.WorkdirCommand:
		return "WORKDIR " + c.Path
	}
	return ""
}

func sourcesText(s instructions.SourcesAndDest) string {
	return strings.Join(append(slices.Clone(s.SourcePaths), s.DestPath), " ")
}

// Lines finds the line of each layer in a chain by what the image's history says of it,
// 0 where none fits: layers of the base.
func Lines(chain []Instruction, history []string) []int {
	out := make([]int, len(history))
	next := len(chain) - 1
	for i := len(history) - 1; i >= 0; i-- {
		for at := next; at >= 0; at-- {
			if made(chain[at].Text, history[i]) {
				out[i], next = chain[at].Line, at-1
				break
			}
		}
	}
	return out
}

// made tells whether a line of an image's history is that of an instruction. BuildKit
// writes arguments and the shell before a command, and expands variables.
func made(text, by string) bool {
	by = strings.Join(strings.Fields(strings.TrimSuffix(strings.TrimSpace(by), "# buildkit")), " ")
	verb, rest, _ := strings.Cut(text, " ")
	got, args, _ := strings.Cut(by, " ")
	if verb != got {
		return false
	}
	switch verb {
	case "RUN":
		if strings.HasPrefix(rest, "<<") { // history has the beginning of a heredoc: "<<EOT (echo …)"
			rest, _, _ = strings.Cut(rest, " ")
		}
		return strings.HasSuffix(args, rest) || len(rest) > 3 && strings.Contains(args, rest)
	case "WORKDIR":
		return strings.HasSuffix("/"+args, "/"+strings.TrimPrefix(strings.TrimSuffix(rest, "/"), "/")) || strings.Contains(rest, "$")
	}
	want, have := strings.Fields(rest), strings.Fields(args)
	return len(want) == len(have) && len(have) > 1 && sameWord(want[0], have[0]) && sameWord(want[len(want)-1], have[len(have)-1])
}

// sameWord compares words of which the first may have variables.
func sameWord(want, have string) bool {
	return want == have || strings.Contains(want, "$") || strings.TrimPrefix(want, "./") == strings.TrimPrefix(have, "./")
}
