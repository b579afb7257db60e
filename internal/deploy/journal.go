package deploy

import (
	"cmp"
	"time"
)

// Entry is a line of the journal of a rollout. The loop writes an action before it does
// it, and once more after: what was interrupted between them is seen, and done again where
// it is missing.
type Entry struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"` // who asked, or whose process it was
	Action Action    `json:"action,omitzero"`
	Done   bool      `json:"done,omitempty"`  // it was done; else it is meant to be
	Error  string    `json:"error,omitempty"` // why it could not be done; it is tried again
	Asked  Request   `json:"asked,omitempty"` // what a person asked for, in place of an action
	Reason string    `json:"reason,omitempty"`
}

// Request is what a person may ask of a rollout that goes on.
type Request string

// Requests.
const (
	AskAbort   Request = "abort"   // go back
	AskPause   Request = "pause"   // stay as it is
	AskResume  Request = "resume"  // go on
	AskPromote Request = "promote" // go on without waiting for time or data
)

// position is where a rollout is, by its journal.
type position struct {
	step      int       // the one that is being reached
	since     time.Time // when the last change was made
	promoted  bool
	skip      bool   // a person does not want to wait until it is promoted
	trusted   bool   // … and asks for no data
	paused    string // why, "" when not
	aborted   string // why, "" when not
	reverting string // why, "" when it goes forward
	outcome   Outcome
}

// Paused is why a person has to decide before a rollout goes on, "" while nobody has to.
func Paused(journal []Entry) string { return replay(journal).paused }

// Promoted reports whether the new side was made the one that runs.
func Promoted(journal []Entry) bool { return replay(journal).promoted }

// Ended is how a rollout ended, "" while it goes on.
func Ended(journal []Entry) Outcome { return replay(journal).outcome }

// replay reads a journal. An unknown entry, of a later version, changes nothing.
func replay(journal []Entry) position {
	var at position
	for i, e := range journal {
		if i == 0 {
			at.since = e.At
		}
		switch e.Asked {
		case AskAbort:
			at.aborted, at.paused = cmp.Or(e.Reason, "it was aborted"), ""
		case AskPause:
			at.paused = cmp.Or(e.Reason, "a person asked for it")
		case AskResume:
			at.paused = ""
		case AskPromote:
			at.paused, at.skip, at.trusted = "", true, true
		}
		switch e.Action.Kind {
		case Scale, Shift, Retire: // also those that may have been done and were not noted
			at.since = e.At
		}
		if e.Asked != "" {
			at.since = e.At
		}
		if !e.Done {
			continue
		}
		switch e.Action.Kind {
		case Promote:
			at.promoted, at.skip = true, false
		case Reach:
			at.step, at.since = e.Action.Step+1, e.At
		case Revert:
			at.reverting, at.paused, at.since = cmp.Or(e.Action.Reason, "no reason is known"), "", e.At
		case Pause:
			at.paused = cmp.Or(e.Action.Reason, "no reason is known")
		case Done:
			at.outcome = e.Action.Outcome
		}
	}
	return at
}
