package engine

import "net/netip"

// Companions are servers beside a build that steps of some stages reach by name. They
// are part of no cache key, layer or history: the same step with others gives the
// cached result.
type Companions struct {
	Stages []string              // that reach them, by name; the others know nothing of them
	Hosts  map[string]netip.Addr // IPv4, by host name
	Env    map[string]string     // of the steps; a variable that a step sets itself wins
}

// Some reports whether there is anything to reach.
func (c Companions) Some() bool { return len(c.Stages) > 0 && len(c.Hosts)+len(c.Env) > 0 }
