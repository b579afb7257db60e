package ecosystem_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// What slipway test wrote is not there for detection, in a fleet's root or below it; a
// file of that name is.
func TestReportsAreNoPartOfARepository(t *testing.T) {
	tree := ecosystem.Guard(fstest.MapFS{
		".slipway/reports/web/package.json": {Data: []byte("{}")}, "web/.slipway/reports/x": {}, "web/a": {}, "other/.slipway": {Data: []byte("a file")},
	})
	for name, want := range map[string]bool{".slipway": false, ".slipway/reports/web/package.json": false, "web/.slipway/reports/x": false, "web/a": true, "other/.slipway": true} {
		if _, err := fs.Stat(tree, name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := fs.ReadDir(tree, "web")
	if err != nil || len(entries) != 1 || entries[0].Name() != "a" {
		t.Errorf("%v, %v", entries, err)
	}
}
