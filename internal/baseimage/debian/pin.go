package debian

import (
	"fmt"

	"github.com/slipway-build/slipway/internal/baseimage/download"
)

// Pin is one Debian package. Path is relative to the archive's root.
type Pin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size_bytes"`
	Path    string `json:"path"`
	Archive string `json:"archive,omitempty"` // "debian-security"; empty: the main archive
}

// String is the package in messages: "package tini 0.19.0-3".
func (p Pin) String() string { return "package " + p.Name + " " + p.Version }

// Content is the .deb file.
func (p Pin) Content() download.Content { return download.SHA256(p.SHA256, p.Size) }

// Check refuses a pin that Choose could not have made.
func (p Pin) Check() error {
	if !download.SafeName(p.Name) || !download.IsSHA256(p.SHA256) || !download.SafePath(p.Path) || p.Size <= 0 || p.Archive != "" && p.Archive != Security {
		return fmt.Errorf("the entry of package %q is not complete", p.Name)
	}
	return nil
}
