// Package cel evaluates policies written in CEL, the Common Expression Language
// (cel.dev), over what is known of an image. A policy is a file of boolean expressions
// with blank lines between them; the comment above an expression is what a denial says.
// It reads no files, and an expression can neither loop for ever nor leave its process.
//
//	answer, err := cel.Evaluate(ctx, annex.PolicyRequest{Policies: files, Input: input})
package cel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
)

// Limits of one expression. Kubernetes allows the same cost (k8s.io/apiserver,
// pkg/apis/cel, PerCallLimit), which takes about a tenth of a second.
const (
	maxCost = 1_000_000
	maxTime = 5 * time.Second
	maxFile = 64 << 10 // bytes of a policy
)

// input is what expressions see. Its fields have the names and values of the document
// that policies in Rego get; what that leaves out is empty here.
type input struct {
	Service  string         `json:"service"`
	Image    *gate.Image    `json:"image"`
	Previous *gate.Previous `json:"previous"`
}

// Evaluate returns what the policies deny. The error joins all that cannot be compiled,
// in all files.
func Evaluate(ctx context.Context, r annex.PolicyRequest) (annex.PolicyAnswer, error) {
	var in input
	if err := json.Unmarshal(r.Input, &in); err != nil {
		return annex.PolicyAnswer{}, fmt.Errorf("reading the input of policies: %w", err)
	}
	env, err := environment()
	if err != nil {
		return annex.PolicyAnswer{}, fmt.Errorf("preparing CEL: %w", err)
	}
	answer := annex.PolicyAnswer{Denials: []annex.Denial{}}
	var broken []string
	for _, file := range r.Policies {
		compiled, problems := compile(env, file)
		broken = append(broken, problems...)
		for _, c := range compiled {
			if len(broken) > 0 {
				break
			}
			if text := c.denies(ctx, in); text != "" {
				answer.Denials = append(answer.Denials, annex.Denial{File: file.Name, Line: c.line, Text: text})
			}
		}
		if ctx.Err() != nil {
			return answer, context.Cause(ctx)
		}
	}
	if len(broken) > 0 {
		return annex.PolicyAnswer{}, diag.Fail(diag.ExitUsage, "the policies cannot be evaluated").
			Because(errors.New("\n  " + strings.Join(broken, "\n  "))).
			WithHint("correct the expressions; service, image and previous are what they see, and blank lines separate them")
	}
	return answer, nil
}

// environment is what an expression may use: CEL's own functions and macros, and those
// of the usual extensions.
func environment() (*cel.Env, error) {
	return cel.NewEnv(
		ext.NativeTypes(reflect.TypeFor[gate.Image](), reflect.TypeFor[gate.Previous](), ext.ParseStructTag("json")),
		cel.Variable("service", cel.StringType),
		cel.Variable("image", cel.ObjectType("gate.Image")),
		cel.Variable("previous", cel.ObjectType("gate.Previous")),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserRecursionLimit(100),
		ext.Strings(), ext.Lists(), ext.Sets(), ext.Math(),
	)
}

// program is a rule that can be evaluated.
type program struct {
	rule
	run cel.Program
}

// compile returns the rules of a file, and what is wrong with it, with the places.
func compile(env *cel.Env, file annex.PolicyFile) (out []program, problems []string) {
	if len(file.Text) > maxFile {
		return nil, []string{fmt.Sprintf("%s: it has %d bytes; at most %d are read", file.Name, len(file.Text), maxFile)}
	}
	found := rules(file.Text)
	if len(found) == 0 {
		return nil, []string{file.Name + ": it has no expression"}
	}
	for _, r := range found {
		// Lines before the expression are left empty, so that positions are those of the file.
		source := common.NewStringSource(strings.Repeat("\n", r.line-1)+r.text, file.Name)
		ast, issues := env.CompileSource(source)
		if issues.Err() != nil {
			for _, e := range issues.Errors() {
				at := diag.Place{File: file.Name, Line: r.line}
				if e.Location.Line() >= r.line { // limits have no place
					at.Line, at.Column = e.Location.Line(), e.Location.Column()+1
				}
				problems = append(problems, at.String()+": "+e.Message)
			}
			continue
		}
		if t := ast.OutputType(); !t.IsExactType(types.BoolType) && !t.IsExactType(types.DynType) {
			problems = append(problems, fmt.Sprintf("%s:%d: the expression is of type %s, not bool: %s", file.Name, r.line, t, r.brief()))
			continue
		}
		run, err := env.Program(ast, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100), cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s:%d: %v", file.Name, r.line, err))
			continue
		}
		out = append(out, program{r, run})
	}
	return out, problems
}

// denies says why a rule does not hold; empty: it does. One that cannot be evaluated
// denies.
func (p program) denies(ctx context.Context, in input) string {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	value, _, err := p.run.ContextEval(ctx, map[string]any{"service": in.Service, "image": in.Image, "previous": in.Previous})
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("it takes longer than %s: %s", maxTime, p.brief())
	case err != nil:
		return fmt.Sprintf("it cannot be evaluated: %v: %s", err, p.brief())
	case value == types.True:
		return ""
	case value != types.False:
		return fmt.Sprintf("it is neither true nor false: %s", p.brief())
	case p.message != "":
		return p.message
	}
	return "this does not hold: " + p.brief()
}
