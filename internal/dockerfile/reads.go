package dockerfile

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/slipway-build/slipway/internal/plan"
)

// Everything is the path that stands for the whole build context.
const Everything = "."

// Reads is what the stages that a target needs read from outside of the
// Dockerfile. It may name more than they read, never less.
type Reads struct {
	// Paths are clean, slash-separated paths of the build context; each stands
	// for itself and all below it. An element may hold * and ?, as in a COPY.
	Paths []string
	// Images are what is started and copied from and is neither a stage nor
	// scratch, as ContextName writes it, and the stages that a named context gives.
	Images []string
	// Unknown says, in words, what the build reads and nobody can tell
	// beforehand: the content of a URL, an image whose name only BuildKit knows.
	Unknown []string
	// Args are the names that an ARG declares, of those stages or before the first
	// FROM; see Takes.
	Args []string
	// Secrets tells whether a step mounts a build secret.
	Secrets bool
}

// Takes reports whether a build argument may change what is built. One that no ARG
// declares does not, unless BuildKit knows it by itself. That of companions is Slipway's
// own: it says what runs beside a stage, which its Dockerfile need not look at.
func (r Reads) Takes(arg string) bool {
	return arg == plan.ArgCompanions || PredefinedArg(arg) || ofPlatform(arg) || slices.Contains(r.Args, arg) ||
		slices.ContainsFunc(r.Args, func(declared string) bool { return strings.ContainsAny(declared, "$'\"\\`") })
}

// PredefinedArg reports whether BuildKit itself takes a build argument that no ARG
// declares (Dockerfile reference, "Predefined ARGs" and "BuildKit built-in build args").
func PredefinedArg(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasSuffix(name, "_PROXY") || strings.HasPrefix(name, "BUILDKIT_") || name == "SOURCE_DATE_EPOCH"
}

// Reads finds what a build of the target reads; an empty target is the last
// stage. replaced tells which names, as ContextName writes them, a named context
// gives: such a stage is not run.
func (f File) Reads(target string, args map[string]string, replaced func(name string) bool) Reads {
	r := &reader{stages: f.parsed, replaced: replaced, seen: make([]bool, len(f.parsed)), triggers: make([]bool, len(f.parsed))}
	if f.syntax != "" && !ownSyntax(f.syntax) {
		r.unknown("the front end %s", f.syntax)
	}
	r.names(globals(f.meta, args, f.escape, nil), f.escape)
	for _, i := range r.target(target) {
		r.stage(i)
	}
	r.onbuild()
	slices.Sort(r.found.Paths)
	r.found.Paths = slices.Compact(r.found.Paths)
	if slices.Contains(r.found.Paths, Everything) {
		r.found.Paths = []string{Everything}
	}
	slices.Sort(r.found.Images)
	r.found.Images = slices.Compact(r.found.Images)
	for _, c := range f.meta {
		r.declares(c.Args)
	}
	slices.Sort(r.found.Args)
	r.found.Args = slices.Compact(r.found.Args)
	return r.found
}

// ContextName writes the name of a stage or an image as BuildKit looks for a
// named context: the familiar form, without the tag "latest".
func ContextName(name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return strings.TrimSuffix(reference.FamiliarString(ref), ":latest")
}

// ownSyntax reports whether a `# syntax=` line asks for the front end that is
// built in.
func ownSyntax(ref string) bool {
	name := strings.TrimPrefix(ref, "docker.io/")
	return name == "docker/dockerfile" || strings.HasPrefix(name, "docker/dockerfile:")
}

// reader walks the stages that a target needs.
type reader struct {
	stages   []instructions.Stage
	bases    []string // name after FROM with its variables put in; "" when it is not known
	replaced func(string) bool
	seen     []bool
	triggers []bool // stages with ONBUILD
	found    Reads
}

func (r *reader) unknown(format string, a ...any) {
	why := fmt.Sprintf(format, a...)
	if !slices.Contains(r.found.Unknown, why) {
		r.found.Unknown = append(r.found.Unknown, why)
	}
}

// names puts the variables into the names after FROM.
func (r *reader) names(env *variables, escape rune) {
	lex := shell.NewLex(escape)
	for _, s := range r.stages {
		name := s.BaseName
		if strings.ContainsAny(name, "$'\"\\`") {
			name = env.expand(lex, name)
		}
		r.bases = append(r.bases, name)
	}
}

// target finds the stages that a target may mean: all of them when in doubt.
func (r *reader) target(target string) []int {
	if target == "" {
		return []int{len(r.stages) - 1}
	}
	found := r.named(target, len(r.stages))
	if n, err := strconv.Atoi(target); err == nil && n >= 0 && n < len(r.stages) {
		found = append(found, n)
	}
	if len(found) == 0 {
		for i := range r.stages {
			found = append(found, i)
		}
	}
	return found
}

// named returns the stages of that name among the first n.
func (r *reader) named(name string, n int) []int {
	var found []int
	for i, s := range r.stages[:n] {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			found = append(found, i)
		}
	}
	return found
}

func (r *reader) stage(i int) {
	if r.seen[i] {
		return
	}
	r.seen[i] = true
	s := r.stages[i]
	if s.Name != "" && r.replaced(ContextName(s.Name)) {
		r.found.Images = append(r.found.Images, ContextName(s.Name))
		return
	}
	switch base := r.bases[i]; {
	case base == "":
		r.unknown("the image of FROM %s", s.BaseName)
	default:
		r.from(r.named(base, i), base)
	}
	for _, c := range s.Commands {
		r.command(i, c)
	}
}

// from follows a name to its stages, else to an image.
func (r *reader) from(stages []int, name string) {
	for _, i := range stages {
		r.stage(i)
	}
	if len(stages) == 0 && name != "scratch" {
		r.found.Images = append(r.found.Images, ContextName(name))
	}
}

func (r *reader) command(stage int, c instructions.Command) {
	switch c := c.(type) {
	case *instructions.CopyCommand:
		switch n, err := strconv.Atoi(c.From); {
		case c.From == "":
			r.copied(c.SourcePaths, c.Parents)
		case err == nil && n >= 0 && n < len(r.stages):
			r.stage(n)
		default:
			r.from(r.named(c.From, len(r.stages)), c.From)
		}
	case *instructions.AddCommand:
		for _, source := range c.SourcePaths {
			if remote(source) {
				r.unknown("ADD %s", source)
			}
		}
		r.copied(c.SourcePaths, false)
	case *instructions.ArgCommand:
		r.declares(c.Args)
	case *instructions.RunCommand:
		r.mounts(c)
	case *instructions.OnbuildCommand:
		r.triggers[stage] = true
	}
}

func (r *reader) declares(args []instructions.KeyValuePairOptional) {
	for _, a := range args {
		r.found.Args = append(r.found.Args, a.Key)
	}
}

// remote reports whether ADD may take a source from elsewhere. A variable may
// hold anything.
func remote(source string) bool {
	if strings.Contains(source, "://") || strings.ContainsAny(source, "$'\"\\`") {
		return true
	}
	ref, _, err := dfgitutil.ParseGitRef(source)
	return err == nil && !ref.IndistinguishableFromLocal
}

func (r *reader) copied(sources []string, parents bool) {
	for _, source := range sources {
		if parents {
			source = Everything
		}
		r.found.Paths = append(r.found.Paths, contextPath(source))
	}
}

// contextPath writes a source as a path of Reads: the whole context when it has
// a variable, a quote, a range or whatever else would need an interpreter.
func contextPath(source string) string {
	if strings.ContainsAny(source, "$'\"\\`[") || strings.Contains(source, "**") {
		return Everything
	}
	clean := strings.TrimPrefix(path.Clean("/"+source), "/")
	if clean == "" {
		return Everything
	}
	return clean
}

// mounts follows RUN --mount. Secrets are noted; SSH and temporary file systems read
// nothing that is in the context; what a cache holds is no input of a build.
func (r *reader) mounts(c *instructions.RunCommand) {
	asWritten := func(word string) (string, error) { return word, nil }
	if err := c.Expand(asWritten); err != nil {
		r.unknown("a mount of RUN: %v", err)
		r.found.Paths = append(r.found.Paths, Everything)
		return
	}
	for _, m := range instructions.GetMounts(c) {
		r.found.Secrets = r.found.Secrets || m.Type == instructions.MountTypeSecret
		if m.From != "" {
			r.from(r.named(m.From, len(r.stages)), m.From)
		} else if m.Type == instructions.MountTypeBind {
			r.found.Paths = append(r.found.Paths, contextPath(m.Source))
		}
	}
}

// onbuild finds stages that run the triggers of another stage.
func (r *reader) onbuild() {
	for i, base := range r.bases {
		if !r.seen[i] {
			continue
		}
		for _, b := range r.named(base, i) {
			if r.triggers[b] {
				r.unknown("the ONBUILD steps of stage %s", r.stages[b].Name)
			}
		}
	}
}

// variables are the global arguments of a Dockerfile.
type variables struct {
	values   map[string]string
	platform map[string]string // what a build for one platform sets
	dark     map[string]bool   // depend on what only BuildKit knows, as TARGETARCH does
	asked    bool              // for a dark one, since the last expansion began
}

// Get implements shell.EnvGetter.
func (v *variables) Get(name string) (string, bool) {
	_, known := v.platform[name]
	v.asked = v.asked || v.dark[name] || !known && ofPlatform(name)
	value, ok := v.values[name]
	return value, ok
}

// ofPlatform reports whether BuildKit sets an argument for the platforms of a build.
func ofPlatform(name string) bool {
	what, ok := strings.CutPrefix(name, "BUILD")
	if !ok {
		what, ok = strings.CutPrefix(name, "TARGET")
	}
	return ok && slices.Contains([]string{"PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT", "STAGE"}, what)
}

// Keys implements shell.EnvGetter.
func (v *variables) Keys() []string { return nil }

// expand puts variables in; "" when the word depends on a dark one.
func (v *variables) expand(lex *shell.Lex, word string) string {
	v.asked = false
	res, err := lex.ProcessWordWithMatches(word, v)
	if err != nil || v.asked {
		return ""
	}
	return res.Result
}

// globals evaluates the ARGs before the first FROM as BuildKit does: what the
// caller gives wins over the default. platform has what a build for one platform
// sets by itself; nil: nobody knows it yet.
func globals(meta []instructions.ArgCommand, args map[string]string, escape rune, platform map[string]string) *variables {
	v := &variables{values: map[string]string{}, dark: map[string]bool{}, platform: platform}
	for name, value := range platform {
		if ofPlatform(name) {
			v.values[name] = value
		}
	}
	lex := shell.NewLex(escape)
	for _, c := range meta {
		for _, a := range c.Args {
			value, given := args[a.Key]
			if !given && a.Value != nil {
				value = v.expand(lex, *a.Value)
				v.dark[a.Key] = v.dark[a.Key] || v.asked
			}
			if given || a.Value != nil {
				v.values[a.Key] = value
			}
		}
	}
	return v
}
