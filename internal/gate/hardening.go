package gate

// on makes the draft of a gate that has a level, nil when it is off.
func on(level Level, name, limit string, s Subject) *draft {
	if level == Off || level == "" {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: name, Limit: limit}}
	if s.Image == nil {
		d.unknown = noImage
	}
	return d
}
