package deploy

// canary gives the new side rising parts of the traffic and looks at each for a while.
// The old side stays whole until the end: going back is a switch.
func canary(spec Spec) []Step {
	n, s := spec.Replicas, spec.Strategy
	var out []Step
	for i, percent := range s.Percent {
		out = append(out, Step{
			Old: spec.Before, New: max(1, (n*percent+99)/100), Share: percent,
			Hold: s.Every, Checked: s.Checked && i == 0, Analysed: s.Analysed,
		})
	}
	return append(out, Step{Old: spec.Before, New: n, Share: 100, Hold: s.Keep, Analysed: s.Analysed}, Step{New: n, Share: 100})
}
