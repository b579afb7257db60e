package dockerfile

import (
	"fmt"
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
	// Args are the names that an ARG declares which something looks at, without those
	// whose given value is their default; see Takes.
	Args []string
	// Secrets tells whether a step mounts a build secret.
	Secrets bool

	// Text is the SHA-256 of the instructions that decide the image, in hexadecimal
	// digits. Comments, blank lines, stages that the target does not need, and
	// arguments that nothing looks at are not among them.
	Text string
	// Target is the stage that is built; empty when nothing names it.
	Target string
	// Scratch tells that the image starts from nothing, not from another image.
	Scratch bool
	// Steps tells that a step runs, which may look at all that the file system
	// says of a file.
	Steps bool
	// Times tells that modification times may decide what a layer holds: for a step, and
	// where files are copied over others, of which BuildKit leaves out what has the
	// time and size of the file below (util/overlay/overlay_linux.go, as of 2026-11).
	Times bool
	// OneTree tells that what the sources bring is seen as one tree, by a step or because
	// of --parents: hard links count between all files, not only between those that one
	// source brings, and so do the directories above the sources.
	OneTree bool
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
	n := len(f.parsed)
	r := &reader{File: f, stages: f.parsed, args: args, replaced: replaced, seen: make([]bool, n), live: make([]bool, n), triggers: make([]bool, n), env: make([]*variables, n)}
	if f.syntax != "" && !ownSyntax(f.syntax) {
		r.unknown("the front end %s", f.syntax)
	}
	r.global = globals(f.meta, args, f.escape, nil)
	r.names(r.global, f.escape)
	targets := r.target(target)
	for _, i := range targets {
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
	r.found.Target = target
	if target == "" {
		r.found.Target = f.parsed[n-1].Name
	}
	r.decide(targets)
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
	File
	stages   []instructions.Stage
	args     map[string]string
	global   *variables
	bases    []string // name after FROM with its variables put in; "" when it is not known
	replaced func(string) bool
	seen     []bool
	live     []bool       // stages whose instructions are run
	triggers []bool       // stages with ONBUILD
	env      []*variables // of the stages, at their end; nil: not known
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
	r.live[i], r.env[i] = true, r.starts(i)
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
			r.copied(stage, c.SourcePaths, c.Parents)
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
		r.copied(stage, c.SourcePaths, false)
	case *instructions.ArgCommand:
		r.env[stage].argument(c, r.args, r.global, r.escape)
	case *instructions.EnvCommand:
		r.env[stage].set(c, r.escape)
	case *instructions.RunCommand:
		r.found.Steps = true
		r.mounts(c)
	case *instructions.OnbuildCommand:
		r.triggers[stage] = true
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
