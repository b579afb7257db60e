package detect

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// rebased is a plan whose build context is a directory above its own: what its
// steps take from the context lies deeper there.
func rebased(p plan.Service, dir string) plan.Service {
	prefix := ecosystem.Below(dir, p.Dir)
	if prefix == "." {
		return p
	}
	p.Dir = dir
	p.Stages, p.Quality = deeperStages(p.Stages, prefix), deeperStages(p.Quality, prefix)
	p.LeftOut = slices.Clone(p.LeftOut)
	for i := range p.LeftOut {
		p.LeftOut[i].Path = path.Join(prefix, p.LeftOut[i].Path)
	}
	p.DockerIgnore = deeperPatterns(p.DockerIgnore, prefix)
	if p.QualityIgnore != nil {
		p.QualityIgnore = deeperPatterns(p.QualityIgnore, prefix)
	}
	return p
}

// deeperStages are stages whose steps take from a directory of the context.
func deeperStages(stages []plan.Stage, prefix string) []plan.Stage {
	stages = slices.Clone(stages)
	for i, st := range stages {
		st.Steps = slices.Clone(st.Steps)
		for j, s := range st.Steps {
			st.Steps[j] = deeper(s, prefix)
		}
		stages[i] = st
	}
	return stages
}

// deeper is a step whose sources lie below a directory of the context.
func deeper(s plan.Step, prefix string) plan.Step {
	if s.Op == plan.OpCopy && s.From == "" && s.Content == "" {
		s.Args = slices.Clone(s.Args)
		for i, a := range s.Args[:len(s.Args)-1] {
			at := path.Join(prefix, a)
			if strings.HasSuffix(a, "/") || a == "." {
				at += "/"
			}
			s.Args[i] = at
		}
	}
	s.Mounts = slices.Clone(s.Mounts)
	for i, m := range s.Mounts {
		if m.Type == "bind" && m.From == "" {
			s.Mounts[i].Source = path.Join(prefix, m.Source)
		}
	}
	return s
}

// deeperPatterns are patterns of a .dockerignore for a directory above.
func deeperPatterns(patterns []string, prefix string) []string {
	out := make([]string, 0, len(patterns))
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		p = path.Join(prefix, p)
		if not {
			p = "!" + p
		}
		out = append(out, p)
	}
	return out
}

// joinedPatterns are those of two plans with one context. What the outer one
// excludes of the inner one's directory is in again: its own patterns decide. Both
// exceptions are necessary: BuildKit skips the first for a directory that no pattern
// excludes, and then does not apply it to what lies in it.
func joinedPatterns(outer, inner []string, at string) []string {
	out := slices.Clone(outer)
	if at != "." {
		out = append(out, "!"+at, "!"+at+"/**")
	}
	for _, p := range inner {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// upTo are the stages of a plan that one of them needs, itself the last, under
// names with a prefix.
func upTo(p plan.Service, stage, prefix string) []plan.Stage {
	needed := map[string]bool{stage: true}
	for i := len(p.Stages) - 1; i >= 0; i-- { // stages refer to earlier ones
		if st := p.Stages[i]; needed[st.Name] {
			needed[st.From] = true
			for _, s := range st.Steps {
				needed[s.From] = true
				for _, m := range s.Mounts {
					needed[m.From] = true
				}
			}
		}
	}
	renamed := map[string]string{}
	var out []plan.Stage
	for _, st := range p.Stages {
		if !needed[st.Name] {
			continue
		}
		name := func(of string) string {
			if n, ok := renamed[of]; ok {
				return n
			}
			return of
		}
		renamed[st.Name] = prefix + st.Name
		st.Name, st.From = renamed[st.Name], name(st.From)
		st.Steps = slices.Clone(st.Steps)
		for i := range st.Steps {
			s := &st.Steps[i]
			s.From, s.Mounts = name(s.From), slices.Clone(s.Mounts)
			for j := range s.Mounts {
				s.Mounts[j].From = name(s.Mounts[j].From)
			}
		}
		out = append(out, st)
	}
	return out
}

// workdir is the working directory at the end of a stage, or before one of its
// steps.
func workdir(stages []plan.Stage, name string, steps int) string {
	i := slices.IndexFunc(stages, func(st plan.Stage) bool { return st.Name == name })
	if i < 0 {
		return "/"
	}
	st := stages[i]
	at := workdir(stages[:i], st.From, -1)
	if steps < 0 {
		steps = len(st.Steps)
	}
	for _, s := range st.Steps[:steps] {
		if s.Op == plan.OpWorkdir {
			if at = path.Join(at, s.Args[0]); path.IsAbs(s.Args[0]) {
				at = path.Clean(s.Args[0])
			}
		}
	}
	return at
}
