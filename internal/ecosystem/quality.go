package ecosystem

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// Check is one thing that a quality stage runs.
type Check struct {
	Tool string // as people call it: "ESLint"
	Run  string // command line of a shell; one that fails does not stop those after it
	Why  string // "devDependency", "script test"
	File string // relative to the build context, "" without evidence in a file
	Line int

	Lacks  string       // why it cannot run and the next command: it is reported in place of the run
	Mounts []plan.Mount // that the step needs for it, beside those of the language
	Args   []string     // build arguments that it reads
}

// Proof is what a language knows of checking a service.
type Proof struct {
	Packages *plan.Stage        // installs what only checks need; nil without
	Sources  plan.Stage         // the sources with their tests; the checks start from it
	Checks   map[string][]Check // by the name of the stage
	Missing  map[string]string  // why a stage has nothing to run
	From     map[string]string  // stages of checks that start from another one than Sources
	Extra    []plan.Stage       // that From names
	Bases    []plan.Base        // that Extra starts from
	Mounts   []plan.Mount       // of every check
	Dir      string             // that the checks run in, "" for the working directory of Sources
	Wants    []string           // variables with addresses of companions that tests read, sorted

	Companions []string    // stages that need companions besides those of integration and end-to-end tests
	Ignore     []string    // patterns of .dockerignore, where tests need others than production
	Trim       []plan.Step // see plan.Service.QualityTrim
}

// defaultMissing says why a stage is left out where the language does not.
func defaultMissing() map[string]string {
	return map[string]string{
		plan.StageLint:        "no linter configured",
		plan.StageUnitTests:   "no tests",
		plan.StageIntegration: "no integration tests",
		plan.StageE2E:         "no end-to-end tests",
		plan.StageScan:        "not on in slipway.yaml; slipway scan checks the finished image",
	}
}

// scanRef is the image that holds the program security-scan alone, and scanned is where
// a stage has the files of production.
const (
	scanRef = "slipway/scan:latest"
	scanned = "/image"
)

// ProveWritten adds the quality stages that slipway.yaml writes to the plan of a service
// whose language has no others. They run beside the sources of the builder.
func ProveWritten(p *plan.Service, want config.Service, fleetFile string) {
	if !slices.ContainsFunc(p.Stages, func(st plan.Stage) bool { return st.Name == plan.StageBuilder }) {
		return
	}
	s := Service{Want: want, FleetFile: fleetFile}
	s.Prove(p, Proof{Sources: plan.Stage{Name: plan.StageTestSources, From: plan.StageBuilder, Comment: "The sources, for the stages below. Production takes nothing from here."}})
}

// Prove adds the quality stages to a plan: what slipway.yaml says, else what the
// language found.
func (s *Service) Prove(p *plan.Service, proof Proof) {
	var stages []plan.Stage
	for _, name := range plan.QualityStages() {
		wanted := s.Want.Quality[name]
		checks := proof.Checks[name]
		if len(wanted.Run) > 0 {
			checks = []Check{{Tool: strings.Join(wanted.Run, "; "), Run: inShell(wanted.Run), Why: "configured", File: s.FleetFile, Line: wanted.Line}}
		}
		if name == plan.StageScan && wanted.On && len(checks) == 0 {
			checks = []Check{{Tool: "security-scan", Run: "security-scan --root " + scanned + " --reports " + plan.ReportsOf(name) + " --fail-on-critical --allow-unknown", Why: "configured", File: s.FleetFile, Line: wanted.Line}}
			p.QualityBases = append(p.QualityBases, plan.Base{Ref: scanRef, Role: plan.RoleProbe, Assembled: true})
		}
		var able []Check
		for _, c := range checks {
			if c.Lacks == "" {
				able = append(able, c)
			} else if !wanted.Off {
				p.LeftOutStages = append(p.LeftOutStages, plan.LeftOutStage{Name: name, Why: c.Lacks})
			}
		}
		lacking := len(able) < len(checks)
		checks = able
		switch {
		case lacking && len(checks) == 0 && !wanted.Off: // the reasons are above
		case wanted.Off:
			p.LeftOutStages = append(p.LeftOutStages, plan.LeftOutStage{Name: name, Why: "off in slipway.yaml"})
		case len(checks) == 0:
			p.LeftOutStages = append(p.LeftOutStages, plan.LeftOutStage{Name: name, Why: Or(proof.Missing[name], defaultMissing()[name])})
		default:
			stages = append(stages, s.checkStage(name, proof, checks, len(wanted.Run) > 0))
		}
	}
	if len(stages) == 0 {
		return
	}
	s.takeTurns(stages)
	if proof.Packages != nil {
		p.Quality = append(p.Quality, *proof.Packages)
	}
	proof.Sources.Steps = s.inContext(proof.Sources.Steps, proof.Ignore)
	p.Quality = append(p.Quality, proof.Sources)
	for _, extra := range proof.Extra {
		if slices.ContainsFunc(stages, func(st plan.Stage) bool { return st.From == extra.Name }) {
			extra.Steps = s.inContext(extra.Steps, proof.Ignore)
			p.Quality = append(p.Quality, extra)
			p.QualityBases = append(p.QualityBases, basesOf(extra, proof.Bases)...)
		}
	}
	p.Quality = append(append(p.Quality, stages...), verification(stages))
	p.QualityIgnore, p.QualityTrim = proof.Ignore, proof.Trim
}

// Quote writes text as one word of a shell.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// inContext are steps without copies of what supplied patterns keep out of the build:
// it would be missing. Of a .dockerignore of the service's own, the language knows.
func (s *Service) inContext(steps []plan.Step, ignore []string) []plan.Step {
	if ignore == nil {
		ignore = s.Ignore.Patterns
	}
	m, err := patternmatcher.New(ignore)
	if err != nil || s.Ignore.Own {
		return steps
	}
	var out []plan.Step
	for _, step := range steps {
		if step.Op == plan.OpCopy && step.From == "" && step.Content == "" && !step.Pattern {
			last := len(step.Args) - 1
			sources := slices.DeleteFunc(slices.Clone(step.Args[:last]), func(name string) bool {
				excluded, err := m.MatchesOrParentMatches(path.Clean(name))
				return err == nil && excluded
			})
			if len(sources) == 0 {
				continue
			}
			step.Args = append(sources, step.Args[last])
		}
		out = append(out, step)
	}
	return out
}

// basesOf are the bases that a stage starts from.
func basesOf(st plan.Stage, all []plan.Base) []plan.Base {
	return slices.DeleteFunc(slices.Clone(all), func(b plan.Base) bool { return b.Ref != st.From })
}

// inShell runs each command in a shell of its own, so that none of them can break the
// step around it; the first that fails ends them.
func inShell(commands []string) string {
	out := make([]string, 0, len(commands))
	for _, c := range commands {
		out = append(out, "sh -c "+Quote(c))
	}
	return strings.Join(out, " && ")
}

// checkStage is one quality stage. What it runs may fail: the step then ends with the
// exit code of the last that did, after all of them have run, and leaves reports and
// status where a successful one does.
func (s *Service) checkStage(name string, proof Proof, checks []Check, written bool) plan.Stage {
	st := plan.Stage{Name: name, From: Or(proof.From[name], proof.Sources.Name)}
	var tools []string
	for _, c := range checks {
		tools = append(tools, c.Tool)
		fact := plan.Fact{Name: name, Value: c.Tool, Evidence: c.Why, File: c.File, Line: c.Line}
		if c.File != "" && c.Why != "configured" {
			fact.File = s.At(c.File)
		}
		st.Facts = append(st.Facts, fact)
	}
	st.Comment = title(name) + ": " + strings.Join(slices.Compact(tools), ", ") + "."
	if written {
		st.Comment = title(name) + ", as slipway.yaml says."
	}
	if proof.Dir != "" {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpWorkdir, Args: []string{proof.Dir}})
	}
	dir := plan.ReportsOf(name)
	commands := []string{"mkdir -p " + dir, "status=0"}
	mounts := proof.Mounts
	if wants := s.addressesOf(name, proof); len(wants) > 0 {
		for _, v := range append([]string{plan.ArgCompanions}, wants...) {
			st.Steps = append(st.Steps, plan.Step{Op: plan.OpArg, Args: []string{v}})
		}
		st.Comment += " They need companions: slipway test starts them; another builder takes their addresses as build arguments."
		commands = append(commands, s.withoutCompanions(name, wants))
	}
	for _, c := range checks {
		commands = append(commands, "{ "+c.Run+" || status=$?; }")
	}
	commands = append(commands, "echo $status > "+path.Join(dir, plan.StatusFile), "exit $status")
	for _, c := range checks {
		mounts = append(slices.Clip(mounts), c.Mounts...)
		for _, arg := range c.Args {
			st.Steps = append(st.Steps, plan.Step{Op: plan.OpArg, Args: []string{arg}})
		}
	}
	if name == plan.StageScan && !written { // the image's files are looked at where they are
		st.Comment = "Security scan of the production image, in search of vulnerabilities and secrets."
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, From: scanRef, Args: []string{"/usr/local/bin/security-scan", "/usr/local/bin/"}})
		mounts = []plan.Mount{{Type: "bind", From: plan.StageProduction, Target: scanned}}
	}
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpRun, Shell: strings.Join(commands, " && "), Mounts: mounts})
	return st
}

// addressesOf are the variables with addresses of companions that a stage takes; none
// where it needs no companions.
func (s *Service) addressesOf(stage string, proof Proof) []string {
	if own := companionVariables(s.Want.Quality[stage].Needs); len(own) > 0 {
		return own
	}
	if stage == plan.StageIntegration || stage == plan.StageE2E || slices.Contains(proof.Companions, stage) {
		return proof.Wants
	}
	return nil
}

// takeTurns lets only one of several stages with companions run at a time where all talk
// to the same servers: one would empty the tables that another one counts. Companions of
// slipway test are fresh for each stage, so there each has a mount of its own.
func (s *Service) takeTurns(stages []plan.Stage) {
	var sharing []*plan.Stage
	for i, st := range stages {
		if slices.ContainsFunc(st.Steps, func(step plan.Step) bool { return step.Op == plan.OpArg && step.Args[0] == plan.ArgCompanions }) {
			sharing = append(sharing, &stages[i])
		}
	}
	if len(sharing) < 2 {
		return
	}
	for _, st := range sharing {
		st.Comment += " The stages take turns then: their servers are the same."
		id := fmt.Sprintf("companions-%s${%s:+-%s}", s.Want.Name, plan.ArgCompanions, st.Name)
		run := &st.Steps[len(st.Steps)-1]
		run.Mounts = append(slices.Clone(run.Mounts), plan.Mount{Type: "cache", ID: id, Target: "/run/companions", Sharing: "locked"})
	}
}

// withoutCompanions ends a stage well that has nothing to talk to, and says so.
func (s *Service) withoutCompanions(stage string, wants []string) string {
	dir := plan.ReportsOf(stage)
	needs := s.Want.Quality[stage].Needs
	if len(needs) == 0 {
		needs = s.Want.Needs
	}
	use := "Use slipway test"
	if len(needs) == 0 { // which has nothing to start, either
		use = "Write needs: {db: postgres} or the like in slipway.yaml and use slipway test"
	}
	text := stage + " not run: no companions. " + use + ", or"
	for _, v := range usualAddresses(needs, wants) {
		text += " --build-arg " + v + "=ADDRESS"
	}
	return fmt.Sprintf(`if [ -z "$%s" ]; then echo "%s" | tee %s;`+"\n"+`echo 0 > %s; exit 0; fi`,
		strings.Join(append([]string{plan.ArgCompanions}, wants...), "$"), text, path.Join(dir, plan.SkippedFile), path.Join(dir, plan.StatusFile))
}

// usualAddresses picks one variable of each need, better a URL that everybody knows than
// a name after the companion's; without needs, one of those that the sources read. Where
// two needs have the same variable, it is the first one's.
func usualAddresses(needs []companion.Need, wants []string) []string {
	rank := func(v string) int {
		known := slices.Contains(addressVariables(), v)
		switch address := strings.HasSuffix(v, "_URL") || strings.HasSuffix(v, "_URI"); {
		case known && address:
			return 0
		case address:
			return 1
		case known:
			return 2
		}
		return 3
	}
	best := func(of []string) []string {
		slices.SortStableFunc(of, func(a, b string) int { return rank(a) - rank(b) })
		return of[:min(1, len(of))]
	}
	var out []string
	rest := slices.Clone(wants)
	for _, n := range needs {
		own := companionVariables([]companion.Need{n})
		out = append(out, best(slices.DeleteFunc(slices.Clone(own), func(v string) bool { return !slices.Contains(rest, v) }))...)
		rest = slices.DeleteFunc(rest, func(v string) bool { return slices.Contains(own, v) })
	}
	if len(out) == 0 {
		return best(rest)
	}
	return out
}

// title is the name of a stage at the beginning of a sentence.
func title(stage string) string {
	words := strings.ReplaceAll(stage, "-", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// verification is production with the reports of all stages: a build of it runs them
// side by side.
func verification(stages []plan.Stage) plan.Stage {
	st := plan.Stage{Name: plan.StageVerification, Comment: "The production image with the reports of all quality stages. It exists when all of them passed.", From: plan.StageProduction}
	for _, s := range stages {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Link: true, From: s.Name, Args: []string{plan.ReportsDir + "/", plan.ReportsDir + "/"}})
	}
	return st
}

// TestSources returns the entries of a directory that tests and linters may read: all
// but what certainly none of them does. Names are sorted.
func (s *Service) TestSources(names []string, isDir func(string) bool) []string {
	var out []string
	for _, name := range names {
		switch s.Needless(name, isDir(name)) {
		case WhyVersionControl, WhyCI, WhyCache, WhySecret, WhyPeople:
			continue
		case WhyContainer:
			continue
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// LetIn are patterns of .dockerignore without those given and with exceptions for
// paths; nil when nothing changes.
func (i Ignore) LetIn(patterns, exceptions []string) []string {
	out := slices.DeleteFunc(slices.Clone(i.Patterns), func(p string) bool { return slices.Contains(patterns, p) })
	for _, e := range exceptions {
		if i.Own && i.matches(e) || !i.Own {
			out = append(out, "!"+e)
		}
	}
	if slices.Equal(out, i.Patterns) {
		return nil
	}
	return out
}

// addressVariables are names of variables that clients of databases and the like take
// an address from.
func addressVariables() []string {
	return []string{
		"AMQP_URL", "CLOUDAMQP_URL", "DATABASE_URI", "DATABASE_URL", "DB_HOST", "DB_URL", "ELASTICSEARCH_URL", "KAFKA_BROKERS", "MONGODB_URI", "MONGODB_URL", "MONGO_URI", "MONGO_URL",
		"MYSQL_HOST", "MYSQL_URL", "PGHOST", "POSTGRES_HOST", "POSTGRES_URL", "RABBITMQ_URL", "REDIS_HOST", "REDIS_URL", "S3_ENDPOINT", "SMTP_HOST", "TEST_DATABASE_URL", "VALKEY_URL",
	}
}

// CompanionVariables are the variables that say where a companion is: those that the
// service's needs set, and those that a plan reads.
func (s *Service) CompanionVariables(reads []plan.Use) []string {
	out := companionVariables(s.Want.Needs)
	for _, r := range reads {
		if slices.Contains(addressVariables(), r.Name) {
			out = append(out, r.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// companionVariables are the variables that needs set, without passwords: builders keep
// arguments.
func companionVariables(needs []companion.Need) []string {
	var out []string
	for _, v := range companion.Variables(needs) {
		if !config.IsSecretName(v.Name) && !strings.Contains(v.Name, "PASS") && !strings.Contains(v.Name, "KEY") {
			out = append(out, v.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
