// Package proof checks an image when it is made, before it gets its name: whether
// its program can start, whether the libraries, modules and programs that it needs
// are inside, and whether nothing is inside that must not be. It works on indexes
// of layers (package layer), reads nothing else and runs nothing. What surely
// cannot run is an error; what may fail is a warning. An image of somebody's own
// Dockerfile gets warnings only.
//
//	findings := proof.Check(proof.Subject{Layers: layers, Config: config, Service: service})
package proof

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// The codes of findings about images.
const (
	CodeProgram     = "SLP360" // the program that the image starts is not in it
	CodeExecute     = "SLP361" // the user cannot execute or reach it
	CodeInterpreter = "SLP362" // the interpreter that a script names is not in the image
	CodeLoader      = "SLP363" // the loader that a program asks for is not in the image
	CodeLibrary     = "SLP364" // a shared library that the start needs is not in the image
	CodeAddon       = "SLP365" // a shared library that an extension or another program needs is not
	CodeMachine     = "SLP366" // a program is for another architecture
	CodeFile        = "SLP367" // a file that the start command names is not in the image
	CodeModule      = "SLP368" // a module that a source imports is not in the image
	CodeJar         = "SLP369" // the main class or the libraries of a Java program are missing
	CodeCall        = "SLP370" // a program that a source runs is not in the image
	CodeSecret      = "SLP371" // a secret is in a layer
	CodeSetuid      = "SLP372" // a program runs with other rights than those of its user
	CodeDevice      = "SLP373" // a device node is in the image
	CodeWorldWrites = "SLP374" // everybody may write to a file
	CodeHome        = "SLP375" // the user's home cannot be written to
	CodeWrite       = "SLP376" // a directory that a source writes to belongs to another user
	CodeTLS         = "SLP377" // the server speaks TLS and its health check does not
	CodeRead        = "SLP378" // the user cannot read a file that the start needs
	CodeHealth      = "SLP379" // the program of the health check is not in the image
	CodeAccount     = "SLP380" // the image's user is not among its accounts
	CodeNothing     = "SLP381" // the image says nothing to start
)

// Config is what an image says of the container that is made of it.
type Config struct {
	User       string
	Entrypoint []string
	Cmd        []string
	Env        []string // NAME=value
	WorkDir    string
	Health     []string // as the image specification has it: CMD, CMD-SHELL or NONE first
}

// Subject is an image with what the plan says of its service.
type Subject struct {
	Layers       []*layer.Index // the lowest first
	Config       Config
	Architecture string // "amd64"; empty: not checked
	Service      plan.Service
	Sources      fs.FS    // the service's build context; nil: places are those of the image
	Dockerfile   []byte   // what the image was built from; may be empty
	Wanted       []string // paths that files: in slipway.yaml names
}

// Check returns what is wrong with an image, in a fixed order.
func Check(s Subject) diag.Findings {
	c := &check{Subject: s, tree: layer.Merge(s.Layers), env: map[string]string{}, seen: map[string]bool{}}
	for _, kv := range s.Config.Env {
		name, value, _ := strings.Cut(kv, "=")
		c.env[name] = value
	}
	c.findUser()
	c.start()
	c.health()
	c.extensions()
	c.calls()
	c.writes()
	c.home()
	c.tls()
	c.secrets()
	c.modes()
	return c.findings.Sorted()
}

// check is a Check under way.
type check struct {
	Subject
	tree     *layer.Tree
	env      map[string]string
	user     account
	findings diag.Findings
	seen     map[string]bool // findings by code and text
	musl     bool            // the process that starts uses musl
	reached  map[string]bool // sources that the start imports, by path
	started  bool            // the program to start was found
}

// planned tells whether Slipway itself decided what is in the image.
func (c *check) planned() bool { return c.Service.Dockerfile == "" && len(c.Service.Stages) > 0 }

// broken reports what surely fails.
func (c *check) broken(code string, at diag.Place, hint, format string, args ...any) {
	severity := diag.Error
	if !c.planned() {
		severity = diag.Warning
	}
	c.report(severity, code, at, hint, format, args...)
}

// warn reports what may fail.
func (c *check) warn(code string, at diag.Place, hint, format string, args ...any) {
	c.report(diag.Warning, code, at, hint, format, args...)
}

func (c *check) report(severity diag.Severity, code string, at diag.Place, hint, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if c.Service.Name != "" {
		text = c.Service.Name + ": " + text
	}
	if key := code + at.String() + text; c.seen[key] {
		return
	} else {
		c.seen[key] = true
	}
	c.findings = append(c.findings, diag.Finding{Code: code, Severity: severity, Place: at, Text: text, Hint: hint})
}

// workDir is where the program starts.
func (c *check) workDir() string { return path.Join("/", c.Config.WorkDir) }

// abs makes a path of the start command absolute.
func (c *check) abs(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(c.workDir(), p)
}

// startPlace is where the repository says how the service starts.
func (c *check) startPlace() diag.Place {
	for _, name := range []string{"start", "application"} {
		for _, f := range c.Service.Facts {
			if f.Name == name && f.File != "" {
				return diag.Place{File: f.File, Line: f.Line}
			}
		}
	}
	if c.Service.Dockerfile == "" {
		return diag.Place{}
	}
	return diag.Place{File: c.Service.Dockerfile, Line: c.instruction("CMD", "ENTRYPOINT")}
}

// instruction is the last line of the Dockerfile with one of the instructions.
func (c *check) instruction(names ...string) int {
	line := 0
	for i, text := range strings.Split(string(c.Dockerfile), "\n") {
		if word, _, _ := strings.Cut(strings.TrimSpace(text), " "); slices.Contains(names, strings.ToUpper(word)) {
			line = i + 1
		}
	}
	return line
}

// place finds a file of the image in the repository; where a build made it, the
// source that it was probably made of, when that has the same text.
func (c *check) place(file string, line int, needle string) diag.Place {
	inApp, ok := strings.CutPrefix("/"+strings.TrimPrefix(file, "/"), "/app/")
	if !ok || c.Sources == nil {
		return diag.Place{File: "/" + strings.TrimPrefix(file, "/"), Line: line}
	}
	if _, err := fs.Stat(c.Sources, inApp); err == nil {
		return diag.Place{File: path.Join(c.Service.Dir, inApp), Line: line}
	}
	for _, candidate := range originals(inApp) {
		data, err := ecosystem.Read(c.Sources, candidate)
		if err != nil {
			continue
		}
		for i, text := range strings.Split(string(data), "\n") {
			if needle != "" && strings.Contains(text, needle) {
				return diag.Place{File: path.Join(c.Service.Dir, candidate), Line: i + 1}
			}
		}
		return diag.Place{File: path.Join(c.Service.Dir, candidate)}
	}
	return diag.Place{File: "/app/" + inApp, Line: line}
}

// inImage names the file of the image and the line where a source of the image
// says something, unless the place of the finding says so already.
func inImage(at diag.Place, file string, line int) string {
	if strings.HasSuffix("/"+at.File, "/"+strings.TrimPrefix(strings.TrimPrefix(file, "app"), "/")) && at.Line == line {
		return ""
	}
	return fmt.Sprintf("/%s:%d ", file, line)
}

// originals are the sources that a compiled file may come from: dist/a/b.js of
// src/a/b.ts.
func originals(name string) []string {
	stem := strings.TrimSuffix(name, path.Ext(name))
	var out []string
	dirs := strings.Split(stem, "/")
	for i := range min(len(dirs), 4) {
		for _, replaced := range []string{"src", ""} {
			candidate := path.Join(path.Join(dirs[:i]...), replaced, path.Join(dirs[min(i+1, len(dirs)-1):]...))
			for _, ext := range []string{".ts", ".tsx", ".mts", ".js", ".mjs"} {
				out = append(out, candidate+ext)
			}
		}
	}
	return out
}

// setting names the line of slipway.yaml that fixes something.
func (c *check) setting(line string) string {
	return "write " + line + " for the service in slipway.yaml"
}

// inSources tells whether the build context has a file.
func (c *check) inSources(name string) bool {
	if c.Sources == nil || !fs.ValidPath(name) {
		return false
	}
	_, err := fs.Stat(c.Sources, name)
	return err == nil
}
