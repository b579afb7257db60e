package gate

import (
	"fmt"
	"strconv"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/report"
)

// layers is the gate of the number of layers. It names the smallest, which is the one
// to merge into its neighbour.
func layers(l Limits, s Subject) *draft {
	if l.Layers == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "layers", Limit: fmt.Sprintf("at most %d", *l.Layers)}}
	if s.Image == nil {
		d.unknown = noImage
		return d
	}
	n := len(s.Image.Layers)
	d.Actual = strconv.Itoa(n)
	if s.Previous != nil {
		d.Change = fmt.Sprintf("%+d", n-len(s.Previous.Image.Layers))
	}
	if n <= *l.Layers {
		return d
	}
	smallest := n - 1
	for i, layer := range s.Image.Layers {
		if i > 0 && layer.SizeBytes < s.Image.Layers[smallest].SizeBytes {
			smallest = i
		}
	}
	d.miss(diag.Error, diag.Finding{Code: codeLayers, Place: s.Image.place(smallest), Hint: "join instructions that belong together: COPY takes several sources, RUN several commands",
		Text: fmt.Sprintf("%sthe image has %s, and at most %d are allowed; the smallest is %s with %s", prefix(s), count(n, "layer"), *l.Layers, s.Image.layer(smallest), report.Bytes(s.Image.Layers[smallest].SizeBytes))})
	return d
}
