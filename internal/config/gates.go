package config

import (
	"fmt"
	"path"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/invopop/jsonschema"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/pattern"
)

// gates are limits of images and their quality. What is left out keeps its default.
type gates struct {
	Coverage        percentage      `yaml:"coverage,omitempty" jsonschema_description:"Least percent of lines that tests run."`
	ChangedCoverage percentage      `yaml:"changed_coverage,omitempty" jsonschema_description:"Least percent of the changed lines that tests run."`
	Tests           testGates       `yaml:"tests,omitempty" jsonschema_description:"Limits of test cases."`
	Lint            tally           `yaml:"lint,omitempty" jsonschema_description:"Most errors of linters; 0 when left out."`
	Vulnerabilities vulnerabilities `yaml:"vulnerabilities,omitempty" jsonschema_description:"Most known vulnerabilities of each severity; critical 0 and high 4 when left out."`
	Secrets         tally           `yaml:"secrets,omitempty" jsonschema_description:"Most secrets; 0 when left out."`
	Licences        licences        `yaml:"licences,omitempty" jsonschema_description:"Licences of packages that the image must not have."`
	Size            size            `yaml:"size,omitempty" jsonschema_description:"Largest unpacked size, such as 200MB."`
	Growth          percentage      `yaml:"growth,omitempty" jsonschema_description:"Most percent that the image grows against the last release; 5 when left out."`
	Waste           wasted          `yaml:"waste,omitempty" jsonschema_description:"Most bytes or percent that later layers hide; 10% when left out."`
	Efficiency      percentage      `yaml:"efficiency,omitempty" jsonschema_description:"Least efficiency of the layers as dive computes it; 90% when left out."`
	Layers          tally           `yaml:"layers,omitempty" jsonschema_description:"Most layers."`
	BuildTime       percentage      `yaml:"build_time,omitempty" jsonschema_description:"Most percent that a build of the same steps takes longer than the last release's."`
	BaseAge         age             `yaml:"base_age,omitempty" jsonschema_description:"Oldest base, such as 30d; an older one than 30d warns when left out."`
	StartUp         age             `yaml:"start_up,omitempty" jsonschema_description:"Longest time until the started image is healthy, such as 5s."`
	Memory          size            `yaml:"memory,omitempty" jsonschema_description:"Most memory that the started image holds, such as 256Mi."`
	User            level           `yaml:"user,omitempty" jsonschema_description:"Whether an image that runs as root fails or warns."`
	Setuid          level           `yaml:"setuid,omitempty" jsonschema_description:"Whether setuid programs fail or warn."`
	Shell           level           `yaml:"shell,omitempty" jsonschema_description:"Whether a shell that nobody asked for fails or warns."`
	Health          level           `yaml:"health,omitempty" jsonschema_description:"Whether a missing health check fails or warns."`
	Structure       oneOrMore       `yaml:"structure,omitempty" jsonschema_description:"Files of container-structure-test, relative to this file."`
	Policies        oneOrMore       `yaml:"policies,omitempty" jsonschema_description:"Files of policies, relative to this file: CEL (.cel), which Slipway evaluates, or Rego, which conftest evaluates."`
}

// testGates are the limits of test cases.
type testGates struct {
	Failed  tally `yaml:"failed,omitempty" jsonschema_description:"Most failed tests; 0 when left out."`
	Skipped tally `yaml:"skipped,omitempty" jsonschema_description:"Most tests that are skipped without a reason; they warn when left out."`
	AtLeast tally `yaml:"at_least,omitempty" jsonschema_description:"Least tests that run; 1 when left out."`
}

// vulnerabilities are the limits of each severity.
type vulnerabilities struct {
	Critical tally     `yaml:"critical,omitempty" jsonschema_description:"Most critical ones."`
	High     tally     `yaml:"high,omitempty" jsonschema_description:"Most of high severity."`
	Medium   tally     `yaml:"medium,omitempty" jsonschema_description:"Most of medium severity."`
	Low      tally     `yaml:"low,omitempty" jsonschema_description:"Most of low severity."`
	Unknown  tally     `yaml:"unknown,omitempty" jsonschema_description:"Most of unknown severity; they count as high when left out."`
	Unfixed  unfixedly `yaml:"unfixed,omitempty" jsonschema_description:"Whether vulnerabilities without a fix count; they do not when left out."`
}

// licences are those that a package must not have.
type licences struct {
	Deny []string `yaml:"deny,omitempty" jsonschema_description:"SPDX identifiers or patterns, such as AGPL-*."`
}

// limit is a number with a meaning, or off. The zero value is not written.
type limit struct {
	written, off bool
	value        float64
}

func (l limit) float(otherwise *float64) *float64 {
	switch {
	case !l.written:
		return otherwise
	case l.off:
		return nil
	}
	return &l.value
}

func (l limit) number(otherwise *int) *int {
	if !l.written || l.off {
		if l.off {
			return nil
		}
		return otherwise
	}
	return new(int(l.value))
}

func (l limit) bytes(otherwise *int64) *int64 {
	if !l.written || l.off {
		if l.off {
			return nil
		}
		return otherwise
	}
	return new(int64(l.value))
}

func (l limit) span(otherwise time.Duration) time.Duration {
	switch {
	case !l.written:
		return otherwise
	case l.off:
		return 0
	}
	return time.Duration(l.value)
}

type (
	percentage struct{ limit }
	tally      struct{ limit }
	size       struct{ limit }
	age        struct{ limit }
	level      string
	unfixedly  string

	// wasted is bytes or percent, or off for both.
	wasted struct{ bytes, percent limit }
)

func (level) choices() []string     { return []string{"fail", "warn", "off"} }
func (unfixedly) choices() []string { return []string{"count", "ignore"} }

// words is the text of a scalar, also of a number.
func scalarText(n ast.Node) (string, bool) {
	if s, ok := text(n); ok {
		return strings.TrimSpace(s), true
	}
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	}
	return "", false
}

var percentForm = pattern.Lazy(`^([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*%?$`)

// decodeLimit reads a limit: off, or what read makes of its text.
func (d *decoder) decodeLimit(l *limit, n ast.Node, path, hint string, read func(string) (float64, bool)) {
	s, ok := scalarText(n)
	if !ok {
		d.report(codeWrongType, path, hint, "%s must be a limit, not %s", last(path), describe(n))
		return
	}
	if s == "off" {
		*l = limit{written: true, off: true}
		return
	}
	value, ok := read(s)
	if !ok {
		d.report(codeGate, path, hint, "%q cannot be the limit of %s", clip(s), last(path))
		return
	}
	*l = limit{written: true, value: value}
}

func readPercent(s string) (float64, bool) {
	parts := percentForm().FindStringSubmatch(s)
	if parts == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(parts[1], 64)
	return v, err == nil
}

func readSize(s string) (float64, bool) {
	parts := memoryForm().FindStringSubmatch(s)
	if parts == nil {
		return 0, false
	}
	factor, ok := memoryUnits()[parts[2]]
	v, err := strconv.ParseFloat(parts[1], 64)
	return v * factor, ok && err == nil && v*factor <= maxMemory
}

func (p *percentage) decodeNode(d *decoder, n ast.Node, path string) {
	d.decodeLimit(&p.limit, n, path, "write a percentage such as 80 or 80%, or off", func(s string) (float64, bool) {
		v, ok := readPercent(s)
		switch key := last(path); {
		case key == `"efficiency"` && v <= 1 && !strings.HasSuffix(s, "%"): // a fraction, as dive has it
			v *= 100
		case v > 100 && key != `"growth"` && key != `"build_time"`:
			return 0, false
		}
		return v, ok
	})
}

func (c *tally) decodeNode(d *decoder, n ast.Node, path string) {
	d.decodeLimit(&c.limit, n, path, "write a whole number from 0 on, or off", func(s string) (float64, bool) {
		v, err := strconv.ParseUint(s, 10, 31)
		return float64(v), err == nil
	})
}

func (b *size) decodeNode(d *decoder, n ast.Node, path string) {
	d.decodeLimit(&b.limit, n, path, "write a size with its unit, such as 200MB or 256Mi, or off", readSize)
}

func (a *age) decodeNode(d *decoder, n ast.Node, path string) {
	d.decodeLimit(&a.limit, n, path, "write a time span such as 30d, 12h or 5s, or off", func(s string) (float64, bool) {
		if days, ok := strings.CutSuffix(s, "d"); ok {
			v, err := strconv.ParseUint(days, 10, 16)
			return float64(v) * float64(24*time.Hour), err == nil && v > 0
		}
		v, err := time.ParseDuration(s)
		return float64(v), err == nil && v > 0
	})
}

func (w *wasted) decodeNode(d *decoder, n ast.Node, path string) {
	const hint = "write a size such as 20MB, a percentage such as 10%, or off"
	s, _ := scalarText(n)
	switch {
	case s == "off":
		*w = wasted{limit{written: true, off: true}, limit{written: true, off: true}}
	case strings.HasSuffix(s, "%"):
		d.decodeLimit(&w.percent, n, path, hint, readPercent)
	default:
		d.decodeLimit(&w.bytes, n, path, hint, readSize)
	}
}

func (v *vulnerabilities) decodeNode(d *decoder, n ast.Node, path string) {
	if s, ok := text(n); ok && s == "off" {
		off := tally{limit{written: true, off: true}}
		*v = vulnerabilities{Critical: off, High: off, Medium: off, Low: off, Unknown: off}
		return
	}
	type written vulnerabilities // decoded field by field
	d.decode(n, reflect.ValueOf((*written)(v)).Elem(), path)
}

// checkGates reports files and patterns that cannot be meant.
func (d *decoder) checkGates(at string, g gates) {
	for key, files := range map[string][]string{"structure": g.Structure, "policies": g.Policies} {
		for i, file := range files {
			at := at + "/" + key
			if _, listed := d.at[fmt.Sprintf("%s/%d", at, i)]; listed {
				at = fmt.Sprintf("%s/%d", at, i)
			}
			if file == "" && !d.hasFindingIn(at) {
				d.report(codePath, at, "such as tests/structure.yaml", "the path of the file is empty")
			}
			d.checkPath(at, file, "write it relative to slipway.yaml", "move it into the repository")
		}
	}
	for i, p := range g.Licences.Deny {
		if _, err := path.Match(p, ""); err != nil || p == "" || strings.ContainsAny(p, " ()") {
			d.report(codeGate, fmt.Sprintf("%s/licences/deny/%d", at, i), "write one SPDX identifier or pattern, such as AGPL-3.0-only or AGPL-*", "%q is not a licence", clip(p))
		}
	}
}

// overlay lays the written fields of b over a.
func (a gates) overlay(b gates) gates {
	if reflect.ValueOf(b).IsZero() { // as of nearly every service
		return a
	}
	return a.under(b)
}

// under is overlay of gates of which some are written.
func (a gates) under(b gates) gates {
	overlay(reflect.ValueOf(&a).Elem(), reflect.ValueOf(&b).Elem())
	return a
}

func overlay(a, b reflect.Value) {
	for i := range a.NumField() {
		switch a.Field(i).Interface().(type) {
		case testGates, vulnerabilities, wasted:
			if t := a.Field(i).Type(); t == reflect.TypeFor[wasted]() {
				w, v := a.Field(i).Addr().Interface().(*wasted), b.Field(i).Interface().(wasted)
				w.bytes, w.percent = or(v.bytes, w.bytes), or(v.percent, w.percent)
				continue
			}
			overlay(a.Field(i), b.Field(i))
		default:
			if !b.Field(i).IsZero() {
				a.Field(i).Set(b.Field(i))
			}
		}
	}
}

// Gates are limits as slipway.yaml writes them, the service's over those of its type
// over those of the file.
type Gates struct{ written gates }

// Over lays what is written over other limits.
func (g Gates) Over(l gate.Limits) gate.Limits {
	w := g.written
	l.Coverage, l.ChangedCoverage = w.Coverage.float(l.Coverage), w.ChangedCoverage.float(l.ChangedCoverage)
	l.FailedTests, l.SkippedTests, l.Tests = w.Tests.Failed.number(l.FailedTests), w.Tests.Skipped.number(l.SkippedTests), w.Tests.AtLeast.number(l.Tests)
	l.LintErrors, l.Secrets, l.Layers = w.Lint.number(l.LintErrors), w.Secrets.number(l.Secrets), w.Layers.number(l.Layers)
	l.SizeBytes, l.WastedBytes, l.WastedPercent = w.Size.bytes(l.SizeBytes), w.Waste.bytes.bytes(l.WastedBytes), w.Waste.percent.float(l.WastedPercent)
	if w.Waste.bytes.off {
		l.DiveWasted = nil
	}
	l.Growth, l.BuildTime = w.Growth.float(l.Growth), w.BuildTime.float(l.BuildTime)
	if e := w.Efficiency.float(nil); e != nil {
		l.Efficiency = new(*e / 100)
	} else if w.Efficiency.off {
		l.Efficiency = nil
	}
	if w.BaseAge.written && !w.BaseAge.off {
		l.OldBase = gate.Fail
	}
	l.BaseAge, l.StartUp = w.BaseAge.span(l.BaseAge), w.StartUp.span(l.StartUp)
	if m := w.Memory.bytes(&l.MemoryBytes); m != nil {
		l.MemoryBytes = *m
	} else {
		l.MemoryBytes = 0
	}
	l.Vulnerabilities = w.Vulnerabilities.over(l.Vulnerabilities)
	l.UnknownAsHigh = l.UnknownAsHigh && !w.Vulnerabilities.Unknown.written
	l.Unfixed = w.Vulnerabilities.Unfixed == "count" || w.Vulnerabilities.Unfixed == "" && l.Unfixed
	for _, h := range []struct {
		to      *gate.Level
		written level
	}{{&l.User, w.User}, {&l.Setuid, w.Setuid}, {&l.Shell, w.Shell}, {&l.Health, w.Health}} {
		*h.to = or(gate.Level(h.written), *h.to)
	}
	if len(w.Licences.Deny) > 0 {
		l.DeniedLicences = w.Licences.Deny
	}
	if len(w.Structure) > 0 {
		l.Structure = w.Structure
	}
	if len(w.Policies) > 0 {
		l.Policies = w.Policies
	}
	return l
}

func (v vulnerabilities) over(before map[advisory.Severity]int) map[advisory.Severity]int {
	out := map[advisory.Severity]int{}
	for severity, written := range map[advisory.Severity]tally{
		advisory.Critical: v.Critical, advisory.High: v.High, advisory.Medium: v.Medium, advisory.Low: v.Low, advisory.Unknown: v.Unknown,
	} {
		was, limited := before[severity]
		switch {
		case written.off:
		case written.written:
			out[severity] = int(written.value)
		case limited:
			out[severity] = was
		}
	}
	return out
}

// orOff is the schema of a limit.
func orOff(s ...*jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: append(s, &jsonschema.Schema{Const: "off"})}
}

// JSONSchema makes the schema of a percentage.
func (percentage) JSONSchema() *jsonschema.Schema {
	return orOff(&jsonschema.Schema{Type: "number", Minimum: "0"}, &jsonschema.Schema{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)? ?%?$`})
}

// JSONSchema makes the schema of a number.
func (tally) JSONSchema() *jsonschema.Schema {
	return orOff(&jsonschema.Schema{Type: "integer", Minimum: "0"})
}

// JSONSchema makes the schema of a size.
func (size) JSONSchema() *jsonschema.Schema {
	return orOff(&jsonschema.Schema{Type: "string", Pattern: memoryPattern})
}

// JSONSchema makes the schema of a time span.
func (age) JSONSchema() *jsonschema.Schema {
	return orOff(&jsonschema.Schema{Type: "string", Pattern: `^([0-9]+d|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`})
}

// JSONSchema makes the schema of a size or percentage.
func (wasted) JSONSchema() *jsonschema.Schema {
	return orOff(&jsonschema.Schema{Type: "string", Pattern: memoryPattern}, &jsonschema.Schema{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)? ?%$`})
}

// JSONSchema makes the schema of a choice.
func (c level) JSONSchema() *jsonschema.Schema { return enum(c) }

// JSONSchema makes the schema of a choice.
func (c unfixedly) JSONSchema() *jsonschema.Schema { return enum(c) }

// JSONSchema makes the schema of the limits, or off.
func (vulnerabilities) JSONSchema() *jsonschema.Schema {
	type written vulnerabilities
	return orOff(inlineSchema(written{}))
}
