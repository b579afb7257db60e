// Package release is a fleet under one version: which images, made of what, with which
// evidence. A release never changes, and it names images by digest alone, so the same bits
// go from one environment to the next.
//
//	r, err := release.Decode(data)
//	for _, c := range release.Compare(old, r) {
//		fmt.Println(c)
//	}
package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Release is a version of a fleet.
type Release struct {
	Schema   int       `json:"schema"`
	Fleet    string    `json:"fleet"`
	Version  string    `json:"version"`
	Created  time.Time `json:"created"`
	By       string    `json:"by,omitempty"` // user and machine
	Slipway  string    `json:"slipway,omitempty"`
	Source   Source    `json:"source,omitzero"`
	Services []Service `json:"services"` // sorted by name
}

// schema is that of this version.
const schema = 1

// Source is where the files came from; empty when they are in no git repository.
type Source struct {
	URL    string `json:"url,omitempty"`
	Commit string `json:"commit,omitempty"`
}

// Service is one image of a release, and how it runs.
type Service struct {
	Name        string           `json:"name"`
	Image       string           `json:"image"` // repository, without tag
	Digest      string           `json:"digest"`
	SizeBytes   int64            `json:"size_bytes"`           // unpacked, of all platforms
	Dockerfile  string           `json:"dockerfile,omitempty"` // SHA-256 of its text
	Type        string           `json:"type,omitempty"`
	Port        int              `json:"port,omitempty"`
	Health      plan.HealthCheck `json:"health,omitzero"`
	MemoryBytes int64            `json:"memory_bytes,omitempty"`
	User        string           `json:"user,omitempty"`
	StartMillis int64            `json:"start_ms,omitempty"` // until the started image was healthy, when its gates measured it
	Evidence    []Evidence       `json:"evidence,omitempty"`
}

// Evidence is a signature of an image, or a statement about it.
type Evidence struct {
	Type   string   `json:"type"` // "signature", "provenance", "sbom", …
	Signed bool     `json:"signed"`
	Keys   []string `json:"key_sha256,omitempty"`
}

// versionForm is that of a tag of an image, which a version becomes.
var versionForm = pattern.Lazy(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// CheckVersion refuses what cannot be a version.
func CheckVersion(version string) error {
	switch {
	case !versionForm().MatchString(version):
		return diag.Fail(diag.ExitUsage, "%q cannot be a version", version).
			WithHint("use letters, digits and . _ -, at most 128 of them, such as v1.2.3")
	case slices.Contains([]string{"latest", "show", "diff"}, version):
		return diag.Fail(diag.ExitUsage, "%q cannot be a version: it means something else", version).WithHint("such as v1.2.3")
	}
	return nil
}

// Same reports whether both pin the same images and settings; who made them and when is
// no difference.
func (r Release) Same(o Release) bool { return r.content() == o.content() }

// Content is the SHA-256 of what a release pins, in hexadecimal: the same for releases that
// are the same.
func (r Release) Content() string { return fmt.Sprintf("%x", sha256.Sum256([]byte(r.content()))) }

func (r Release) content() string {
	r.Schema, r.Created, r.By, r.Slipway = schema, time.Time{}, "", ""
	r.Services = slices.Clone(r.Services)
	for i := range r.Services {
		r.Services[i].Evidence, r.Services[i].StartMillis = nil, 0 // may come later
	}
	data, _ := json.Marshal(r) // of strings and numbers
	return string(data)
}

// Encode writes a release as it is kept.
func (r Release) Encode() []byte {
	r.Schema = schema
	r.Services = slices.Clone(r.Services)
	slices.SortFunc(r.Services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	data, _ := json.MarshalIndent(r, "", "  ") // of strings and numbers
	return append(data, '\n')
}

// Decode reads what Encode wrote. What a later version wrote is refused: to leave
// something out of it would be another release.
func Decode(data []byte) (Release, error) {
	var r Release
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("it is no release: %w", err)
	}
	switch {
	case r.Schema != schema:
		return r, fmt.Errorf("it is a release of schema %d, and this slipway knows schema %d", r.Schema, schema)
	case r.Fleet == "" || CheckVersion(r.Version) != nil || len(r.Services) == 0:
		return r, fmt.Errorf("it is no whole release")
	}
	for _, s := range r.Services {
		if s.Name == "" || !strings.HasPrefix(s.Digest, "sha256:") || len(s.Digest) != len("sha256:")+64 {
			return r, fmt.Errorf("the service %q has no digest", s.Name)
		}
	}
	return r, nil
}
