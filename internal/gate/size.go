package gate

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/report"
)

// layer names a layer by its instruction.
func (img *Image) layer(i int) string {
	l := img.Layers[i]
	if l.By == "" {
		return fmt.Sprintf("layer %d", i+1)
	}
	return fmt.Sprintf("layer %d (%s)", i+1, Clip(l.By))
}

// place is where a layer comes from in the Dockerfile.
func (img *Image) place(i int) diag.Place {
	if i < 0 || i >= len(img.Layers) || img.Layers[i].Line == 0 {
		return diag.Place{}
	}
	return diag.Place{File: img.Dockerfile, Line: img.Layers[i].Line}
}

// layerIndex finds a layer by its digest, -1 when there is none.
func layerIndex(img *Image, digest string) int {
	if img == nil || digest == "" {
		return -1
	}
	for i, l := range img.Layers {
		if l.Digest == digest {
			return i
		}
	}
	return -1
}

// noImage is why gates of the image are not known.
const noImage = "the image is not built; slipway build"

// size is the gate of the unpacked size. It names the largest part.
func size(l Limits, s Subject) *draft {
	if l.SizeBytes == nil {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: "size", Limit: "at most " + report.Bytes(*l.SizeBytes)}}
	if s.Image == nil {
		d.unknown = noImage
		return d
	}
	d.Actual = report.Bytes(s.Image.SizeBytes)
	if s.Previous != nil {
		d.Change = grown(s.Previous.Image.SizeBytes, s.Image.SizeBytes)
	}
	if over := s.Image.SizeBytes - *l.SizeBytes; over > 0 {
		f := diag.Finding{Code: codeSize, Hint: "slipway stats; or a larger limit: gates: {size: " + roundedUp(s.Image.SizeBytes) + "}",
			Text: fmt.Sprintf("%sthe image is %s, %s over the limit of %s", prefix(s), report.Bytes(s.Image.SizeBytes), report.Bytes(over), report.Bytes(*l.SizeBytes))}
		if len(s.Image.Parts) > 0 {
			p := s.Image.Parts[0]
			f.Place = s.Image.place(p.Layer)
			f.Text += fmt.Sprintf("; the largest part is %s with %s, in %s", p.title(), report.Bytes(p.Bytes), s.Image.layer(p.Layer))
		}
		d.miss(diag.Error, f)
	}
	return d
}

// roundedUp is a limit that a size keeps, as slipway.yaml writes it.
func roundedUp(bytes int64) string { return fmt.Sprintf("%dMB", bytes/1_000_000+1) }

// title is a part as a finding names it.
func (p Part) title() string {
	if p.Name != "" {
		return p.Name + " (" + p.Path + ")"
	}
	return p.Path
}
