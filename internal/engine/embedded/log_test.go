//go:build linux

package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheEnginesLogHidesSecrets(t *testing.T) {
	dir := t.TempDir()
	log, err := openLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	log.hide(strings.NewReplacer("CANARY1", "[secret]").Replace)
	log.hide(strings.NewReplacer("CANARY2", "[secret]").Replace)
	entry := "process \"/bin/sh -c test CANARY1 = CANARY2\" failed\n"
	if n, err := log.Write([]byte(entry)); n != len(entry) || err != nil {
		t.Errorf("%d bytes of %d, %v", n, len(entry), err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if n, err := log.Write([]byte(entry)); n != 0 || err == nil {
		t.Errorf("a closed log takes %d bytes, %v", n, err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "engine.log"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("process \"/bin/sh -c test [secret] = [secret]\" failed\n", string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
