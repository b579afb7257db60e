package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/invopop/jsonschema"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/plan"
)

// Stage is what slipway.yaml says of one quality stage. The zero value leaves it to
// detection.
type Stage struct {
	Off  bool     `json:",omitempty"` // the service does not have the stage
	On   bool     `json:",omitempty"` // the service has the stage, as far as it can
	Run  []string `json:",omitempty"` // commands of a shell, in order; the first that fails ends the stage
	Line int      `json:",omitempty"` // in slipway.yaml

	Needs []companion.Need `json:",omitempty"` // servers beside the stage; none: those of the service
}

// codeQuality: a quality stage that says nothing that can run.
const codeQuality = "SLP555"

// qualityStage is the name of a quality stage.
type qualityStage string

func (qualityStage) choices() []string { return plan.QualityStages() }

// JSONSchema makes the schema of a choice.
func (c qualityStage) JSONSchema() *jsonschema.Schema { return enum(c) }

// quality are the quality stages by name.
type quality map[qualityStage]check

// check is one of them: off, on, commands, or a map of its settings.
type check struct {
	checkSettings
	on, off bool
}

// checkSettings are the settings of a stage.
type checkSettings struct {
	Run   commands `yaml:"run,omitempty" jsonschema_description:"Commands to run in place of the detected ones, one per line. A shell runs them in the service's directory, with development packages."`
	Needs needs    `yaml:"needs,omitempty" jsonschema_description:"Servers that the stage needs beside it, such as [postgres]; those of the service when left out."`
}

func (c *check) decodeNode(d *decoder, n ast.Node, path string) {
	switch n := n.(type) {
	case *ast.BoolNode:
		c.on, c.off = n.Value, !n.Value
		return
	case *ast.SequenceNode:
		c.Run.decodeNode(d, n, path)
		return
	}
	switch word, ok := text(n); {
	case ok && (word == "off" || word == "on"):
		c.on, c.off = word == "on", word == "off"
	case ok:
		c.Run.decodeNode(d, n, path)
	default:
		if _, scalar := n.(ast.ScalarNode); scalar {
			d.report(codeWrongType, path, "write off, a command, or a map such as {run: npm test}", "%s must be off, commands or a map, not %s", last(path), describe(n))
			return
		}
		d.decodeStruct(n, reflect.ValueOf(&c.checkSettings).Elem(), path)
	}
}

// commands are lines for a shell: a text of one or more, or a list.
type commands []string

func (c *commands) decodeNode(d *decoder, n ast.Node, path string) {
	const hint = "such as npm run test:ci"
	var lines []string
	if s, ok := text(n); ok {
		lines = strings.Split(s, "\n")
	} else if seq, ok := n.(*ast.SequenceNode); ok {
		for i, item := range seq.Values {
			s, ok := text(item)
			if !ok || strings.Contains(strings.TrimSpace(s), "\n") {
				d.report(codeWrongType, d.child(path, i, item), hint, "a command must be one line of text, not %s", describe(item))
				return
			}
			lines = append(lines, s)
		}
	} else {
		d.report(codeWrongType, path, hint, "%s must be commands: text or a list, not %s", last(path), describe(n))
		return
	}
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) || strings.HasSuffix(line, `\`) {
			d.report(codeQuality, path, "write each command as one line, without a backslash at its end", "the command %q cannot be one line of a Dockerfile", clip(line))
			return
		}
		*c = append(*c, line)
	}
	if len(*c) == 0 {
		d.report(codeQuality, path, hint+"; off leaves the stage out", "%s has no command", last(path))
	}
}

// JSONSchema makes the schema of commands.
func (commands) JSONSchema() *jsonschema.Schema { return oneOrMore(nil).JSONSchema() }

// JSONSchema makes the schema of a stage: a word, commands, or a map.
func (check) JSONSchema() *jsonschema.Schema {
	whole := inlineSchema(checkSettings{})
	whole.Properties.Set("needs", &jsonschema.Schema{Ref: "#/$defs/needs"})
	return &jsonschema.Schema{AnyOf: append([]*jsonschema.Schema{{Type: "boolean"}, whole}, commands(nil).JSONSchema().AnyOf...)}
}

// JSONSchemaExtend names the stages that may be keys.
func (quality) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = enum(qualityStage(""))
	s.AdditionalProperties = orEmpty(s.AdditionalProperties)
}

// mergeQuality lays the stages that b writes over those of a.
func mergeQuality(a, b quality) quality {
	if len(a)+len(b) == 0 {
		return nil
	}
	m := maps.Clone(a)
	if m == nil {
		m = quality{}
	}
	maps.Copy(m, b)
	return m
}

// checks are the settings of a service's quality stages. A place is that of the
// service, of its type, or of the defaults, whichever writes the stage.
func (d *decoder) checks(m quality, name string, t serviceType) map[string]Stage {
	var out map[string]Stage
	for _, stage := range slices.Sorted(maps.Keys(m)) {
		if out == nil {
			out = map[string]Stage{}
		}
		c := Stage{Off: m[stage].off, On: m[stage].on, Run: m[stage].Run, Needs: m[stage].Needs.resolve()}
		for _, at := range []string{"services/" + name, "types/" + string(t), "defaults"} {
			if place, ok := d.at["key:"+at+"/quality/"+string(stage)]; ok {
				c.Line = place.Line
				break
			}
		}
		out[string(stage)] = c
	}
	return out
}
