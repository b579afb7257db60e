package gate

import (
	"slices"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/diag"
)

// Level says what a gate without a number does when it is missed.
type Level string

// The levels.
const (
	Off  Level = "off"
	Warn Level = "warn"
	Fail Level = "fail"
)

func (l Level) severity() diag.Severity {
	if l == Fail {
		return diag.Error
	}
	return diag.Warning
}

// Limits are those of one service. A nil number has no limit. The zero value limits
// nothing; Defaults are the limits where nothing is written.
type Limits struct {
	Quality
	Supply
	Weight
	Runtime
	Hardening
	Strict bool // what is not known fails, and what warns

	// Waive returns the reason why a finding is accepted, "" when it is not. nil:
	// nothing is accepted.
	Waive func(diag.Finding) string `json:"-"`
}

// Quality limits tests, coverage and linters.
type Quality struct {
	Coverage        *float64 `json:",omitempty"` // least percent of lines
	ChangedCoverage *float64 `json:",omitempty"` // of lines changed against the base
	FailedTests     *int     `json:",omitempty"` // most
	SkippedTests    *int     `json:",omitempty"` // most without a reason; nil: they warn
	Tests           *int     `json:",omitempty"` // least that ran
	LintErrors      *int     `json:",omitempty"` // most
}

// Supply limits what the image is made of.
type Supply struct {
	Vulnerabilities map[advisory.Severity]int `json:",omitempty"` // most of each; severities left out have no limit
	UnknownAsHigh   bool                      `json:",omitempty"` // those of unknown severity count within the limit of high
	Unfixed         bool                      `json:",omitempty"` // vulnerabilities without a fix count too
	Secrets         *int                      `json:",omitempty"` // most
	DeniedLicences  []string                  `json:",omitempty"` // SPDX identifiers, or patterns such as "AGPL-*"
	BaseAge         time.Duration             `json:",omitempty"` // most; 0: no limit
	OldBase         Level                     `json:",omitempty"` // of an older base
	Policies        []string                  `json:",omitempty"` // files of CEL (.cel) or Rego, relative to slipway.yaml
}

// Weight limits the size of the image.
type Weight struct {
	SizeBytes     *int64   `json:",omitempty"` // most, unpacked
	Growth        *float64 `json:",omitempty"` // most percent against the last release
	WastedBytes   *int64   `json:",omitempty"` // most
	WastedPercent *float64 `json:",omitempty"` // most percent of all layers but the first, as dive counts
	DiveWasted    *int64   `json:",omitempty"` // most bytes, as dive counts
	Efficiency    *float64 `json:",omitempty"` // least, 0 to 1
	Layers        *int     `json:",omitempty"` // most
	BuildTime     *float64 `json:",omitempty"` // most percent that a build of the same steps takes longer
}

// Runtime limits the started image.
type Runtime struct {
	StartUp     time.Duration `json:",omitempty"` // most; 0: no limit
	MemoryBytes int64         `json:",omitempty"` // most; 0: no limit
}

// Hardening says what the image must not have, and what it must.
type Hardening struct {
	User      Level    `json:",omitempty"` // not root
	Setuid    Level    `json:",omitempty"` // none
	Shell     Level    `json:",omitempty"` // none
	Health    Level    `json:",omitempty"` // has a check
	Structure []string `json:",omitempty"` // files of structure tests, relative to slipway.yaml
}

// Running reports whether a limit needs the image to be started.
func (l Limits) Running() bool { return l.StartUp > 0 || l.MemoryBytes > 0 }

// About is what defaults depend on.
type About struct {
	Planned bool   // Slipway decides what is in the image
	Type    string // of the service
	Shell   bool   // slipway.yaml asks for a shell
}

// Defaults are the limits where slipway.yaml says nothing. What the image of a
// person's own Dockerfile gets from its base is only a warning; what Slipway itself
// chooses is not.
func Defaults(a About) Limits {
	image := Warn
	if a.Planned {
		image = Fail
	}
	health, shell := Off, image
	if slices.Contains([]string{"http", "grpc", "static", ""}, a.Type) {
		health = image
	}
	if a.Shell {
		shell = Off
	}
	return Limits{
		Quality: Quality{FailedTests: new(0), Tests: new(1), LintErrors: new(0)},
		Supply: Supply{
			Vulnerabilities: map[advisory.Severity]int{advisory.Critical: 0, advisory.High: 4},
			UnknownAsHigh:   true,
			Secrets:         new(0), BaseAge: 30 * 24 * time.Hour, OldBase: Warn,
		},
		// Those of dive, and 5 % of growth.
		Weight:    Weight{Growth: new(5.0), WastedPercent: new(10.0), Efficiency: new(0.9)},
		Hardening: Hardening{User: Fail, Setuid: image, Shell: shell, Health: health},
	}
}
