package contents

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/pattern"
)

// DiveFile is the name of the file with the limits of dive's CI mode
// (github.com/wagoodman/dive, "CI Integration").
const DiveFile = ".dive-ci"

// DiveRules lays the rules of a .dive-ci file over limits. "disabled" switches a rule off;
// a rule that the file leaves out keeps dive's own default.
func DiveRules(l gate.Limits, file string, data []byte) (gate.Limits, error) {
	var doc struct {
		Rules map[string]any `yaml:"rules"`
	}
	if err := readYAML(file, data, &doc, "see dive's documentation of .dive-ci"); err != nil {
		return l, err
	}
	l.Efficiency, l.DiveWasted, l.WastedPercent = new(0.9), nil, new(10.0)
	var all diag.Findings
	for rule, value := range doc.Rules {
		if err := diveRule(&l, rule, fmt.Sprint(value)); err != nil {
			all = append(all, diag.Finding{Code: codeFile, Place: diag.Place{File: file, Line: lineOf(data, rule)}, Text: err.Error(), Hint: `such as lowestEfficiency: 0.95, highestWastedBytes: 20MB, highestUserWastedPercent: 0.20, or "disabled"`})
		}
	}
	return l, all.Sorted().Errors()
}

func diveRule(l *gate.Limits, rule, text string) error {
	off := text == "disabled"
	fraction, err := strconv.ParseFloat(text, 64)
	valid := off || err == nil && fraction >= 0 && fraction <= 1
	switch rule {
	case "lowestEfficiency", "lowestEfficiencyThreshold", "lowest-efficiency":
		if l.Efficiency = nil; !off {
			l.Efficiency = &fraction
		}
	case "highestUserWastedPercent", "highest-user-wasted-percent":
		if l.WastedPercent = nil; !off {
			l.WastedPercent = new(100 * fraction)
		}
	case "highestWastedBytes", "highest-wasted-bytes":
		if l.DiveWasted = nil; off {
			return nil
		}
		bytes, err := diveBytes(text)
		l.DiveWasted = &bytes
		return err
	default:
		return fmt.Errorf("dive has no rule %q", gate.Clip(rule))
	}
	if !valid {
		return fmt.Errorf("%s: %q is not a number between 0 and 1", rule, gate.Clip(text))
	}
	return nil
}

var diveSize = pattern.Lazy(`(?i)^\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?I?B?)\s*$`)

// diveBytes reads a size as dive does: units are decimal, those with an i binary.
func diveBytes(text string) (int64, error) {
	parts := diveSize().FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is not a size", gate.Clip(text))
	}
	unit := strings.TrimSuffix(strings.ToUpper(parts[2]), "B")
	base := 1000.0
	if prefix, binary := strings.CutSuffix(unit, "I"); binary {
		unit, base = prefix, 1024
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	for range strings.Index("KMGT", unit) + 1 {
		if unit != "" {
			number *= base
		}
	}
	if err != nil || number > 1<<60 {
		return 0, fmt.Errorf("%q is out of range", gate.Clip(text))
	}
	return int64(number), nil
}

// lineOf finds the line of a key.
func lineOf(data []byte, key string) int {
	for i, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), key+":") {
			return i + 1
		}
	}
	return 0
}
