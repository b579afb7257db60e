package golang

import "github.com/slipway-build/slipway/internal/ecosystem"

var (
	// requiredTag is the field of a settings struct that must have a variable:
	// caarlos0/env, kelseyhightower/envconfig and sethvargo/go-envconfig.
	requiredTag = ecosystem.NewSign("`[^`\n]*\\benv(?:config)?:\"(\\w+),?(?:required|notEmpty)[^`\n]*`")
	// getenv is a variable that is read; what follows decides whether it has a
	// default.
	getenv = ecosystem.NewSign(`\b(?:os\.Getenv|os\.LookupEnv|viper\.BindEnv|syscall\.Getenv)\(\s*"(\w+)"`)
	// mustEnv are helpers that end the program without the variable.
	mustEnv = ecosystem.NewSign(`\b(?:[mM]ust\w*Env\w*|[rR]equire\w*Env\w*|[mM]ustGet\w*|[mM]ustMapEnv)\([^"\n]*"([A-Z][A-Z0-9_]+)"\s*\)`)
	// withDefault is a variable that has one: cmp.Or, a helper with a second
	// argument, or an assignment in the branch that finds it empty.
	withDefault = ecosystem.NewSign(`(?:\bcmp\.Or\(\s*os\.Getenv|\b\w*(?:[eE]nv\w*|Default)\w*)\(\s*"(\w+)"\s*\)?\s*,\s*[^)\s]|\b\w+\s*:?=\s*os\.Getenv\(\s*"(\w+)"\s*\)\s*(?:;|\n)\s*if\s+\w+\s*==\s*""\s*\{\s*\w+\s*=|\bif\s+\w+(?:,\s*\w+)?\s*:=\s*os\.(?:Getenv|LookupEnv)\(\s*"(\w+)"`)

	started = ecosystem.NewSign(`\bexec\.(?:Command|LookPath)\(\s*"([^"\n]+)"|\bexec\.CommandContext\(\s*[^,\n]+,\s*"([^"\n]+)"`)
	inShell = ecosystem.NewSign(`\bexec\.Command(?:Context)?\(\s*(?:[^,"\n]+,\s*)?"(?:/bin/)?(?:ba)?sh",\s*"-\w*c",\s*"([^"\n]+)"`)

	made = ecosystem.NewSign(`\bos\.(?:MkdirAll|Mkdir)\(\s*"((?:\./)?[\w.-]+(?:/[\w.-]+)*|/[\w./-]+)"`)
)

// lookUses takes what a source asks the machine for: variables, programs, and
// directories that it makes.
func (s *service) lookUses(name string, data []byte) {
	if asks.Match(data) {
		s.lookReads(name, data)
	}
	s.ScanUses(name, data, ecosystem.UseSigns{Calls: []ecosystem.Pattern{started}, Shell: []ecosystem.Pattern{inShell}})
	ecosystem.EachMatch(made, data, func(dir string, line int) { s.Writes(dir, "created by the program", name, line) })
	s.WritesDatabases(name, data)
}

// asks is a cheap sign of a file that reads variables; most read none.
var asks = ecosystem.NewSign(`Getenv|LookupEnv|BindEnv|env:"|envconfig:"|mustEnv|MustEnv|mustGet|MustGet|mustMapEnv|MustMapEnv|requireEnv|RequireEnv|EnvOrFail|mustLookup`)

func (s *service) lookReads(name string, data []byte) {
	defaulted := map[string]bool{}
	ecosystem.EachMatch(withDefault, data, func(variable string, _ int) { defaulted[variable] = true })
	for _, sign := range []*ecosystem.Sign{requiredTag, mustEnv, getenv} {
		ecosystem.EachMatch(sign, data, func(variable string, line int) {
			if !defaulted[variable] || sign != getenv {
				s.Reads(variable, name, line)
			}
		})
	}
}
