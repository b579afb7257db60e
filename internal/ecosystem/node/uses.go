package node

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// uses is what sources ask the machine for, while they are read.
type uses struct {
	s         *service
	reads     map[string]place // variables without a default
	defaulted map[string]bool  // variables with one, somewhere
	shell     place            // the first call of a shell
	shellCall string
	tools     []string // files that scripts other than the start run
}

type place struct {
	file string
	line int
}

func newUses(s *service) *uses {
	u := &uses{s: s, reads: map[string]place{}, defaulted: map[string]bool{}}
	entry, _ := s.startFile()
	for _, file := range s.pkg.commands() {
		if path.Clean(file) != path.Clean(entry) {
			u.tools = append(u.tools, path.Clean(file))
		}
	}
	for name, script := range s.pkg.Scripts {
		if !strings.ContainsAny(script, "./") {
			continue
		}
		if name == "start" || strings.HasPrefix(name, "start:") {
			continue
		}
		for _, w := range strings.FieldsFunc(script, func(r rune) bool { return strings.ContainsRune(" \t\"';&|()", r) }) {
			if slices.Contains([]string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"}, path.Ext(w)) && path.Clean(w) != path.Clean(entry) {
				u.tools = append(u.tools, path.Clean(w))
			}
		}
	}
	return u
}

// commands are the files that a package offers to shells.
func (m *manifest) commands() []string {
	switch bin := m.Bin.(type) {
	case string:
		return []string{bin}
	case map[string]any:
		var out []string
		for _, v := range bin {
			if text, ok := v.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

// source looks at one file. What only builds is another program.
func (u *uses) source(name string, data []byte) {
	if slices.Contains(u.tools, name) || strings.Contains(path.Base(name), ".config.") || slices.Contains([]string{"scripts", "tools", "build", "tasks"}, top(name)) {
		return
	}
	u.variables(name, data)
	u.programs(name, data)
	u.writes(name, data)
	u.keys(name, data)
}

// done notes what was found.
func (u *uses) done() {
	for _, name := range slices.Sorted(maps.Keys(u.reads)) {
		if at := u.reads[name]; !u.defaulted[name] {
			u.s.Reads(name, at.file, at.line)
		}
	}
	if u.shell.file != "" && !u.s.Want.Shell {
		u.s.Report(diag.Warning, codeShellCall, u.shell.file, u.shell.line, "write shell: true for the service in slipway.yaml, or call execFile or spawn, which need none",
			"%s starts a shell, and the image has none", u.shellCall)
		u.s.Said(plan.ProgramCalled, "sh")
	}
}

// Evidence of variables.
var (
	envRead     = ecosystem.NewSign(`\bprocess\.env(?:\.([A-Za-z_]\w*)|\[\s*['"]([A-Za-z_]\w*)['"]\s*\])`)
	envSchema   = ecosystem.NewSign(`(?m)^\s*([A-Z][A-Z0-9_]+)\s*:\s*(?:(?:Joi|joi|yup)\.[^\n]*\.required\(\)|(?:z|t|v|Type)\.\w+\([^\n]*|(?:str|num|url|email|host|port|bool|json)\(\s*(?:\{[^}\n]*\}\s*)?\))[^\n]*`)
	envUnpacked = ecosystem.NewSign(`\{([^{}]*)\}\s*=\s*process\.env\b`)
)

// variables notes which are read, with a default or without.
func (u *uses) variables(file string, data []byte) {
	for at := 0; ; {
		m := envRead.FindSubmatchIndex(data[at:])
		if m == nil {
			break
		}
		i := 2
		if m[i] < 0 {
			i = 4
		}
		name := string(data[at+m[i] : at+m[i+1]])
		switch optional, assigned := optionalRead(data[:at+m[0]], data[at+m[1]:]); {
		case assigned:
		case optional:
			u.defaulted[name] = true
		default:
			u.read(name, file, ecosystem.LineAt(data, int64(at+m[0])))
		}
		at += m[1]
	}
	u.schema(file, data)
	if !containsAny(data, "= process.env", "=process.env") {
		return
	}
	if m := envUnpacked.FindSubmatchIndex(data); m != nil {
		for part := range strings.SplitSeq(string(data[m[2]:m[3]]), ",") {
			name, _, defaulted := strings.Cut(part, "=")
			name, _, _ = strings.Cut(name, ":")
			if name = strings.TrimSpace(name); defaulted {
				u.defaulted[name] = true
			} else if name != "" && !strings.Contains(name, "...") {
				u.read(name, file, ecosystem.LineAt(data, int64(m[0])))
			}
		}
	}
}

// schema notes the variables that a schema of the environment requires.
func (u *uses) schema(file string, data []byte) {
	if !ecosystem.Contains(data, "process.env") || !containsAny(data, "Joi.", "joi.", "yup.", "z.string(", "z.coerce", "z.object(", "v.object(", "t.Object(", "Type.", "cleanEnv(") {
		return
	}
	for at, n := 0, 0; n < 100; n++ {
		m := envSchema.FindSubmatchIndex(data[at:])
		if m == nil {
			return
		}
		line := string(data[at+m[0] : at+m[1]])
		if !strings.Contains(line, "optional") && !strings.Contains(line, "efault") && !strings.Contains(line, "nullish") {
			u.read(string(data[at+m[2]:at+m[3]]), file, ecosystem.LineAt(data, int64(at+m[2])))
		}
		at += m[1]
	}
}

func (u *uses) read(name, file string, line int) {
	if _, known := u.reads[name]; !known {
		u.reads[name] = place{file, line}
	}
}

// optionalRead tells by the text around it whether a program does without a
// variable: a default follows, or its presence is asked for. assigned means that
// the program sets it.
func optionalRead(before, after []byte) (optional, assigned bool) {
	rest := bytes.TrimLeft(after[:min(len(after), 40)], " \t\r\n)!")
	for _, op := range []string{"??", "||", "===", "!==", "==", "!=", "&&"} {
		if bytes.HasPrefix(rest, []byte(op)) {
			return true, false
		}
	}
	if len(rest) > 1 && rest[0] == '?' && rest[1] != '.' {
		return true, false
	}
	if len(rest) > 1 && rest[0] == '=' && rest[1] != '>' {
		return false, true
	}
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	word := bytes.TrimRight(line, " \t")
	for _, asks := range []string{"if (", "if(", "!!", "delete", "typeof", "Boolean(", "&&", "||", " in"} {
		if bytes.HasSuffix(word, []byte(asks)) {
			return true, false
		}
	}
	return false, false
}

// Evidence of programs that are started.
var (
	childModule = ecosystem.NewSign(`['"](?:node:)?child_process['"]`)
	childBound  = pattern.Lazy(`\{([^{}]*)\}\s*(?:=\s*require\(|from\s*|=\s*await import\()\s*['"](?:node:)?child_process['"]`)
	childNamed  = pattern.Lazy(`(?:\bimport\s+(?:\*\s*as\s+)?(\w+)\s+from\s*|\b(\w+)\s*=\s*(?:require|await import)\()\s*['"](?:node:)?child_process['"]`)
	spawned     = pattern.Lazy(`\b(?:spawn|spawnSync|execFile|execFileSync|execa|execaSync)\(\s*['"\x60]([^'"\x60$]+)['"\x60]([^;\n]*)`)
	shellOption = pattern.Lazy(`\bshell:\s*(?:true|['"])`)
	otherShell  = ecosystem.NewSign(`\bshell\.exec\(|\bexecaCommand(?:Sync)?\(|['"]shelljs['"]|from\s*['"]zx['"]`)
)

// programs notes what the sources start. exec and execSync start a shell, which
// starts the program.
func (u *uses) programs(file string, data []byte) {
	if containsAny(data, "shelljs", "execaCommand", "'zx'", `"zx"`, "shell.exec(") && otherShell.Match(data) {
		if m := otherShell.FindSubmatchIndex(data); u.production("shelljs", "zx", "execa") {
			u.shellAt(file, data, m[0], "", string(bytes.Trim(data[m[0]:m[1]], "('\" ")))
		}
	}
	child := childModule.Match(data)
	if !child && !ecosystem.Contains(data, "execa") && !ecosystem.Contains(data, "cross-spawn") {
		return
	}
	for _, m := range spawned().FindAllSubmatchIndex(data, 50) {
		command, line := string(data[m[2]:m[3]]), ecosystem.LineAt(data, int64(m[0]))
		u.s.Calls(command, file, line)
		if shellOption().Match(data[m[4]:m[5]]) {
			u.shellAt(file, data, m[0], "", "shell: true")
		}
	}
	if !child {
		return
	}
	for _, call := range shellCalls(data) {
		if at, command := firstCall(data, call); at >= 0 {
			u.shellAt(file, data, at, command, call)
		}
	}
}

// production reports one of the packages among those for production.
func (u *uses) production(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return u.s.pkg.Dependencies[n] != "" })
}

// shellCalls are the names by which a file calls exec and execSync of child_process.
func shellCalls(data []byte) []string {
	var out []string
	for _, m := range childBound().FindAllSubmatch(data, 10) {
		for part := range strings.SplitSeq(string(m[1]), ",") {
			words := strings.FieldsFunc(part, func(r rune) bool { return strings.ContainsRune(" :\t\n\r", r) })
			if len(words) > 0 && (words[0] == "exec" || words[0] == "execSync") {
				out = append(out, words[len(words)-1])
			}
		}
	}
	for _, m := range childNamed().FindAllSubmatch(data, 10) {
		for _, name := range m[1:] {
			if len(name) > 0 {
				out = append(out, string(name)+".exec", string(name)+".execSync")
			}
		}
	}
	if ecosystem.Contains(data, `child_process")`) || ecosystem.Contains(data, `child_process')`) {
		out = append(out, `child_process").exec`, `child_process').exec`, `child_process").execSync`, `child_process').execSync`)
	}
	return out
}

// firstCall returns where a function is called, or handed on as promisify does,
// and the command when it is written there; -1 for nowhere.
func firstCall(data []byte, name string) (at int, command string) {
	for from := 0; ; {
		i := bytes.Index(data[from:], []byte(name))
		if i < 0 {
			return -1, ""
		}
		i += from
		from = i + len(name)
		if i > 0 && (data[i-1] == '.' || data[i-1] == '_' || data[i-1] == '$' || isLetter(data[i-1])) {
			continue
		}
		rest := bytes.TrimLeft(data[from:], " \t")
		switch {
		case bytes.HasPrefix(rest, []byte("(")):
			rest = bytes.TrimLeft(rest[1:], " \t\r\n")
			if len(rest) > 0 && strings.ContainsRune("'\"`", rune(rest[0])) {
				if end := bytes.IndexByte(rest[1:], rest[0]); end >= 0 {
					command = string(rest[1 : 1+end])
				}
			}
			return i, command
		case bytes.HasSuffix(bytes.TrimRight(data[:i], " \t"), []byte("promisify(")):
			return i, ""
		}
	}
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9' }

func (u *uses) shellAt(file string, data []byte, at int, command, call string) {
	line := ecosystem.LineAt(data, int64(at))
	u.s.Calls("sh", file, line)
	if command != "" {
		u.s.Calls(command, file, line)
	}
	if u.shell.file == "" {
		u.shell, u.shellCall = place{file, line}, strings.TrimLeft(strings.ReplaceAll(strings.ReplaceAll(call, `child_process").`, ""), `child_process').`, ""), ".")
	}
}

// containsAny is what is asked before a pattern that matches in few files.
func containsAny(data []byte, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return ecosystem.Contains(data, w) })
}

var keyLiteral = ecosystem.NewSign(`['"\x60]([\w./-]+(?:\.key|-key\.pem|\.p12|\.pfx))['"\x60]`)

// keys notes private keys that the sources name as files to read.
func (u *uses) keys(file string, data []byte) {
	if !containsAny(data, `.key"`, ".key'", ".key`", ".pem", ".p12", ".pfx") {
		return
	}
	for at := 0; ; {
		m := keyLiteral.FindSubmatchIndex(data[at:])
		if m == nil {
			return
		}
		literal := string(data[at+m[2] : at+m[3]])
		line := ecosystem.LineAt(data, int64(at+m[0]))
		for _, name := range []string{path.Clean(literal), path.Join(path.Dir(file), literal)} {
			if name = strings.TrimLeft(name, "/"); !strings.HasPrefix(name, "..") && name != "." {
				u.s.checkKeys(name, literal, file, line)
			}
		}
		at += m[1]
	}
}
