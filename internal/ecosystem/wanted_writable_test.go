package ecosystem

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
)

func TestDirectoriesThatTheFleetFileNamesAreWritable(t *testing.T) {
	fleet := &config.Fleet{File: "slipway.yaml"}
	s := Open(fstest.MapFS{}, config.Service{Name: "web", Line: 4, Writable: []string{".", "data/", "/data", "/etc/x"}}, fleet)
	if diff := cmp.Diff([]string{"/app", "/app/data", "/data"}, s.Writable()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(s.Findings) != 1 || s.Findings[0].Code != CodeNotWritable || s.Findings[0].Place.Line != 4 || s.Findings[0].Hint == "" {
		t.Errorf("findings %v", s.Findings)
	}
}
