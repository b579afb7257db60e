package deploy

// Autoscale lets the target change how many copies of a service run; with Max 0, nobody
// does. A rollout keeps the number that it finds.
type Autoscale struct {
	Min int `json:"min,omitempty"`
	Max int `json:"max,omitempty"`
	CPU int `json:"cpu_percent,omitempty"` // of the limit in cores that a copy uses, on average
}

// Within is the number in the range that is nearest to another one.
func (a Autoscale) Within(n int) int { return min(max(n, a.Min), a.Max) }
