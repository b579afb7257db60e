package contents

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Bounds of a file of rules: the parser recurses.
const (
	maxYAML   = 1 << 20
	maxLevels = 50
)

// readYAML decodes the first document of a file and refuses unknown keys. An empty file
// leaves into as it is. The error is diag.Findings.
func readYAML(file string, data []byte, into any, hint string) (err error) {
	refuse := func(line int, text string) diag.Finding {
		return diag.Finding{Code: codeFile, Place: diag.Place{File: file, Line: line}, Text: text, Hint: hint}
	}
	defer func() {
		if cause := recover(); cause != nil { // the parser is not ours
			err = diag.Findings{refuse(0, fmt.Sprintf("the YAML parser failed: %v", cause))}
		}
	}()
	if len(data) > maxYAML {
		return diag.Findings{refuse(0, fmt.Sprintf("the file has %d bytes, more than the %d that Slipway reads", len(data), maxYAML))}
	}
	if line := tooDeep(data); line > 0 {
		return diag.Findings{refuse(line, fmt.Sprintf("the nesting is deeper than %d levels", maxLevels))}
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	err = d.Decode(into)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	texts := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if typed := (*yaml.TypeError)(nil); errors.As(err, &typed) {
		texts = typed.Errors
	}
	var all diag.Findings
	for _, text := range texts {
		line := 0
		if m := atLine().FindStringSubmatch(text); m != nil {
			line, _ = strconv.Atoi(m[1]) // digits
			text = m[2]
		}
		for _, goType := range []string{" in type ", " into "} {
			text, _, _ = strings.Cut(text, goType)
		}
		all = append(all, refuse(line, gate.Clip(text)))
	}
	return all
}

// atLine is how the parser begins what it says of a line.
var atLine = pattern.Lazy(`(?s)^line ([0-9]{1,9}): (.*)$`)

// tooDeep returns the line that nests too deep, by indentation and brackets, 0 for none.
func tooDeep(data []byte) int {
	depth, number := 0, 0
	for line := range bytes.Lines(data) {
		number++
		depth += bytes.Count(line, []byte("[")) + bytes.Count(line, []byte("{"))
		if indent := len(line) - len(bytes.TrimLeft(line, " -?")); depth > maxLevels || indent > 4*maxLevels {
			return number
		}
		depth -= bytes.Count(line, []byte("]")) + bytes.Count(line, []byte("}"))
	}
	return 0
}
