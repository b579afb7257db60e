//go:build linux

package embedded

import (
	"testing"

	"github.com/slipway-build/slipway/internal/engine/conformance"
)

func TestConformance(t *testing.T) {
	images := t.TempDir()
	conformance.Run(t, conformance.Subject{Builder: openReal(t, Options{ImageDir: images}), ImageDir: images})
}
