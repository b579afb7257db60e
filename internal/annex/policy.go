package annex

import "encoding/json"

// PolicyRequest asks for the evaluation of policies written in CEL.
type PolicyRequest struct {
	Policies []PolicyFile    `json:"policies"`
	Input    json.RawMessage `json:"input"` // what is known of an image: service, image, previous
}

// PolicyFile is a policy.
type PolicyFile struct {
	Name string `json:"name"` // as findings have it
	Text string `json:"text"`
}

// PolicyAnswer has what the policies deny, in the order of the files and their lines.
type PolicyAnswer struct {
	Denials []Denial `json:"denials"`
}

// Denial is a rule that does not hold, or that cannot be evaluated.
type Denial struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}
