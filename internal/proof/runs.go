package proof

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// quotedWords is a command in the form that slipway.yaml and Dockerfiles take.
func quotedWords(words []string) string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		out = append(out, strconv.Quote(w))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// whereItStarts checks the working directory. One that does not exist is made by
// container runtimes (runc, libcontainer/rootfs_linux.go).
func (c *check) whereItStarts() {
	if f, ok := c.tree.Lookup(c.workDir()); ok && f.Kind != layer.Directory {
		c.broken(CodeProgramKind, c.startPlace(), "correct WORKDIR", "the program starts in %s, which is no directory", c.workDir())
	}
}

// isProgram checks that the kernel can execute a file: an ELF file, or a script
// whose first line names an interpreter. The shell, and what starts programs as
// execvp does, pass any other file to /bin/sh.
func (c *check) isProgram(name string, f layer.File, wrapped bool) bool {
	if f.ELF != nil || f.Shebang != "" || f.Odd || f.Kind != layer.Regular {
		return true
	}
	if _, shell := c.find("/bin/sh"); wrapped && shell && f.Size > 0 {
		return true
	}
	hint := "begin it with the line #!/bin/sh, or the interpreter that it is for"
	if f.Size == 0 {
		hint = "check the build: it wrote an empty file"
	} else if lang := interpreterOf(f.Path); lang != "" {
		hint = "start its interpreter: " + c.setting("command: "+quotedWords([]string{lang, name}))
	}
	c.broken(CodeProgramKind, c.startPlace(), hint, "the start command runs %s, which is neither a program nor a script that names its interpreter", "/"+f.Path)
	return false
}

// interpreterOf is the program that runs a source.
func interpreterOf(name string) string {
	return map[string]string{".js": "node", ".mjs": "node", ".cjs": "node", ".py": "python3"}[path.Ext(name)]
}

// variable is one of a shell in an argument.
var variable = pattern.Lazy(`\$(?:\{([A-Za-z_]\w*)(?::?[-=?][^}]*)?\}|([A-Z_][A-Z0-9_]*)\b)`)

// variables checks for arguments that only a shell would expand. Programs get the
// dollar sign as it is; few do anything with it.
func (c *check) variables(argv []string) {
	for i, word := range argv {
		switch base := path.Base(word); {
		case slices.Contains([]string{"sh", "bash", "dash", "ash", "awk", "perl", "make", "envsubst", "supervisord", "nginx", "caddy", "s6-svscan", "java", "npm", "npx", "yarn", "pnpm"}, base):
			return // they expand it, or have variables of their own
		case i == 0 || strings.Contains(word, "/") && !strings.Contains(word, "$"):
			if f, ok := c.find(word); ok && isShellScript(f) {
				return // an entrypoint may expand what it is given
			}
			continue
		}
		m := variable().FindStringSubmatch(word)
		if m == nil || strings.ContainsAny(word, "\n;'\"()") {
			continue
		}
		name := m[1] + m[2]
		hint := "write the value, or let a shell start it: " + c.setting(`shell: true and command: ["sh", "-c", "exec …"]`)
		c.broken(CodeVariable, c.startPlace(), hint, "the argument %s of the start command names the variable %s, and no shell expands it", word, name)
		return
	}
}

func isShellScript(f layer.File) bool {
	for _, word := range strings.Fields(f.Shebang) {
		if slices.Contains([]string{"sh", "bash", "dash", "ash"}, path.Base(word)) {
			return true
		}
	}
	return false
}

// entrypoint returns the command that a script of shell ends with, where it is
// plain: exec "$@" is the rest of the command.
func (c *check) entrypoint(argv []string, script layer.File) ([]string, bool) {
	if !isShellScript(script) || script.Text == "" {
		return nil, false
	}
	last, after := "", false
	for line := range strings.Lines(script.Text) {
		plain := strings.TrimRight(line, " \t\r\n")
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		after = after || last != ""
		first, _, _ := strings.Cut(line, " ")
		switch {
		case slices.Contains([]string{"cd", "pushd", "set", "source", ".", "export", "eval", "function"}, first) && !strings.HasPrefix(line, "set -e") && !strings.HasPrefix(line, "set -u") && line != "set -o pipefail" && line != "set -x", strings.HasPrefix(line, "PATH="), strings.Contains(line, "set -- "):
			return nil, false // what is started, and where, depends on it
		case first == "exec":
			last = plain
		}
	}
	if after || !strings.HasPrefix(last, "exec ") {
		return nil, false // it is not the last line, or depends on a condition
	}
	rest := strings.TrimSpace(strings.TrimPrefix(last, "exec"))
	if rest == `"$@"` {
		return argv[1:], len(argv) > 1
	}
	words := strings.Fields(strings.TrimSuffix(rest, ` "$@"`))
	if len(words) == 0 || strings.HasPrefix(words[0], "-") || strings.ContainsAny(strings.Join(words, ""), "$`\"'\\(){}<>|&;*?[]~!#=") {
		return nil, false
	}
	if strings.HasSuffix(rest, ` "$@"`) {
		words = append(words, argv[1:]...)
	}
	return words, true
}
