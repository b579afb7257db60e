package state

import (
	"os"
	"testing"
	"time"
)

func TestGarbageIsLookedForNowAndThen(t *testing.T) {
	d := Dir{Path: t.TempDir()}
	if !d.mayHaveGarbage(0) {
		t.Error("before the first collection")
	}
	d.collected(0)
	noted, err := os.ReadFile(d.collectedFile())
	if err != nil {
		t.Skipf("the free space is not known on this system: %v", err)
	}
	if d.mayHaveGarbage(0) {
		t.Error("right after a collection")
	}
	if !d.mayHaveGarbage(1e9) {
		t.Error("under another limit")
	}
	for name, text := range map[string]string{
		"when a gigabyte more is used": "1000000000000000 0\n",
		"when the note is damaged":     "x",
		"when the note is empty":       "",
	} {
		if err := os.WriteFile(d.collectedFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if !d.mayHaveGarbage(0) {
			t.Error(name)
		}
	}
	if err := os.WriteFile(d.collectedFile(), noted, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]time.Time{"long ago": time.Now().Add(-2 * time.Hour), "in the future": time.Now().Add(time.Hour)} {
		if err := os.Chtimes(d.collectedFile(), at, at); err != nil {
			t.Fatal(err)
		}
		if !d.mayHaveGarbage(0) {
			t.Error("collected", name)
		}
	}
}
