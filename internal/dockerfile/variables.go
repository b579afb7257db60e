package dockerfile

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// variables are the global arguments of a Dockerfile, or the environment of a stage.
type variables struct {
	values   map[string]string
	platform map[string]string // what a build for one platform sets
	dark     map[string]bool   // depend on what only BuildKit knows, as TARGETARCH does
	asked    bool              // for a dark one, since the last expansion began
	lost     bool              // nobody knows which names have values
}

// Get implements shell.EnvGetter.
func (v *variables) Get(name string) (string, bool) {
	_, known := v.platform[name]
	v.asked = v.asked || v.lost || v.dark[name] || !known && ofPlatform(name)
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
	out, _ := v.known(lex, word)
	return out
}

// known puts variables in, and reports whether all of them are known.
func (v *variables) known(lex *shell.Lex, word string) (string, bool) {
	v.asked = false
	res, err := lex.ProcessWordWithMatches(word, v)
	if err != nil || v.asked {
		return "", false
	}
	return res.Result, true
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

// starts returns the environment that a stage begins with; nil when an image gives it.
func (r *reader) starts(stage int) *variables {
	base := r.bases[stage]
	switch below := r.named(base, stage); {
	case len(below) == 1 && r.env[below[0]] != nil:
		env := r.env[below[0]]
		return &variables{values: maps.Clone(env.values), dark: maps.Clone(env.dark), lost: env.lost}
	case len(below) == 0 && base == "scratch":
		return &variables{values: map[string]string{}, dark: map[string]bool{"PATH": true}} // BuildKit gives it one
	}
	return nil
}

// argument declares what an ARG of a stage does, as BuildKit does it
// (dockerfile2llb, dispatchArg): what the caller gives, else the default, else the global
// argument of that name.
func (v *variables) argument(c *instructions.ArgCommand, args map[string]string, global *variables, escape rune) {
	if v == nil {
		return
	}
	lex := shell.NewLex(escape)
	for _, a := range c.Args {
		value, has := args[a.Key]
		known := true
		switch {
		case has:
		case a.Value != nil:
			has = true
			value, known = v.known(lex, *a.Value)
		default:
			global.asked = false
			value, has = global.Get(a.Key)
			known = !global.asked
		}
		if has || !known {
			v.values[a.Key], v.dark[a.Key] = value, !known || PredefinedArg(a.Key)
		}
	}
}

// set does what an ENV does: all its values see the environment before it.
func (v *variables) set(c *instructions.EnvCommand, escape rune) {
	if v == nil {
		return
	}
	lex := shell.NewLex(escape)
	values, dark := map[string]string{}, map[string]bool{}
	for _, e := range c.Env {
		if strings.ContainsAny(e.Key, special) {
			v.lost = true
			return
		}
		value, known := v.known(lex, e.Value)
		values[e.Key], dark[e.Key] = value, !known
	}
	maps.Copy(v.values, values)
	maps.Copy(v.dark, dark)
}
