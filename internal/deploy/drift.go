package deploy

import "time"

// Drift is something that is not as Slipway made it.
type Drift struct {
	Service string       `json:"service,omitempty"` // "" of routes
	Object  string       `json:"object"`
	Missing bool         `json:"missing,omitempty"` // somebody removed it
	Fields  []DriftField `json:"fields,omitempty"`
}

// DriftField is a field that somebody else set.
type DriftField struct {
	Path    string    `json:"path"`
	Applied string    `json:"applied,omitempty"` // by Slipway; "": it did not set the field, and leaves it
	Live    string    `json:"live,omitempty"`    // "": it is gone
	By      string    `json:"by,omitempty"`      // the program, as it names itself; "" when nobody knows
	At      time.Time `json:"at,omitzero"`
}

// Ours reports drift that a deploy puts back: not what others added to what Slipway made.
func (d Drift) Ours() bool {
	if d.Missing {
		return true
	}
	for _, f := range d.Fields {
		if f.Applied != "" {
			return true
		}
	}
	return false
}
