package fleet

import (
	"cmp"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plan"
)

// codeUnknownBase is the finding of a base under Slipway's name that there is not.
const codeUnknownBase = "SLP402"

// OwnBases returns the assembled bases that a person's Dockerfile names. They
// come in as named contexts, as those of a plan do.
func OwnBases(file dockerfile.File) ([]plan.Base, error) {
	var bases []plan.Base
	var unknown diag.Findings
	for _, image := range file.Images {
		if !strings.HasPrefix(image.Name, "slipway/") {
			continue
		}
		name := image.Name
		if name+":latest" == spec.ProbeRef {
			name = spec.ProbeRef
		}
		base, err := spec.Of(name)
		if err != nil {
			unknown = append(unknown, diag.Finding{Code: codeUnknownBase, Place: image.Place, Text: err.Error(), Hint: diag.HintOf(err)})
			continue
		}
		// Only the build knows which stage runs for which platform.
		bases = append(bases, plan.Base{Ref: name, Role: base.Role, Version: cmp.Or(base.Bun, base.Deno, base.Node, base.GoMinor), Assembled: true, OnTarget: true})
	}
	return bases, unknown.Errors()
}
