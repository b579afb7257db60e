package detect

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/ecosystem/golang"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// withOutputs gives a planned service the files that slipway.yaml takes from other
// services' output. The stages that write them become part of its own Dockerfile,
// so that any builder builds it; Slipway's engine runs equal steps of several
// services once.
func (r repository) withOutputs(p plan.Service, s config.Service, dir fs.FS, language string, fleet *config.Fleet) (plan.Service, diag.Findings) {
	for _, f := range s.Files {
		if f.From == "" {
			continue
		}
		of, finding := r.planOf(f, s, fleet)
		if finding == nil {
			p, finding = joined(p, of, s, f, dir, language)
		}
		if finding != nil {
			return p, diag.Findings{*finding}
		}
	}
	return p, nil
}

// source is the plan of a service whose output another one takes.
type source struct {
	config.Service
	plan plan.Service
}

// planOf plans the service that files come from.
func (r repository) planOf(f config.File, s config.Service, fleet *config.Fleet) (source, *diag.Finding) {
	refuse := func(code, hint, format string, args ...any) (source, *diag.Finding) {
		out := finding(code, s, fleet, "%s: files from %s: "+format, append([]any{s.Name, f.From}, args...)...)
		out.Hint = hint
		return source{}, out
	}
	of, ok := fleet.Named(f.From)
	if !ok {
		return refuse(codeFrom, "name a service of "+config.FileName, "the service does not exist")
	}
	r.taking = append(slices.Clone(r.taking), s.Name)
	if slices.Contains(r.taking, of.Name) {
		return refuse(codeCircle, "delete one of the entries from:", "the services take files from each other: %s", strings.Join(append(r.taking, of.Name), " ← "))
	}
	if dir, err := fs.Sub(r.tree, of.Path); err == nil && !of.Planned {
		if name := OwnDockerfile(dir); name != "" {
			return refuse(codeFrom, "write dockerfile: false for "+of.Name+", or copy the files in a Dockerfile of "+s.Name, "it is built from its own %s, so Slipway cannot determine its output", name)
		}
	}
	p, findings := planOne(r, of, fleet)
	for _, e := range findings {
		if e.Code == codeCircle {
			return source{}, &e
		}
		if e.Severity == diag.Error {
			return refuse(codeFrom, e.Hint, "it cannot be planned: %s (%s)", e.Text, e.Place)
		}
	}
	return source{of, p}, nil
}

// joined is a plan with the output of another one.
func joined(p plan.Service, of source, s config.Service, f config.File, dir fs.FS, language string) (plan.Service, *diag.Finding) {
	refuse := func(hint, format string, args ...any) (plan.Service, *diag.Finding) {
		return p, &diag.Finding{Code: codeFrom, Place: diag.Place{File: config.FileName, Line: s.Line}, Hint: hint,
			Text: fmt.Sprintf("%s: files from %s: "+format, append([]any{s.Name, f.From}, args...)...)}
	}
	if p.Type == "static" {
		return refuse("merge the two sites, or serve them as two services", "a static site cannot take files from another service")
	}
	out := outputOf(of, f)
	if out == "" {
		return refuse("write path: in the entry with the output directory of "+of.Name, "its output directory cannot be determined")
	}
	top, prefix := ecosystem.CommonDir(p.Dir, of.plan.Dir), stagePrefix(of.Name)
	inner, patterns := p.Dir, [2][]string{}
	other := rebased(of.plan, top)
	mine := rebased(p, top)
	mine.Stages = slices.Clone(mine.Stages) // which may have room for more, and p's must stay
	if patterns = [2][]string{mine.DockerIgnore, other.DockerIgnore}; p.Dir != top && of.plan.Dir == top {
		patterns = [2][]string{other.DockerIgnore, mine.DockerIgnore}
	} else {
		inner = of.plan.Dir
	}
	mine.DockerIgnore = joinedPatterns(patterns[0], patterns[1], ecosystem.Below(top, inner))
	if mine.QualityIgnore != nil {
		if inner == of.plan.Dir {
			mine.QualityIgnore = joinedPatterns(mine.QualityIgnore, other.DockerIgnore, ecosystem.Below(top, inner))
		} else {
			mine.QualityIgnore = joinedPatterns(other.DockerIgnore, mine.QualityIgnore, ecosystem.Below(top, inner))
		}
	}
	stages := upTo(other, plan.StageBuilder, prefix)
	for _, st := range stages {
		if !slices.ContainsFunc(mine.Stages, func(m plan.Stage) bool { return m.Name == st.Name }) {
			mine.Stages = slices.Insert(mine.Stages, firstOwn(mine.Stages, p.Stages), st)
		}
	}
	mine.Bases = basesOf(mine, of.plan)
	mine.Facts = append(mine.Facts, plan.Fact{Name: "files", Value: path.Join("/", f.To)[1:], Evidence: "output " + out + " of " + of.Name, File: config.FileName, Line: s.Line})
	from := path.Join(workdir(stages, prefix+plan.StageBuilder, -1), out)
	step := plan.Step{Op: plan.OpCopy, From: prefix + plan.StageBuilder, Args: []string{from, ""}, Comment: "Build output of " + of.Name + "."}
	place(&mine, step, s, ecosystem.Or(f.To, path.Base(out)), p.Dir, dir, language)
	return mine, nil
}

// outputOf is what a service's build writes, relative to its working directory: what
// the entry says, else what slipway.yaml or its sources say.
func outputOf(of source, f config.File) string {
	if f.Path != "" {
		return f.Path
	}
	for _, fact := range of.plan.Facts {
		if fact.Name == "build output" {
			return fact.Value
		}
	}
	return of.Output
}

// stagePrefix begins the names of another service's stages. Names of stages begin
// with a letter.
func stagePrefix(service string) string {
	if service[0] >= '0' && service[0] <= '9' {
		service = "s" + service
	}
	return service + "-"
}

// firstOwn is the number of the first stage that was the plan's before: stages of
// other services come above them.
func firstOwn(stages, own []plan.Stage) int {
	return slices.IndexFunc(stages, func(st plan.Stage) bool { return len(own) > 0 && st.Name == own[0].Name })
}

// basesOf are the bases of a plan and those that its stages of another one start
// from.
func basesOf(p, other plan.Service) []plan.Base {
	out := slices.Clone(p.Bases)
	for _, b := range other.Bases {
		used := slices.ContainsFunc(p.Stages, func(st plan.Stage) bool {
			return st.From == b.Ref || slices.ContainsFunc(st.Steps, func(s plan.Step) bool { return s.From == b.Ref })
		})
		if used && !slices.ContainsFunc(out, func(have plan.Base) bool { return have.Ref == b.Ref }) {
			out = append(out, b)
		}
	}
	return out
}

// place puts the copy of another service's output where the program finds it:
// before it is compiled, for a language that may make it part of the program, and
// in production unless it is.
func place(p *plan.Service, step plan.Step, s config.Service, to, context string, dir fs.FS, language string) {
	compiled := slices.Contains([]string{"go", "rust", "java"}, language)
	if compiled {
		for i := range p.Stages {
			st := &p.Stages[i]
			if st.Name != plan.StageBuilder {
				continue
			}
			st.Steps = withoutMissing(st.Steps, path.Join(ecosystem.Below(p.Dir, s.Path), to), ecosystem.Below(p.Dir, s.Path), dir)
			at := slices.IndexFunc(st.Steps, func(x plan.Step) bool { return x.Op == plan.OpRun })
			if at < 0 {
				at = len(st.Steps)
			}
			in := step
			in.Args = []string{step.Args[0], path.Join(workdir(p.Stages, st.Name, at), ecosystem.Below(context, s.Path), to)}
			st.Steps = slices.Insert(slices.Clone(st.Steps), at, in)
		}
		if embeds(dir, to, language) {
			return
		}
	}
	st := &p.Stages[len(p.Stages)-1]
	at := slices.IndexFunc(st.Steps, func(x plan.Step) bool { return x.Op == plan.OpEnv || x.Op == plan.OpUser })
	step.Link, step.Args = true, []string{step.Args[0], path.Join(workdir(p.Stages, st.Name, 1), to)}
	if compiled { // whatever directory of the service the program is built from, it runs in the working directory
		step.Args[1] = path.Join(ecosystem.WorkDir, to)
	}
	st.Steps = slices.Insert(slices.Clone(st.Steps), max(at, 0), step)
}

// withoutMissing leaves out the copies of what only the other service's build
// writes: paths of the context at or below one that is not there. at is the
// service's directory in the context.
func withoutMissing(steps []plan.Step, to, at string, dir fs.FS) []plan.Step {
	var out []plan.Step
	for _, st := range steps {
		if st.Op == plan.OpCopy && st.From == "" && st.Content == "" {
			sources := slices.DeleteFunc(slices.Clone(st.Args[:len(st.Args)-1]), func(a string) bool {
				a = path.Clean(a)
				return (a == to || strings.HasPrefix(a, to+"/")) && !ecosystem.Exists(dir, ecosystem.Below(at, a))
			})
			if len(sources) == 0 {
				continue
			}
			st.Args = append(sources, st.Args[len(st.Args)-1])
		}
		out = append(out, st)
	}
	return out
}

// What makes files part of a program.
var (
	goEmbed   = pattern.Lazy(`(?m)^//go:embed[ \t]+(.+)$`)
	rustEmbed = pattern.Lazy(`(?:\bfolder\s*=\s*|\binclude_dir!\(\s*|\binclude_(?:str|bytes)!\(\s*|\bStaticFiles\b.*?)"(?:\$CARGO_MANIFEST_DIR/)?([^"]+)"`)
)

// embeds tells whether the compiler makes a path of the service part of the
// program.
func embeds(dir fs.FS, to, language string) bool {
	re, ext := map[string]*regexp.Regexp{"go": goEmbed(), "rust": rustEmbed()}[language], map[string]string{"go": ".go", "rust": ".rs"}[language]
	if language == "java" {
		return strings.HasPrefix(to, "src/")
	}
	found := false
	ecosystem.EachSource(dir, func(name string, isDir bool) bool {
		return isDir && !strings.HasPrefix(path.Base(name), ".") && path.Base(name) != "node_modules" || path.Ext(name) == ext
	}, func(name string, data []byte) {
		for _, m := range re.FindAllSubmatch(data, -1) {
			words := []string{string(m[1])}
			if language == "go" {
				words = golang.EmbedPatterns(string(m[1]))
			}
			for _, word := range words {
				at := path.Join(path.Dir(name), word)
				if language == "rust" {
					at = path.Clean(word)
				}
				at, _, _ = strings.Cut(at, "*")
				at = strings.TrimSuffix(at, "/")
				found = found || at == to || strings.HasPrefix(to, at+"/") || strings.HasPrefix(at, to+"/")
			}
		}
	})
	return found
}
