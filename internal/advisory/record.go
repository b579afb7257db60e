package advisory

import (
	"encoding/json"
	"strings"
	"time"

	cvss2 "github.com/pandatix/go-cvss/20"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss4 "github.com/pandatix/go-cvss/40"

	"github.com/slipway-build/slipway/internal/inventory"
)

// Record is a vulnerability as OSV writes it; what matching does not need is left out.
type Record struct {
	ID        string     `json:"id"`
	Aliases   []string   `json:"aliases,omitempty"`
	Upstream  []string   `json:"upstream,omitempty"`
	Summary   string     `json:"summary,omitempty"`
	Modified  time.Time  `json:"modified,omitzero"`
	Published time.Time  `json:"published,omitzero"`
	Withdrawn *time.Time `json:"withdrawn,omitempty"`
	Severity  []Vector   `json:"severity,omitempty"`
	Affected  []Affected `json:"affected,omitempty"`
	Specific  Specific   `json:"database_specific,omitzero"`

	// Lent is the severity that another record of the same flaw states, where this one
	// states none. The database fills it in.
	Lent *Rating `json:"slipway_rating,omitempty"`
}

// Rating is a severity and the record that states it.
type Rating struct {
	Severity Severity `json:"severity"`
	Score    float64  `json:"score,omitempty"`
	From     string   `json:"from"`
}

// Vector is a severity: "CVSS_V3" with its vector.
type Vector struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

// Specific is what databases add in their own way.
type Specific struct {
	Severity Word     `json:"severity,omitempty"`
	Urgency  Word     `json:"urgency,omitempty"`
	Imports  []Import `json:"imports,omitempty"`
}

// Word is a string; other values of JSON in its place count as none.
type Word string

// UnmarshalJSON takes strings.
func (w *Word) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*w = Word(s)
	}
	return nil
}

// Import is a package of Go with the symbols that are vulnerable; none: all of it.
type Import struct {
	Path    string   `json:"path"`
	Symbols []string `json:"symbols,omitempty"`
}

// Affected is a package with its vulnerable versions.
type Affected struct {
	Package  Name     `json:"package"`
	Ranges   []Range  `json:"ranges,omitempty"`
	Versions []string `json:"versions,omitempty"`
	Severity []Vector `json:"severity,omitempty"`
	Own      Specific `json:"ecosystem_specific,omitzero"`
	Database Specific `json:"database_specific,omitzero"`
}

// Name is a package of an ecosystem: "Debian:13", "openssl".
type Name struct {
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
}

// Range is a list of versions between events.
type Range struct {
	Type   string  `json:"type"`
	Events []Event `json:"events"`
}

// Event is one of its versions.
type Event struct {
	Introduced   string `json:"introduced,omitempty"`
	Fixed        string `json:"fixed,omitempty"`
	LastAffected string `json:"last_affected,omitempty"`
	Limit        string `json:"limit,omitempty"`
}

// Ecosystem is what OSV calls the home of packages of a type, "" where it has none.
func Ecosystem(t inventory.Type) string {
	return map[inventory.Type]string{
		inventory.Debian: "Debian", inventory.Alpine: "Alpine", inventory.NPM: "npm", inventory.PyPI: "PyPI", inventory.Go: "Go", inventory.Cargo: "crates.io", inventory.Maven: "Maven",
	}[t]
}

// Ecosystems are those that packages are matched in, sorted.
func Ecosystems() []string {
	return []string{"Alpine", "Debian", "Go", "Maven", "PyPI", "crates.io", "npm"}
}

// Key is a package's name as databases compare it.
func Key(ecosystem, name string) string {
	if ecosystem, _, _ = strings.Cut(ecosystem, ":"); ecosystem == "PyPI" {
		return inventory.NormalPyPI(name)
	}
	return name
}

// score is the highest base score of vectors. The older CVSS v2 counts where there is
// nothing newer.
func score(vectors []Vector) float64 {
	var newer, older float64
	for _, v := range vectors {
		switch {
		case strings.HasPrefix(v.Score, "CVSS:4.0/"):
			if c, err := cvss4.ParseVector(v.Score); err == nil {
				newer = max(newer, c.Score())
			}
		case strings.HasPrefix(v.Score, "CVSS:3.1/"):
			if c, err := cvss31.ParseVector(v.Score); err == nil {
				newer = max(newer, c.BaseScore())
			}
		case strings.HasPrefix(v.Score, "CVSS:3.0/"):
			if c, err := cvss30.ParseVector(v.Score); err == nil {
				newer = max(newer, c.BaseScore())
			}
		case v.Type == "CVSS_V2":
			if c, err := cvss2.ParseVector(strings.Trim(v.Score, "()")); err == nil {
				older = max(older, c.BaseScore())
			}
		}
	}
	if newer > 0 {
		return newer
	}
	return older
}

// Grade is the severity of a base score (first.org, CVSS v3.1, section 5).
func Grade(score float64) Severity {
	switch {
	case score >= 9:
		return Critical
	case score >= 7:
		return High
	case score >= 4:
		return Medium
	case score > 0:
		return Low
	}
	return Unknown
}

// worded is the severity that a database's word means.
func worded(word Word) Severity {
	switch strings.ToLower(string(word)) {
	case "critical":
		return Critical
	case "high", "important":
		return High
	case "medium", "moderate":
		return Medium
	case "low", "negligible", "minor", "unimportant":
		return Low
	}
	return Unknown
}

// severity is how bad a record is for one of its packages.
func (r Record) severity(a Affected) (Severity, float64) {
	points := score(append(append([]Vector{}, a.Severity...), r.Severity...))
	found := Grade(points)
	for _, w := range []Word{a.Database.Severity, a.Own.Severity, r.Specific.Severity, a.Own.Urgency} {
		if found == Unknown {
			found = worded(w)
		}
	}
	if found == Unknown && strings.HasPrefix(r.ID, "MAL-") { // malicious packages
		found = Critical
	}
	return found, points
}

// Rating is the worst severity that the record states; false when it states none. How
// urgent a flaw is for a distribution, which may not be affected, is none for others.
func (r Record) Rating() (Rating, bool) {
	out := Rating{Severity: Unknown, From: r.ID}
	for _, a := range r.Affected {
		a.Own.Urgency = ""
		if severity, points := r.severity(a); severity.Rank() < out.Severity.Rank() || severity == out.Severity && points > out.Score {
			out.Severity, out.Score = severity, points
		}
	}
	return out, out.Severity != Unknown
}

// Counted is the severity that limits apply to. A flaw that no database has rated
// counts as high: a typical flaw is rated medium or high, and one that was published
// yesterday and is not rated yet may be worse.
func (s Severity) Counted() Severity {
	if s.Rank() == Unknown.Rank() {
		return High
	}
	return s
}

// Rank orders severities, the worst first.
func (s Severity) Rank() int {
	for i, known := range []Severity{Critical, High, Medium, Low} {
		if s == known {
			return i
		}
	}
	return 4
}
