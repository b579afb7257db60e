package baseimage

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
)

// TestNoNameOfABaseLeavesTheStateDirectory: a repository names its bases, whose
// resolutions are files.
func TestNoNameOfABaseLeavesTheStateDirectory(t *testing.T) {
	a := &Assembler{stateDir: "/state/bases"}
	seen := map[string]string{}
	for _, ref := range []string{"slipway/node:22", "../../x", ".", "..", "/etc/passwd", "a/b", "a_b", "a:b", strings.Repeat("a", 300), strings.Repeat("a", 301)} {
		path := a.resolvedFile(spec.Base{Ref: ref}, "linux/amd64")
		if filepath.Dir(path) != "/state/bases/resolved" || len(filepath.Base(path)) > 255 {
			t.Errorf("%.40q lies at %s", ref, path)
		}
		if other, taken := seen[path]; taken {
			t.Errorf("%.40q and %.40q share %s", ref, other, path)
		}
		seen[path] = ref
	}
}
