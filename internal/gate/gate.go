// Package gate decides whether an image may leave: limits over what is known of it.
// It measures and reads nothing, but what lies in the indexes of layers.
//
//	verdicts := gate.Check(limits, gate.Subject{Image: img, Tests: tests, Today: today})
package gate

import (
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/testreport"
)

// Subject is all that gates look at, as plain data. What is nil was not looked at: its
// gates say "not known", which fails under strict.
type Subject struct {
	Service         string
	Dir             string // of the service, below the root that paths are relative to; "" or ".": the root
	Image           *Image
	Tests           *testreport.Report
	Stages          []Stage          // quality stages, in the order of the pipeline
	Changed         map[string][]int // path → numbers of lines changed against the base; nil: no base
	Packages        *inventory.Inventory
	Vulnerabilities []advisory.Hit
	Database        *advisory.Database // nil: no scan
	ScannedBy       string             // the program that searched; "" for none
	Secrets         *[]Secret
	Unsearched      []string // files that are too long to search all of them for secrets
	Running         *Running
	Structure       []StructureResult // of Limits.Structure
	Policies        []PolicyResult    // of Limits.Policies
	Previous        *Previous         // the last release; nil: none
	Today           time.Time
	Missing         map[string]string // gate → why what it needs is not known, and the next command
}

// Image is what is known of the built image without starting it.
type Image struct {
	Name        string            `json:"name"`
	Digest      string            `json:"digest"`
	Dockerfile  string            `json:"dockerfile,omitempty"` // that the lines of layers are of
	PackedBytes int64             `json:"packed_bytes"`
	SizeBytes   int64             `json:"size_bytes"`   // unpacked
	WastedBytes int64             `json:"wasted_bytes"` // of files that a later layer replaces or deletes
	Efficiency  float64           `json:"efficiency"`   // 0 to 1, dive's definition
	Layers      []Layer           `json:"layers"`
	Parts       []Part            `json:"parts,omitempty"`  // the largest first
	Wasted      []Waste           `json:"wasted,omitempty"` // the largest first
	Dive        Dive              `json:"dive"`
	User        string            `json:"user"`
	Env         []string          `json:"env,omitempty"`
	Entrypoint  []string          `json:"entrypoint,omitempty"`
	Cmd         []string          `json:"cmd,omitempty"`
	Workdir     string            `json:"workdir,omitempty"`
	Ports       []string          `json:"ports,omitempty"` // "8080/tcp"
	Volumes     []string          `json:"volumes,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Healthcheck bool              `json:"healthcheck"`
	Setuid      []string          `json:"setuid,omitempty"`      // paths
	Shells      []string          `json:"shells,omitempty"`      // paths
	BaseCreated time.Time         `json:"base_created,omitzero"` // newest package of its base; zero: not known
	BuildTime   time.Duration     `json:"build_ns"`
	Steps       int               `json:"steps,omitempty"`  // of the build that took BuildTime
	Cached      int               `json:"cached,omitempty"` // of them
}

// Layer is one layer of an image.
type Layer struct {
	Digest    string `json:"digest"`
	SizeBytes int64  `json:"size_bytes"`
	By        string `json:"by"`             // the instruction
	Line      int    `json:"line,omitempty"` // of it in the Dockerfile
}

// Part is a package, or a file of none, with what it takes of the image.
type Part struct {
	Path  string `json:"path"`              // its directory, or the file; absolute
	Name  string `json:"package,omitempty"` // of the package; empty: a file
	Bytes int64  `json:"size_bytes"`
	Layer int    `json:"layer"` // index in Layers of the most of it
}

// Waste is a file that a later layer replaces or deletes.
type Waste struct {
	Path  string `json:"path"`
	Bytes int64  `json:"size_bytes"` // that nobody sees
	Layer int    `json:"layer"`      // index in Layers of the layer that brings it
	By    int    `json:"by"`         // index of the layer that hides it
}

// Dive is what dive (github.com/wagoodman/dive) computes of an image. It counts a file
// that is in two layers twice, also the copy that is seen.
type Dive struct {
	WastedBytes int64   `json:"wasted_bytes"`
	UserPercent float64 `json:"user_wasted_percent"` // 0 to 1, of all layers but the first
}

// Stage is how a quality stage ended.
type Stage struct {
	Name     string        `json:"name"`
	Result   string        `json:"result"` // "passed", "failed", "left out", "not run"
	Why      string        `json:"why,omitempty"`
	Duration time.Duration `json:"duration_ns"`
	Cached   time.Time     `json:"cached,omitzero"` // when it last ran, if not now
}

// Secret is a secret that was found in an image, its sources or history. The secret
// itself is never kept.
type Secret struct {
	Rule  string `json:"rule"`
	File  string `json:"file"`
	Line  int    `json:"line,omitempty"`
	Layer string `json:"layer,omitempty"` // digest
	Where string `json:"where"`           // "layer", "configuration", "history" (of the image), "sources", "commit"

	Commit string `json:"commit,omitempty"`
	Author string `json:"author,omitempty"` // of the commit, masked
	Date   string `json:"date,omitempty"`
}

// Running is what was measured of the started image.
type Running struct {
	StartUp     time.Duration `json:"start_up_ns"` // until healthy; 0: not known
	MemoryBytes int64         `json:"memory_bytes"`
	Failed      string        `json:"failed,omitempty"` // why it did not become healthy
}

// Previous is the last release of the service.
type Previous struct {
	Version  string               `json:"version"`
	Image    Image                `json:"image"`
	Coverage float64              `json:"coverage_percent,omitempty"` // of lines; 0: not known
	Running  *Running             `json:"running,omitempty"`
	Packages *inventory.Inventory `json:"packages,omitempty"`
}
