package deploy

// blueGreen starts the whole new side without traffic, switches all of it at once, and
// keeps the old side for a while.
func blueGreen(spec Spec) []Step {
	n, s := spec.Replicas, spec.Strategy
	return []Step{
		{Old: spec.Before, New: n, Share: 100, Hold: s.Keep, Checked: s.Checked},
		{New: n, Share: 100},
	}
}
