package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones have names on machines without tzdata too; 409,600 bytes with Go 1.26

	"github.com/goccy/go-yaml/ast"
	"github.com/invopop/jsonschema"
)

// codeFreeze: a freeze that is no span of time.
const codeFreeze = "SLP137"

// Freeze is when nothing is deployed: once, or on days of each week.
type Freeze struct {
	From   time.Time      `json:",omitzero"`  // once
	To     time.Time      `json:",omitzero"`  // once; the first moment after it
	Days   []time.Weekday `json:",omitempty"` // weekly: on which it begins; none: it is once
	Begin  time.Duration  `json:",omitempty"` // weekly: on the clock of Zone, since midnight
	End    time.Duration  `json:",omitempty"` // weekly; not after Begin: on the next day
	Zone   string         `json:",omitempty"` // weekly: such as Europe/Berlin; "": UTC
	Reason string         `json:",omitempty"`
}

// Until returns when the freeze at a moment ends; zero: there is none then.
func (f Freeze) Until(at time.Time) time.Time {
	if len(f.Days) == 0 {
		if !at.Before(f.From) && at.Before(f.To) {
			return f.To
		}
		return time.Time{}
	}
	zone, err := zoneOf(f.Zone)
	if err != nil {
		zone = time.UTC // Parse refuses others
	}
	year, month, today := at.In(zone).Date()
	for _, day := range []int{today - 1, today} {
		clock := func(day int, c time.Duration) time.Time {
			return time.Date(year, month, day, int(c/time.Hour), int(c%time.Hour/time.Minute), 0, 0, zone)
		}
		begin, end := clock(day, f.Begin), clock(day, f.End)
		if f.End <= f.Begin {
			end = clock(day+1, f.End)
		}
		if slices.Contains(f.Days, time.Date(year, month, day, 12, 0, 0, 0, zone).Weekday()) && !at.Before(begin) && at.Before(end) {
			return end
		}
	}
	return time.Time{}
}

// Frozen returns the freeze at a moment and when deploys go on: at the end of all freezes
// that follow one another. A freeze of every hour of the week has no such end; then it is
// a moment about a year later.
func (e Environment) Frozen(at time.Time) (why Freeze, until time.Time, frozen bool) {
	until = at
	for range 400 {
		again := false
		for _, f := range e.Freeze {
			if end := f.Until(until); !end.IsZero() {
				if !frozen {
					why, frozen = f, true
				}
				until, again = end, true
			}
		}
		if !again {
			break
		}
	}
	return why, until, frozen
}

// freeze is a freeze as written.
type freeze struct{ Freeze }

// freezeForm is its map.
type freezeForm struct {
	Days   []weekday `yaml:"days,omitempty" jsonschema_description:"Days of each week on which it begins, such as [fri, sat]; every day when left out and from: is a time of day."`
	From   scalar    `yaml:"from,omitempty" jsonschema_description:"Start: a day (2026-12-20), a day and time (2026-12-20T16:00), or a time of day in quotes (\"16:00\"); 00:00 when left out beside days."`
	To     scalar    `yaml:"to,omitempty" jsonschema_description:"End, in the form of from. A day is the last day; a time of day that is not after from is on the next day; 24:00 when left out beside days."`
	Zone   string    `yaml:"zone,omitempty" jsonschema_description:"Time zone of the days and times, such as Europe/Berlin; UTC when left out."`
	Reason string    `yaml:"reason,omitempty" jsonschema_description:"Why nothing is deployed then."`
}

const freezeHint = "such as {from: 2026-12-20, to: 2027-01-03}, or {days: [sat, sun]}"

// weekday is a day of the week.
type weekday string

func (weekday) choices() []string {
	return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
}

// day is the day as Go counts it, from Sunday.
func (w weekday) day() time.Weekday {
	return time.Weekday((slices.Index(w.choices(), string(w)) + 1) % 7)
}

// JSONSchema makes the schema of a choice.
func (w weekday) JSONSchema() *jsonschema.Schema { return enum(w) }

// JSONSchema makes the schema of a freeze.
func (freeze) JSONSchema() *jsonschema.Schema { return inlineSchema(freezeForm{}) }

func (f *freeze) decodeNode(d *decoder, n ast.Node, path string) {
	if _, scalar := n.(ast.ScalarNode); scalar {
		d.report(codeWrongType, path, freezeHint, "a freeze must be a map, not %s", describe(n))
		return
	}
	var form freezeForm
	before := len(d.findings)
	d.decodeStruct(n, reflect.ValueOf(&form).Elem(), path)
	zone, err := zoneOf(form.Zone)
	if err != nil {
		d.report(codeFreeze, path+"/zone", "such as Europe/Berlin or UTC", "there is no time zone %q", clip(form.Zone))
	}
	if len(d.findings) > before {
		return
	}
	f.Reason = strings.TrimSpace(form.Reason)
	_, weekly := timeOfDay(string(form.From))
	if _, also := timeOfDay(string(form.To)); weekly || also || len(form.Days) > 0 {
		f.weekly(d, form, path)
		return
	}
	f.once(d, form, zone, path)
}

// weekly reads one of days and times of day.
func (f *freeze) weekly(d *decoder, form freezeForm, path string) {
	for _, c := range []struct {
		key     string
		to      *time.Duration
		written scalar
	}{{"from", &f.Begin, or(form.From, "00:00")}, {"to", &f.End, or(form.To, "24:00")}} {
		clock, ok := timeOfDay(string(c.written))
		if !ok {
			d.report(codeFreeze, path+"/"+c.key, `write a time of day in quotes, such as "16:00", or both ends as days without days:`, "%q is not a time of day", clip(string(c.written)))
			return
		}
		*c.to = clock
	}
	if f.Begin == f.End {
		d.report(codeFreeze, path, "leave out from: and to: for whole days", "the freeze begins and ends at the same time")
	}
	for _, day := range form.Days {
		if slices.Contains(f.Days, day.day()) {
			d.report(codeDuplicate, path+"/days", "delete one", "%s is listed twice", day)
		}
		f.Days = append(f.Days, day.day())
	}
	if len(form.Days) == 0 {
		for _, day := range weekday("").choices() {
			f.Days = append(f.Days, weekday(day).day())
		}
	}
	f.Zone = form.Zone
}

// once reads one between two days.
func (f *freeze) once(d *decoder, form freezeForm, zone *time.Location, path string) {
	if form.From == "" || form.To == "" {
		d.report(codeFreeze, path, freezeHint, "the freeze has no start or no end")
		return
	}
	for _, c := range []struct {
		key     string
		to      *time.Time
		written string
	}{{"from", &f.From, string(form.From)}, {"to", &f.To, string(form.To)}} {
		moment, whole, ok := momentOf(c.written, zone)
		if !ok {
			d.report(codeFreeze, path+"/"+c.key, freezeHint, "%q is neither a day nor a time", clip(c.written))
			return
		}
		if whole && c.key == "to" {
			moment = moment.AddDate(0, 0, 1)
		}
		*c.to = moment.UTC()
	}
	if !f.To.After(f.From) {
		d.report(codeFreeze, path+"/to", "swap from: and to:", "the freeze ends before it begins")
	}
}

// timeOfDay reads "16:00", up to 24:00.
func timeOfDay(s string) (time.Duration, bool) {
	if s == "24:00" {
		return 24 * time.Hour, true
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, false
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}

// momentOf reads a day, which is whole, or a day and time.
func momentOf(s string, zone *time.Location) (moment time.Time, whole, ok bool) {
	if day, err := time.ParseInLocation(time.DateOnly, s, zone); err == nil {
		return day, true, true
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(form, s, zone); err == nil {
			return t, false, true
		}
	}
	return time.Time{}, false, false
}

// zoneOf finds a zone by its name. The machine's own, "Local", is none: it would mean
// something else on the next machine.
func zoneOf(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, errors.New("it is another one on each machine")
	}
	return time.LoadLocation(name)
}
