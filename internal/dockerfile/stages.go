package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/slipway-build/slipway/internal/diag"
)

// codeBroken is the finding of a Dockerfile that cannot be parsed.
const codeBroken = "SLP401"

// File is what Slipway knows of a Dockerfile that a person wrote.
type File struct {
	Stages []string    // names in order; a stage without a name is its number
	Args   []string    // names that an ARG declares, in any stage
	Images []Reference // what it starts from and copies from besides its own stages, see With

	name   string
	parsed []instructions.Stage
	meta   []instructions.ArgCommand // before the first FROM
	escape rune
	syntax string // what a `# syntax=` line asks for
	text   []byte // as Read was given it
}

// Reference is the name of an image at a place of a Dockerfile.
type Reference struct {
	Name  string
	Place diag.Place
}

// Read parses a Dockerfile; name is how findings call it. The error is
// diag.Findings with the line.
func Read(name string, text []byte) (File, error) {
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return File{}, broken(name, text, err)
	}
	if err := tooManyStages(name, tree); err != nil {
		return File{}, err
	}
	stages, meta, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return File{}, broken(name, text, err)
	}
	if err := expands(name, stages, meta); err != nil {
		return File{}, err
	}
	f := File{name: name, parsed: stages, meta: meta, escape: tree.EscapeToken, text: text}
	if bytes.Contains(bytes.ToLower(text), []byte("syntax")) { // else three more parsers look for it
		f.syntax, _, _, _ = parser.DetectSyntax(text)
	}
	f.declare(meta)
	for i, s := range stages {
		for _, c := range s.Commands {
			if c, ok := c.(*instructions.ArgCommand); ok {
				f.declare([]instructions.ArgCommand{*c})
			}
		}
		f.Stages = append(f.Stages, or(s.Name, strconv.Itoa(i)))
	}
	return f.With(nil), nil
}

// Of reports whether the File was read from a text.
func (f File) Of(text []byte) bool { return len(f.parsed) > 0 && bytes.Equal(f.text, text) }

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// With returns the Dockerfile as it is read with build arguments: names after
// FROM have the variables put in. Names that only a build knows, because they
// depend on its platform, are left out of Images.
func (f File) With(args map[string]string) File { return f.with(args, nil) }

// On returns the Dockerfile as builds for the target platforms read it on a
// machine of the build platform, all "linux/arm64" or "linux/arm/v7": Images has
// the names of each of them.
func (f File) On(args map[string]string, build string, targets []string) File {
	var images []Reference
	for _, target := range targets {
		platform := map[string]string{}
		for side, p := range map[string]string{"BUILD": build, "TARGET": target} {
			parts := append(strings.SplitN(p, "/", 3), "", "")
			platform[side+"PLATFORM"], platform[side+"OS"], platform[side+"ARCH"], platform[side+"VARIANT"] = p, parts[0], parts[1], parts[2]
		}
		for _, image := range f.with(args, platform).Images {
			if !slices.Contains(images, image) {
				images = append(images, image)
			}
		}
	}
	f.Images = images
	return f
}

func (f File) with(args, platform map[string]string) File {
	bases := f.bases(args, platform)
	f.Images = nil
	for i, s := range f.parsed {
		add := func(image string, line int) {
			_, err := strconv.Atoi(image)
			if image == "" || image == "scratch" || err == nil || strings.Contains(image, "$") || slices.Contains(f.Stages[:i], strings.ToLower(image)) {
				return
			}
			f.Images = append(f.Images, Reference{Name: image, Place: diag.Place{File: f.name, Line: line}})
		}
		add(bases[i].Value, bases[i].Line)
		for _, c := range s.Commands {
			switch c := c.(type) {
			case *instructions.CopyCommand:
				add(c.From, firstLine(c.Location()))
			case *instructions.RunCommand:
				for _, m := range instructions.GetMounts(c) {
					add(m.From, firstLine(c.Location()))
				}
			}
		}
	}
	return f
}

// Without returns the Dockerfile without the images that named contexts replace,
// which have the names of BuildKit: see ContextName.
func (f File) Without(named map[string]string) File {
	f.Images = slices.DeleteFunc(slices.Clone(f.Images), func(r Reference) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(named)), func(n string) bool { return ContextName(n) == ContextName(r.Name) })
	})
	return f
}

func (f *File) declare(commands []instructions.ArgCommand) {
	for _, c := range commands {
		for _, a := range c.Args {
			f.Args = append(f.Args, a.Key)
		}
	}
}

// broken turns an error of the parser into a finding with its line.
func broken(name string, text []byte, err error) error {
	line := 0
	if at := (*parser.LocationError)(nil); errors.As(err, &at) && len(at.Locations) > 0 {
		line = firstLine(at.Locations[0])
	}
	// The parser's own text says the line once more, in another form.
	cause := err.Error()
	if _, rest, ok := strings.Cut(cause, fmt.Sprintf("on line %d: ", line)); ok {
		cause = rest
	}
	finding := diag.Finding{Code: codeBroken, Place: diag.Place{File: name, Line: line}, Text: cause}
	if lines := strings.Split(string(text), "\n"); line >= 1 && line <= len(lines) {
		finding.Excerpt = fmt.Sprintf("%5d | %.120s", line, strings.TrimRight(lines[line-1], "\r"))
	}
	if strings.TrimSpace(string(text)) == "" {
		finding.Text, finding.Hint = "the Dockerfile is empty", "it needs at least a FROM line"
	} else if len(finding.Excerpt) == 0 {
		finding.Hint = "it needs at least a FROM line"
	}
	return diag.Findings{finding}
}

func firstLine(at []parser.Range) int {
	if len(at) == 0 {
		return 0
	}
	return at[0].Start.Line
}

// CheckTarget refuses a target that is not a stage of the Dockerfile. Numbers
// count stages from 0, as with other builders.
func (f File) CheckTarget(target string) error {
	if n, err := strconv.Atoi(target); err == nil && n >= 0 && n < len(f.Stages) {
		return nil
	}
	if target == "" || slices.Contains(f.Stages, strings.ToLower(target)) {
		return nil
	}
	refusal := diag.Fail(diag.ExitUsage, "the Dockerfile has no stage %q", target)
	if near := diag.Nearest(target, f.Stages); near != "" {
		return refusal.WithHint("did you mean --target %s?", near)
	}
	return refusal.WithHint("its stages are %s", strings.Join(f.Stages, ", "))
}
