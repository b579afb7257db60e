package dockerfile

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Said is a value at a line of a Dockerfile.
type Said struct {
	Name, Value string
	Line        int
}

// Runs is what the image of the last stage says of the program that it runs.
// Variables are put in as far as the Dockerfile gives them a value.
type Runs struct {
	Images     []Said   // that stages start from, those of the last stage's chain first
	Env        []Said   // in order
	Ports      []Said   // of TCP
	Workdir    string   // absolute, "" when nothing says
	Entrypoint []string // nil without one
	Command    []string
	Shell      bool   // one of them is a command line for a shell: its only word
	Line       int    // of the command, else of the entrypoint
	Health     []Said // the command of HEALTHCHECK as one text; none when there is none
}

// Runs reads the instructions of the last stage, and of those that it starts
// from.
func (f File) Runs(args map[string]string) Runs {
	var r Runs
	images, chain := f.With(args).bases(args, nil), f.chain()
	for _, own := range []bool{true, false} {
		for i := len(images) - 1; i >= 0; i-- {
			if slices.Contains(chain, i) == own && images[i].Value != "" {
				r.Images = append(r.Images, images[i])
			}
		}
	}
	w := &walker{lex: shell.NewLex(f.escape), global: globals(f.meta, args, f.escape, nil), args: args, values: map[string]string{}}
	for _, i := range chain {
		for _, c := range f.parsed[i].Commands {
			w.command(&r, c)
		}
	}
	return r
}

// chain are the stages that the last one is made of, the first one first.
func (f File) chain() []int {
	i := len(f.parsed) - 1
	out := []int{i}
	for len(out) <= len(f.parsed) {
		up := slices.Index(f.Stages[:i], strings.ToLower(f.parsed[i].BaseName))
		if up < 0 {
			break
		}
		i = up
		out = append([]int{i}, out...)
	}
	return out
}

// bases are the images of all stages by their number, "" for a stage or scratch.
func (f File) bases(args, platform map[string]string) []Said {
	env, lex := globals(f.meta, args, f.escape, platform), shell.NewLex(f.escape)
	out := make([]Said, len(f.parsed))
	for i, s := range f.parsed {
		name := s.BaseName
		if strings.Contains(name, "$") {
			name = env.expand(lex, name)
		}
		if name != "scratch" && !slices.Contains(f.Stages[:i], strings.ToLower(name)) {
			out[i] = Said{Value: name, Line: firstLine(s.Location)}
		}
	}
	return out
}

// walker goes through the instructions of stages with the variables so far.
type walker struct {
	lex    *shell.Lex
	global *variables
	args   map[string]string
	values map[string]string
}

// Get implements shell.EnvGetter.
func (w *walker) Get(name string) (string, bool) { v, ok := w.values[name]; return v, ok }

// Keys implements shell.EnvGetter.
func (w *walker) Keys() []string { return nil }

// word puts the variables into a word and takes off its quotes. One that cannot
// be read stays as it is.
func (w *walker) word(text string) string {
	res, err := w.lex.ProcessWordWithMatches(text, w)
	if err != nil {
		return text
	}
	return res.Result
}

func (w *walker) command(r *Runs, c instructions.Command) {
	line := firstLine(c.Location())
	switch c := c.(type) {
	case *instructions.ArgCommand:
		w.arg(c)
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			value := w.word(kv.Value)
			w.values[kv.Key] = value
			r.Env = append(slices.DeleteFunc(r.Env, func(s Said) bool { return s.Name == kv.Key }), Said{kv.Key, value, line})
		}
	case *instructions.ExposeCommand:
		for _, port := range c.Ports {
			number, protocol, _ := strings.Cut(w.word(port), "/")
			if n, err := strconv.Atoi(number); err == nil && n > 0 && n < 65536 && (protocol == "" || strings.EqualFold(protocol, "tcp")) {
				r.Ports = append(r.Ports, Said{"", number, line})
			}
		}
	case *instructions.WorkdirCommand:
		r.Workdir = path.Join("/", r.Workdir, w.word(c.Path))
		if at := w.word(c.Path); path.IsAbs(at) {
			r.Workdir = path.Clean(at)
		}
	case *instructions.EntrypointCommand:
		r.Entrypoint, r.Command, r.Shell, r.Line = c.CmdLine, nil, c.PrependShell, line
	case *instructions.CmdCommand:
		r.Command, r.Shell, r.Line = c.CmdLine, r.Shell || c.PrependShell, line
	case *instructions.HealthCheckCommand:
		r.Health = nil
		if c.Health != nil && len(c.Health.Test) > 1 {
			r.Health = []Said{{"", strings.Join(c.Health.Test[1:], " "), line}}
		}
	}
}

// arg gives a stage's argument its value: what the caller gives, else its default,
// else that of the argument before the first FROM.
func (w *walker) arg(c *instructions.ArgCommand) {
	for _, a := range c.Args {
		value, ok := w.args[a.Key]
		if !ok && a.Value != nil {
			value, ok = w.word(*a.Value), true
		}
		if !ok {
			value, ok = w.global.values[a.Key]
		}
		if ok {
			w.values[a.Key] = value
		}
	}
}
