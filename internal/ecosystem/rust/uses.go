package rust

import "github.com/slipway-build/slipway/internal/ecosystem"

var (
	// needsVar is a variable without which the program ends or an error goes up.
	needsVar = ecosystem.NewSign(`\bvar(?:_os)?\(\s*"(\w+)"\s*\)\s*(?:\.\s*(?:map_err|context|with_context|wrap_err)\([^;]{0,120}?\)\s*)?(?:\.\s*(?:unwrap|expect)\(|\?)`)
	// needsArg is an option of clap that only a variable gives: no default, no Option.
	needsArg = ecosystem.NewSign(`#\[(?:arg|clap|structopt)\(([^]]*)\)\]\s*(?:pub(?:\([^)]*\))?\s+)?\w+\s*:\s*(\w+)`)
	argEnv   = ecosystem.NewSign(`\benv\s*=\s*"(\w+)"`)
	argEnvOf = ecosystem.NewSign(`\bdefault_value`)

	started = ecosystem.NewSign(`\bCommand::new\(\s*"([^"\n]+)"`)
	inShell = ecosystem.NewSign(`\bCommand::new\(\s*"(?:/bin/)?(?:ba)?sh"\s*\)\s*\.\s*args?\(\s*&?\[?\s*"-\w*c"\s*(?:,|\)\s*\.\s*arg\()\s*"([^"\n]+)"`)

	made = ecosystem.NewSign(`\bcreate_dir(?:_all)?\(\s*"((?:\./)?[\w.-]+(?:/[\w.-]+)*|/[\w./-]+)"`)
)

// lookUses takes what a source asks the machine for: variables, programs, and
// directories that it makes.
func (s *service) lookUses(name string, data []byte) {
	s.ScanUses(name, data, ecosystem.UseSigns{Reads: []ecosystem.Pattern{needsVar}, Calls: []ecosystem.Pattern{started}, Shell: []ecosystem.Pattern{inShell}})
	ecosystem.EachMatch(made, data, func(dir string, line int) { s.Writes(dir, "created by the program", name, line) })
	s.WritesDatabases(name, data)
	for at := 0; at < len(data); {
		m := needsArg.FindSubmatchIndex(data[at:])
		if m == nil {
			return
		}
		options, kind := data[at+m[2]:at+m[3]], string(data[at+m[4]:at+m[5]])
		if env := ecosystem.Find(argEnv, name, options); env.Found() && !argEnvOf.Match(options) && kind != "Option" && kind != "bool" {
			s.Reads(env.Text, name, ecosystem.LineAt(data, int64(at+m[0])))
		}
		at += m[1]
	}
}
