package python

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// command is a line of a Procfile or script: the last of its commands stays and
// serves, the others come before it.
type command struct {
	argv   []string
	env    map[string]string
	dir    string   // in which it runs, "" for the working directory
	before []string // what runs before it
}

var (
	withDefault = pattern.Lazy(`\$\{\w+:?[-=]([^{}$]*)\}`)
	plainName   = pattern.Lazy(`\$(?:(\w+)|\{(\w+)\})`)
	assignment  = pattern.Lazy(`^([A-Za-z_]\w*)=(.*)$`)
	controls    = pattern.Lazy(`^(?:if|elif|else|fi|for|while|until|do|done|case|esac|then|function|break|continue|return|\{|\}|\[\[?|\w+\s*\(\)|[\w*|"-]+\))(?:\s|;|$)`)
)

// parseCommand reads a command line without a shell: commands after each other,
// of which `cd` and `export` set up what the last one runs in.
func parseCommand(line string) (command, error) {
	c := command{env: map[string]string{}}
	var parts []string
	for _, p := range split(strings.ReplaceAll(line, "&&", ";"), ';') {
		if p = strings.TrimSpace(p); p != "" {
			parts = append(parts, p)
		}
	}
	for i, p := range parts {
		p = strings.TrimSpace(strings.TrimPrefix(p, "exec "))
		words := strings.Fields(p)
		switch {
		case words[0] == "cd" && len(words) == 2 && i < len(parts)-1:
			c.dir = path.Join(c.dir, strings.Trim(words[1], `"'`))
		case words[0] == "export" && len(words) == 2:
			c.assign(words[1])
		case i == len(parts)-1:
			argv, err := config.Words(c.assignments(p))
			if err != nil {
				return command{}, err
			}
			c.argv = argv
		case !isSetup(words[0]):
			c.before = append(c.before, p)
		}
	}
	if len(c.argv) == 0 {
		return command{}, fmt.Errorf("the command is empty")
	}
	return c, nil
}

// assignments takes NAME=value off the beginning of a command.
func (c *command) assignments(text string) string {
	for {
		word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
		if word == "env" && rest != "" {
			text = rest
			continue
		}
		if !c.assign(word) {
			return text
		}
		text = rest
	}
}

func (c *command) assign(word string) bool {
	m := assignment().FindStringSubmatch(word)
	if m == nil || strings.ContainsAny(m[2], "$`") {
		return false
	}
	c.env[m[1]] = strings.Trim(m[2], `"'`)
	return true
}

// isSetup reports a command that only prepares the shell that it runs in, or that
// waits or prints.
func isSetup(word string) bool {
	return slices.Contains([]string{"set", "source", ".", "echo", "printf", "sleep", "true", "false", ":", "export", "cd", "trap", "exit", "ulimit", "umask", "wait", "read", "local", "shift", "which", "test", "["}, word) ||
		strings.Contains(path.Base(word), "wait-for")
}

// parseScript reads a shell script that starts a server in its last command, as
// those that containers begin with do. Loops and conditions around the commands
// before it are not followed.
func parseScript(text string, port int) (command, error) {
	values := map[string]string{"PORT": strconv.Itoa(port)}
	var lines []string
	for _, l := range strings.Split(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "#") || controls().MatchString(l) {
			continue
		}
		l = expand(l, values)
		if m := assignment().FindStringSubmatch(strings.TrimPrefix(l, "export ")); m != nil && !strings.Contains(m[2], " ") {
			values[m[1]] = strings.Trim(m[2], `"'`)
			if !strings.HasPrefix(l, "export ") {
				continue
			}
		}
		lines = append(lines, l)
	}
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "exec ") }); i >= 0 {
		lines = lines[:i+1]
	}
	return parseCommand(strings.Join(lines, ";"))
}

// expand puts in the values of variables: those of the script, else the default
// beside the name.
func expand(l string, values map[string]string) string {
	l = plainName().ReplaceAllStringFunc(l, func(ref string) string {
		if v, ok := values[strings.Trim(ref, "${}")]; ok {
			return v
		}
		return ref
	})
	if port, ok := values["PORT"]; ok {
		l = strings.NewReplacer("${PORT:-8000}", port).Replace(portInScript().ReplaceAllString(l, port))
	}
	return withDefault().ReplaceAllString(l, "$1")
}

var portInScript = pattern.Lazy(`\$\{PORT:?-\d*\}`)

// scriptOf returns the shell script of the service that a command runs, "" when
// it runs none.
func (s *service) scriptOf(argv []string) string {
	name := argv[0]
	if slices.Contains([]string{"sh", "bash", "/bin/sh", "/bin/bash"}, name) && len(argv) == 2 {
		name = argv[1]
	}
	name = path.Clean(strings.TrimPrefix(name, "/app/"))
	if data, err := ecosystem.Read(s.Dir, name); err == nil && (path.Ext(name) == ".sh" || strings.HasPrefix(string(data), "#!/bin/sh") || strings.HasPrefix(string(data), "#!/bin/bash")) {
		return name
	}
	return ""
}

// commandFrom takes a command line of a file of the service, and the script that
// it may run. Without a shell, what only a shell does is an error.
func (s *service) commandFrom(text, what, file string, line int) {
	c, err := parseCommand(text)
	if err == nil {
		if script := s.scriptOf(c.argv); script != "" {
			s.fromScript(script, what)
			return
		}
	}
	if err != nil {
		s.Report(diag.Error, codeShell, file, line, `write command: ["python", "…"] for the service in slipway.yaml`, "%s cannot run without a shell: %v", what, err)
		return
	}
	s.take(c, what, file, line)
}

// fromScript takes the server that a shell script starts.
func (s *service) fromScript(script, what string) {
	data, err := ecosystem.Read(s.Dir, script)
	var c command
	if err == nil {
		c, err = parseScript(string(data), s.givenPort())
	}
	if err != nil {
		s.Report(diag.Error, codeShell, script, 0, `write command: ["python", "…"] for the service in slipway.yaml, or shell: true and command: ["sh", "`+script+`"]`,
			"the script cannot run without a shell: %v", err)
		return
	}
	s.take(c, what+", the last command of the script", script, lineOf(data, c.argv[0]))
}

// take makes a command the start of the service, and reports those before it.
func (s *service) take(c command, what, file string, line int) {
	s.start, s.env = c.argv, c.env
	if c.dir != "" && fsValid(c.dir) {
		s.cwd = c.dir
	}
	s.Fact("start", strings.Join(c.argv, " "), what, file, line)
	s.entryOf(c.argv)
	if s.FleetFile != "" {
		return
	}
	for i, before := range c.before {
		name := jobName(before)
		if i > 0 && name == jobName(c.before[i-1]) {
			name += "-" + strconv.Itoa(i+1)
		}
		s.Report(diag.Warning, codeCommands, file, line,
			"add a job to slipway.yaml: "+name+": {path: "+ecosystem.Or(s.Want.Path, ".")+", type: job, command: "+strconv.Quote(before)+"}",
			"%q does not run when the service starts: the image starts %s alone", before, c.argv[0])
	}
}

func jobName(text string) string {
	switch {
	case strings.Contains(text, "migrate"), strings.Contains(text, "upgrade"):
		return "migrate"
	case strings.Contains(text, "collectstatic"):
		return "static-files"
	}
	return "prepare"
}
