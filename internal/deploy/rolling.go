package deploy

// rolling replaces a few at a time. Both sides share the traffic by their number.
func rolling(spec Spec) []Step {
	n, s := spec.Replicas, spec.Strategy
	var out []Step
	old, fresh := spec.Before, 0
	add := func() {
		out = append(out, Step{Old: old, New: fresh, Share: fresh * 100 / max(1, old+fresh), Checked: s.Checked && len(out) == 0})
	}
	for old > 0 || fresh < n {
		before := [2]int{old, fresh}
		if more := min(n+s.Surge-old-fresh, n-fresh); more > 0 {
			fresh += more
			add()
		}
		if less := min(old, old+fresh-(n-s.Unavailable)); less > 0 {
			old -= less
			add()
		}
		if before == [2]int{old, fresh} { // more run than are wanted, and none may be missing: Check refuses such
			old, fresh = 0, n
			add()
		}
	}
	if s.Keep > 0 {
		out[len(out)-1].Hold = s.Keep
	}
	return out
}
