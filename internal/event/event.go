// Package event holds the typed progress events of a command. Producers emit
// them into a Sink; only package report turns them into text.
//
//	sink.Emit(event.StepFinished{Service: "web", Stage: "builder", Step: "npm ci", Cached: true})
package event

import "time"

// Event is one of the types of this package.
type Event interface{ isEvent() }

// Sink takes events. It is safe for concurrent use and does not block for long.
type Sink interface{ Emit(Event) }

// Discard is a Sink that drops everything.
type Discard struct{}

// Emit does nothing.
func (Discard) Emit(Event) {}

// ServiceStarted says that work on a service began.
type ServiceStarted struct {
	Service   string
	At        time.Time
	Unchanged bool     // nothing is built: there is an image of the same inputs
	Reasons   []string // why it is built, the cause first; may be empty
}

// ServiceFinished says how a service ended; Err is nil on success.
type ServiceFinished struct {
	Service   string
	At        time.Time
	Err       error
	Unchanged bool // as in ServiceStarted
}

// StepStarted says that a build step runs. Key is unique in its service.
type StepStarted struct {
	Service, Key string
	Platform     string // "linux/arm64"; empty when the build has one platform
	Stage, Step  string // "builder", "RUN npm run build"
	Index, Total int    // the step's number in its stage, from 1; 0 when unknown
	At           time.Time
}

// StepProgress reports a transfer inside a step, in bytes; Total is 0 when unknown.
type StepProgress struct {
	Service, Key   string
	What           string
	Current, Total int64
}

// StepLog is output of a step, with its line ends as written.
type StepLog struct {
	Service, Key string
	Stderr       bool
	Data         []byte
}

// StepFinished says how a step ended. Err is empty on success.
type StepFinished struct {
	Service, Key string
	Stage, Step  string
	Cached       bool
	Duration     time.Duration
	PeakMemory   int64 // bytes that its processes held at most; 0 when nobody measured it
	Err          string
}

// Note is a line for the person: a wait, a repair, a warning.
type Note struct {
	Service string // empty when it is about the whole command
	Text    string
	Warning bool
}

// Transfer reports a download or an upload outside a build step, in bytes.
type Transfer struct {
	What           string
	Of             string // what it is a part of: one line stands for all parts; "" for a transfer by itself
	Current, Total int64
	Done           bool
}

// ServiceWaits says what a service waits for before its build begins, such as a
// base image; For is empty when it waits no longer.
type ServiceWaits struct{ Service, For string }

// Interrupted says that a person or a signal stopped the command: steps that did
// not end were not at fault.
type Interrupted struct{}

func (ServiceStarted) isEvent()  {}
func (ServiceFinished) isEvent() {}
func (StepStarted) isEvent()     {}
func (StepProgress) isEvent()    {}
func (StepLog) isEvent()         {}
func (StepFinished) isEvent()    {}
func (Note) isEvent()            {}
func (Transfer) isEvent()        {}
func (ServiceWaits) isEvent()    {}
func (Interrupted) isEvent()     {}
