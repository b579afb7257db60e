package dockerfile

import (
	"fmt"
	"maps"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/slipway-build/slipway/internal/diag"
)

// Codes of Dockerfiles that would take a builder's memory or days.
const (
	codeExpands = "SLP540"
	codeStages  = "SLP541"
)

// The bounds of a Dockerfile. The largest that the corpus and public collections have
// are 60 stages and 40 kB of expanded text (2026-11).
const (
	maxStages = 1000
	maxWord   = 1 << 20  // bytes of one value with its variables put in; a process takes 128 kB of one
	maxText   = 64 << 20 // of all instructions
	assumed   = 16       // bytes of a variable whose value only a build knows
	beyond    = 1 << 40
)

// tooManyStages refuses a Dockerfile before its instructions are read.
func tooManyStages(name string, tree *parser.Result) error {
	n := 0
	for _, node := range tree.AST.Children {
		if strings.EqualFold(node.Value, "from") {
			if n++; n > maxStages {
				return diag.Findings{{Code: codeStages, Place: diag.Place{File: name, Line: node.StartLine},
					Text: fmt.Sprintf("the Dockerfile has more than %d stages", maxStages), Hint: "split it into several Dockerfiles"}}
			}
		}
	}
	return nil
}

// lengths are upper bounds of the values of variables, in bytes.
type lengths map[string]int

// of returns an upper bound of the length of a word with its variables put in,
// without putting them in: ten bytes that each of 30 lines doubles are ten gigabytes.
func (l lengths) of(word string) int {
	n := len(word)
	for i := 0; i < len(word) && n < beyond; i++ {
		if word[i] != '$' {
			continue
		}
		name, braces := strings.CutPrefix(word[i+1:], "{")
		end := strings.IndexFunc(name, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
		rest := ""
		if end >= 0 {
			name, rest = name[:end], name[end:]
		}
		value := max(l[name], assumed)
		if braces && strings.HasPrefix(rest, "/") { // ${NAME//pattern/replacement} may replace each byte
			value = min(value, beyond/(len(word)+1)) * (len(word) + 1)
		}
		n += value
	}
	return min(n, beyond)
}

// bounds adds up what a builder would write.
type bounds struct {
	file  string
	total int
}

// add notes a word, or refuses it.
func (b *bounds) add(known lengths, word string, at []parser.Range) (int, error) {
	n := known.of(word)
	if b.total += n; n <= maxWord && b.total <= maxText {
		return n, nil
	}
	return n, diag.Findings{{Code: codeExpands, Place: diag.Place{File: b.file, Line: firstLine(at)},
		Text: "the variables of this line expand to an unreasonable length", Hint: "use fewer variables that contain each other"}}
}

// expands refuses a Dockerfile whose variables grow beyond the bounds.
func expands(name string, stages []instructions.Stage, meta []instructions.ArgCommand) error {
	b := &bounds{file: name}
	global := lengths{}
	for _, c := range meta {
		if err := b.args(global, nil, c.Args, c.Location()); err != nil {
			return err
		}
	}
	byName := map[string]lengths{}
	for i, s := range stages {
		if _, err := b.add(global, s.BaseName, s.Location); err != nil {
			return err
		}
		known := lengths{}
		if parent, ok := byName[strings.ToLower(s.BaseName)]; ok {
			known = maps.Clone(parent)
		}
		for _, c := range s.Commands {
			if err := b.command(known, global, c); err != nil {
				return err
			}
		}
		byName[fmt.Sprint(i)] = known
		if s.Name != "" {
			byName[strings.ToLower(s.Name)] = known
		}
	}
	return nil
}

// args notes the variables of an ARG; one without a value has that from before the
// first FROM, or the user's.
func (b *bounds) args(known, global lengths, args []instructions.KeyValuePairOptional, at []parser.Range) error {
	for _, a := range args {
		n := global[a.Key]
		if a.Value != nil {
			var err error
			if n, err = b.add(known, *a.Value, at); err != nil {
				return err
			}
		}
		known[a.Key] = max(known[a.Key], n) // an ENV of the same name stands
	}
	return nil
}

// command notes what an instruction expands. The text of RUN is the shell's.
func (b *bounds) command(known, global lengths, c instructions.Command) error {
	var words []string
	switch c := c.(type) {
	case *instructions.ArgCommand:
		return b.args(known, global, c.Args, c.Location())
	case *instructions.EnvCommand:
		fresh := lengths{} // of one instruction: none sees another
		for _, pair := range c.Env {
			n, err := b.add(known, pair.Key+pair.Value, c.Location())
			if err != nil {
				return err
			}
			fresh[pair.Key] = n
		}
		maps.Copy(known, fresh)
		return nil
	case *instructions.LabelCommand:
		for _, pair := range c.Labels {
			words = append(words, pair.Key+pair.Value)
		}
	case *instructions.CopyCommand:
		words = append(sources(c.SourcesAndDest), c.Chown, c.Chmod, c.From)
	case *instructions.AddCommand:
		words = append(sources(c.SourcesAndDest), c.Chown, c.Chmod)
	case *instructions.RunCommand:
		return nil
	default:
		words = append(words, fmt.Sprint(c))
	}
	for _, word := range words {
		if _, err := b.add(known, word, c.Location()); err != nil {
			return err
		}
	}
	return nil
}

func sources(s instructions.SourcesAndDest) []string {
	words := append([]string{s.DestPath}, s.SourcePaths...)
	for _, content := range s.SourceContents {
		if content.Expand {
			words = append(words, content.Data)
		}
	}
	return words
}
