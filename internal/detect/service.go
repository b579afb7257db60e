package detect

import (
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// planOne plans a service: from its own Dockerfile where it has one and nothing
// says otherwise, else from its sources.
func planOne(root repository, s config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	s.Prove = root.prove
	p, findings := planAlone(root, s, fleet)
	if s.Prove && p.Name != "" && len(p.Quality)+len(p.LeftOutStages) == 0 {
		file := ""
		if fleet != nil {
			file = fleet.File
		}
		ecosystem.ProveWritten(&p, s, file)
	}
	if p.Name != "" {
		secrets, facts := root.secrets(s)
		p.Secrets, p.Facts = secrets, append(p.Facts, facts...)
	}
	return p, findings
}

// planAlone is planOne without what a container gets when it runs.
func planAlone(root repository, s config.Service, fleet *config.Fleet) (plan.Service, diag.Findings) {
	dir, f := directory(root, s, fleet)
	if f != nil {
		return plan.Service{}, diag.Findings{*f}
	}
	if name := OwnDockerfile(dir); name != "" && !s.Planned {
		found, findings := inspect(root, s, fleet)
		if len(s.Files)+len(s.Exclude) > 0 {
			f := finding(codeOwnFiles, s, fleet, "%s: files: and exclude: apply only to images that Slipway plans; this one is built from its own %s", s.Name, name)
			f.Severity, f.Hint = diag.Warning, "delete them, or write dockerfile: false"
			findings = append(findings, *f)
		}
		return ownPlan(dir, found, fleet), findings
	}
	e, f := ecosystemOf(root, dir, s, fleet)
	if f != nil {
		return plan.Service{}, diag.Findings{*f}
	}
	s.Ecosystem = e.Name()
	p, findings := e.Plan(dir, s, fleet)
	if again, note := root.forPlans(findings); again != nil {
		if p, f := planAlone(*again, s, fleet); f.Errors() == nil {
			return p, said(f, note)
		}
	} else if again, note := root.forSources(s.Path, findings, root.plans(s, fleet)); again != nil {
		p, f := planAlone(*again, s, fleet)
		return p, said(f, note)
	}
	facts := p.Facts
	if findings.Errors() != nil {
		_, facts, _ = e.Inspect(dir, s, fleet) // a plan with errors has none
	}
	best := findings
	dropped := root.complete(e, dir, s, facts, func(s config.Service, notes []plan.Fact) bool {
		again, f := e.Plan(dir, s, fleet)
		if f.Errors() != nil && findings.Errors() == nil {
			return false
		}
		p, best = again, placed(f, notes)
		p.Facts = noted(p.Facts, notes)
		return f.Errors() == nil
	})
	if best.Errors() != nil {
		return p, best
	}
	p, taken := root.withOutputs(p, s, dir, e.Name(), fleet)
	return p, slices.Concat(best, dropped, taken, unwritable(p))
}

// inspect describes a service as planOne plans it.
func inspect(root repository, s config.Service, fleet *config.Fleet) (Found, diag.Findings) {
	dir, f := directory(root, s, fleet)
	if f != nil {
		return Found{}, diag.Findings{*f}
	}
	e, f := ecosystemOf(root, dir, s, fleet)
	if own := OwnDockerfile(dir); own != "" && !s.Planned {
		return inspectOwn(root, e, dir, s, fleet, own), nil
	}
	if f != nil {
		return Found{}, diag.Findings{*f}
	}
	s.Ecosystem = e.Name()
	done, facts, findings := e.Inspect(dir, s, fleet)
	if again, note := root.forPlans(findings); again != nil {
		if found, f := inspect(*again, s, fleet); f.Errors() == nil {
			return found, said(f, note)
		}
	} else if again, note := root.forSources(s.Path, findings, root.plans(s, fleet)); again != nil {
		found, f := inspect(*again, s, fleet)
		return found, said(f, note)
	}
	best := findings
	dropped := root.complete(e, dir, s, facts, func(s config.Service, notes []plan.Fact) bool {
		again, more, f := e.Inspect(dir, s, fleet)
		if f.Errors() != nil && findings.Errors() == nil {
			return false
		}
		done, facts, best = again, noted(more, notes), placed(f, notes)
		return f.Errors() == nil
	})
	_, secrets := root.secrets(s)
	return Found{Service: done, Facts: append(facts, secrets...)}, append(best, dropped...)
}

// complete fills in what neither slipway.yaml nor the sources say of a service
// and the files of its deployment do. try gets the service and the facts behind
// it; when it refuses, it is tried without the version, which the bases may not
// have.
func (r repository) complete(e Ecosystem, dir fs.FS, s config.Service, facts []plan.Fact, try func(config.Service, []plan.Fact) bool) diag.Findings {
	ev := r.evidenceOf(s, e.Name(), dir)
	filled, notes := ev.fill(s, facts)
	if len(notes) == 0 || try(filled, notes) || filled.Version == s.Version {
		return nil
	}
	from := ev.version
	ev.version = ecosystem.Hit{}
	if filled, notes = ev.fill(s, facts); len(notes) > 0 && !try(filled, notes) {
		return nil
	}
	return diag.Findings{{Code: codeOtherVersion, Severity: diag.Info, Place: diag.Place{File: from.File, Line: from.Line},
		Text: s.Name + ": " + from.Why + " names a version that the bases do not have, so Slipway uses the default",
		Hint: "write version: for the service in slipway.yaml"}}
}

// placed gives findings about a version the place of the file that names it.
func placed(findings diag.Findings, notes []plan.Fact) diag.Findings {
	i := slices.IndexFunc(notes, func(n plan.Fact) bool { return n.Name == "runtime" })
	if i < 0 {
		return findings
	}
	out := slices.Clone(findings)
	for j, f := range out {
		if (f.Code == ecosystem.CodeNearest || f.Code == ecosystem.CodeEnded) && f.Excerpt == "" {
			out[j].Place = diag.Place{File: notes[i].File, Line: notes[i].Line}
		}
	}
	return out
}

// guess is what the ecosystems say of a start file that they know by its name
// alone: a command that somebody wrote is more.
const guess = "the file exists"

// shown reports a fact that a file speaks for, rather than a default, which may have
// the place that it is for.
func shown(f plan.Fact) bool {
	return f.File != "" && f.Evidence != guess && !strings.HasPrefix(f.Evidence, "default")
}

// fill completes a service where its facts are defaults, and returns what is
// behind that.
func (e evidence) fill(s config.Service, facts []plan.Fact) (config.Service, []plan.Fact) {
	var notes []plan.Fact
	note := func(name, value, why, file string, line int) {
		notes = append(notes, plan.Fact{Name: name, Value: value, Evidence: why, File: file, Line: line})
	}
	known := func(name string) bool {
		return slices.ContainsFunc(facts, func(f plan.Fact) bool { return f.Name == name && shown(f) })
	}
	static := s.Type == "static" || slices.ContainsFunc(facts, func(f plan.Fact) bool { return f.Name == "type" && f.Value == "static" })
	if e.version.Text != "" && s.Version == "" && !known("runtime") && !static {
		s.Version = e.version.Text
		note("runtime", "", e.version.Why, e.version.File, e.version.Line)
	}
	if e.words != nil && len(s.Command) == 0 && !known("start") && !static {
		s.Command = e.words
		note("start", e.start.Text, e.start.Why, e.start.File, e.start.Line)
	}
	if static {
		return s, notes
	}
	e.fillNetwork(&s, facts, known, note)
	if e.gpu.Found() && s.GPU == nil && !known("GPU") && slices.ContainsFunc(facts, func(f plan.Fact) bool { return f.Name == "GPU" }) {
		s.GPU = new(bool)
		*s.GPU = true
		note("GPU", "needed", e.gpu.Why, e.gpu.File, e.gpu.Line)
	}
	for _, h := range e.env {
		s = withEnv(s, h, note)
	}
	if e.depends.Found() && !known("needs") {
		note("needs", e.depends.Text, e.depends.Why, e.depends.File, e.depends.Line)
	}
	return s, notes
}

// fillNetwork completes type, port and health.
func (e evidence) fillNetwork(s *config.Service, facts []plan.Fact, known func(string) bool, note func(name, value, why, file string, line int)) {
	if s.Type == "" && !known("type") && e.port.Found() {
		s.Type = "http"
		why := e.port
		if e.grpc.Found() {
			s.Type, why = "grpc", e.grpc
		}
		note("type", s.Type, why.Why+": it listens", why.File, why.Line)
	}
	kind := s.Type
	for _, f := range facts {
		if f.Name == "type" && kind == "" {
			kind = f.Value
		}
	}
	if kind != "http" && kind != "grpc" && kind != "static" { // of static ones, those with a Dockerfile of their own
		return
	}
	if n := e.listening(); n > 0 && s.Port == 0 && !known("port") {
		s.Port = n
		note("port", strconv.Itoa(n), e.port.Why, e.port.File, e.port.Line)
	}
	switch h := &s.Health; {
	case h.Asks() || known("health"):
	case kind != "grpc" && e.route.Found():
		h.HTTP = e.route.Text
		note("health", h.Describe(), e.route.Why, e.route.File, e.route.Line)
	case kind == "grpc" && e.grpc.Found():
		h.GRPC = &e.grpc.Text
		note("health", h.Describe(), e.grpc.Why, e.grpc.File, e.grpc.Line)
	}
}

// withEnv gives the running service a variable that slipway.yaml does not set.
func withEnv(s config.Service, h ecosystem.Hit, note func(name, value, why, file string, line int)) config.Service {
	name, value, _ := strings.Cut(h.Text, "=")
	if _, written := s.Env[name]; written {
		return s
	}
	env := maps.Clone(s.Env)
	if env == nil {
		env = map[string]string{}
	}
	env[name], s.Env = value, env
	note("environment", h.Text, h.Why, h.File, h.Line)
	return s
}

// noted are the facts of a service with the evidence for what was filled in, of
// which the service itself only knows that it was given.
func noted(facts, notes []plan.Fact) []plan.Fact {
	facts = slices.Clone(facts)
	for _, n := range notes {
		i := slices.IndexFunc(facts, func(f plan.Fact) bool { return f.Name == n.Name })
		if i < 0 || n.Name == "environment" || n.Name == "needs" {
			facts = append(facts, n)
			continue
		}
		n.Value = facts[i].Value // in the words of the language
		facts[i] = n
	}
	return facts
}
