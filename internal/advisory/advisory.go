// Package advisory matches packages with records of vulnerabilities in the OSV format
// (ossf.github.io/osv-schema). The records come from a database on the disk, whose
// reader is a leaf; this package compares versions and ranges alone.
//
//	hits, err := advisory.Match(packages, database, nil)
//	hits = advisory.Dismiss(hits, []string{image}, statements)
package advisory

import (
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/inventory"
)

// Severity is how bad a vulnerability is.
type Severity string

// The severities, from CVSS scores (first.org: 9.0, 7.0, 4.0, 0.1) or the database's word.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Unknown  Severity = "unknown"
)

// Hit is a vulnerability of a package of an image.
type Hit struct {
	ID       string            `json:"id"` // "GHSA-…", "GO-…", "RUSTSEC-…"
	Aliases  []string          `json:"aliases,omitempty"`
	Package  inventory.Package `json:"package"`
	Severity Severity          `json:"severity"`
	Score    float64           `json:"score,omitempty"`         // CVSS base score; 0: not known
	RatedBy  string            `json:"severity_from,omitempty"` // record of the same flaw that the severity is from, when its own has none
	Fixed    []string          `json:"fixed,omitempty"`         // versions without it, the nearest first; empty: there is no fix yet
	// FixUnknown says that nobody told whether a version is without it; Fixed is empty then.
	FixUnknown bool      `json:"fix_unknown,omitempty"`
	Summary    string    `json:"summary,omitempty"`
	Published  time.Time `json:"published,omitzero"`
	Reach      Reach     `json:"reach"`
	// Dismissed is why it does not count: the justification of a VEX statement.
	Dismissed string `json:"dismissed,omitempty"`
}

// Reach tells whether the program can get to the vulnerable code.
type Reach string

// The degrees.
const (
	Called    Reach = "called"     // the program calls it
	Imported  Reach = "imported"   // it is compiled in, and not called
	NotCalled Reach = "not called" // it is not compiled in
	NotKnown  Reach = "not known"
)

// Database tells what was searched. The zero value is no database.
type Database struct {
	Ecosystems []string  `json:"ecosystems,omitempty"` // those it has, sorted
	Updated    time.Time `json:"updated,omitzero"`     // the oldest of them
	Missing    []string  `json:"missing,omitempty"`    // ecosystems of the image that it lacks, sorted
}

// Unsearched says why nothing was looked up, "" when something was.
func (d *Database) Unsearched() string {
	switch {
	case d == nil:
		return "there is no database"
	case len(d.Ecosystems) > 0:
		return ""
	case len(d.Missing) > 0:
		return "the database has no advisories for " + strings.Join(d.Missing, ", ")
	}
	return "no package to look up was found"
}
