package gate

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/report"
)

// memory is the gate of the memory that the started image holds at rest.
func memory(l Limits, s Subject) *draft {
	if l.MemoryBytes <= 0 {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "memory", Limit: "at most " + report.Bytes(l.MemoryBytes)}}
	if s.Running == nil || s.Running.MemoryBytes <= 0 {
		d.unknown = notStarted
		if s.Running != nil && s.Running.Failed != "" {
			d.unknown = "the started image did not become healthy; slipway run --until-healthy"
		}
		return d
	}
	d.Actual = report.Bytes(s.Running.MemoryBytes)
	if p := s.Previous; p != nil && p.Running != nil && p.Running.MemoryBytes > 0 {
		d.Change = grown(p.Running.MemoryBytes, s.Running.MemoryBytes)
	}
	if s.Running.MemoryBytes > l.MemoryBytes {
		d.miss(diag.Error, diag.Finding{Code: codeMemory, Hint: "slipway ps shows the memory of a running service",
			Text: fmt.Sprintf("%sthe started image holds %s at rest, and at most %s is allowed", prefix(s), d.Actual, report.Bytes(l.MemoryBytes))})
	}
	return d
}
