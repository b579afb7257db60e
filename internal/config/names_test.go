package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestHostileNamesAreRefused: names of fleets and services become parts of the
// names of images, directories and hosts.
func TestHostileNamesAreRefused(t *testing.T) {
	long := strings.Repeat("a", 300)
	for _, name := range []string{"../x", ".", "..", "CON", "a/b", `a\b`, "/etc", "-rf", ".hidden", "a b", "a\x1b[31m", "a\nb", "ä", "a%00", "Web", long} {
		for what, text := range map[string]string{
			"fleet":   fmt.Sprintf("version: 1\nfleet: %q\nservices:\n  web: {type: http}\n", name),
			"service": fmt.Sprintf("version: 1\nfleet: shop\nservices:\n  %q: {type: http}\n", name),
		} {
			fleet, findings := Parse("slipway.yaml", []byte(text))
			if findings.Errors() == nil {
				t.Errorf("%s %q is taken: %+v", what, name, fleet)
			} else if said := findings.Errors().Error(); strings.Contains(said, "\x1b") || strings.Contains(said, long) {
				t.Errorf("%s %q is repeated as it is:\n%s", what, name, said)
			}
		}
	}
	for _, name := range []string{"stop", "ended", "state.json", "runc", "services", "x.lock", "con", "nul"} {
		text := fmt.Sprintf("version: 1\nfleet: %s\nservices:\n  %[1]s: {type: http}\n", name)
		if _, findings := Parse("slipway.yaml", []byte(text)); findings.Errors() != nil {
			t.Errorf("%q: %v", name, findings.Errors())
		}
	}
}
