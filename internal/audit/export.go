package audit

import (
	"slices"
	"time"
)

// Period is a part of a log, from a time up to another one; the zero value is all of it.
type Period struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

func (p Period) has(at time.Time) bool {
	return (p.From.IsZero() || !at.Before(p.From)) && (p.To.IsZero() || at.Before(p.To))
}

// Covered is a control with its records.
type Covered struct {
	Control
	Records []uint64       `json:"records"`
	Counts  map[Action]int `json:"counts"`
}

// Change is a deploy that ended, and the records before it that belong to it.
type Change struct {
	Record      uint64    `json:"record"`
	At          time.Time `json:"at"`
	Action      Action    `json:"action"`
	Environment string    `json:"environment"`
	Fleet       string    `json:"fleet"`
	Version     string    `json:"version"`
	Result      string    `json:"result"`
	By          string    `json:"by"`
	Commit      string    `json:"commit,omitempty"`
	Released    uint64    `json:"released,omitempty"` // record of the release; 0: none
	Gates       uint64    `json:"gates,omitempty"`    // record of its last gates
	GatesResult string    `json:"gates_result,omitempty"`
	Approved    uint64    `json:"approved,omitempty"`
	ApprovedBy  string    `json:"approved_by,omitempty"`
	Gaps        []string  `json:"gaps"` // what an auditor will ask about
}

// Export is a log as evidence for a standard; its keys are an interface to scripts.
type Export struct {
	Standard     string    `json:"standard"`
	Made         time.Time `json:"made"`
	Period       Period    `json:"period,omitzero"`
	Verification Report    `json:"verification"` // of the whole log
	Records      int       `json:"records"`      // in the period
	Changes      []Change  `json:"changes"`
	Controls     []Covered `json:"controls"`
}

// ExportFor maps the records of a period to the controls of a standard.
func (f Files) ExportFor(s Standard, trust Trust, period Period, now time.Time) Export {
	e := Export{Standard: s.Name, Made: now.UTC().Truncate(time.Second), Period: period, Verification: f.Verify(trust), Changes: []Change{}}
	all := f.Records()
	var within []Record
	for i, r := range all {
		if !period.has(r.At) {
			continue
		}
		within = append(within, r)
		if r.Action == Deployed || r.Action == RolledBack || r.Action == Aborted {
			e.Changes = append(e.Changes, changeOf(r, all[:i]))
		}
	}
	e.Records = len(within)
	for _, c := range s.Controls {
		covered := Covered{Control: c, Records: []uint64{}, Counts: map[Action]int{}}
		for _, r := range within {
			if c.counts(r) {
				covered.Records = append(covered.Records, r.Seq)
				covered.Counts[r.Action]++
			}
		}
		e.Controls = append(e.Controls, covered)
	}
	return e
}

// changeOf finds what belongs to a deploy in the records before it.
func changeOf(r Record, before []Record) Change {
	c := Change{Record: r.Seq, At: r.At, Action: r.Action, Environment: r.Environment, Fleet: r.Fleet, Version: r.Version, Result: r.Result, By: r.Actor.Name, Commit: r.Origin.Commit, Gaps: []string{}}
	released := Record{}
	approver := Actor{}
	for _, b := range slices.Backward(before) {
		if b.Fleet != r.Fleet || b.Version != r.Version {
			continue
		}
		switch {
		case b.Action == BuiltRelease && c.Released == 0:
			c.Released, released = b.Seq, b
		case b.Action == Gates && c.Gates == 0:
			c.Gates, c.GatesResult = b.Seq, b.Result
		case b.Action == Approved && b.Environment == r.Environment && c.Approved == 0:
			c.Approved, c.ApprovedBy, approver = b.Seq, b.Actor.Name, b.Actor
		}
	}
	if c.Commit == "" {
		c.Commit = released.Origin.Commit
	}
	gap := func(is bool, text string) {
		if is {
			c.Gaps = append(c.Gaps, text)
		}
	}
	gap(c.Released == 0, "no record of the release")
	gap(c.Gates == 0, "no record of gates")
	gap(c.Gates > 0 && c.GatesResult != OK, "gates: "+c.GatesResult)
	gap(c.Approved == 0, "no record of an approval")
	gap(c.Approved > 0 && (approver == r.Actor || approver.Login != "" && approver.Login == r.Actor.Login), "approved by who deployed")
	gap(!within(r.Digests, released.Digests) && c.Released > 0, "other digests than the release")
	gap(c.Commit == "", "no commit")
	return c
}

// within tells whether a release has all of the digests.
func within(digests, released map[string]string) bool {
	for service, digest := range digests {
		if released[service] != digest {
			return false
		}
	}
	return true
}

// Whole is a log with its verification, for other programs.
type Whole struct {
	Made         time.Time `json:"made"`
	Period       Period    `json:"period,omitzero"`
	Verification Report    `json:"verification"`
	PublicKeys   []string  `json:"public_keys"` // PEM, of those beside the log
	Records      []Record  `json:"records"`
}

// ExportAll returns the records of a period.
func (f Files) ExportAll(trust Trust, period Period, now time.Time) (Whole, error) {
	w := Whole{Made: now.UTC().Truncate(time.Second), Period: period, Verification: f.Verify(trust), PublicKeys: []string{}, Records: []Record{}}
	for _, k := range f.keys {
		text, err := k.PublicPEM()
		if err != nil {
			return w, err
		}
		w.PublicKeys = append(w.PublicKeys, string(text))
	}
	for _, r := range f.Records() {
		if period.has(r.At) {
			w.Records = append(w.Records, r)
		}
	}
	return w, nil
}
