//go:build linux

package embedded

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// TestADamagedEngineBuildsTheSameImage: whatever happened to its databases while it
// was closed, or was killed, the next build makes the same image, and so does the one
// after it.
func TestADamagedEngineBuildsTheSameImage(t *testing.T) {
	needsReal(t)
	state, images := t.TempDir(), t.TempDir()
	files := t.TempDir()
	if err := os.WriteFile(filepath.Join(files, "a"), []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := func() (digest, notes string) { // in a process of its own, as BuildKit remembers the last engine
		t.Helper()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneBuild$", "-test.v")
		cmd.Env = append(os.Environ(), "SLIPWAY_TEST_STATE="+state, "SLIPWAY_TEST_IMAGES="+images, "SLIPWAY_TEST_FILES="+files)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		_, answer, _ := strings.Cut(string(out), "built ")
		digest, notes, _ = strings.Cut(answer, " ")
		notes, _, _ = strings.Cut(notes, "\n")
		return digest, notes
	}
	want, notes := build()
	if notes != "" {
		t.Errorf("a new engine: %s", notes)
	}
	if again, notes := build(); again != want || notes != "" {
		t.Errorf("%s then %s, %s", want, again, notes)
	}
	for how, damageIt := range harm() {
		if how != "one byte" && how != "trunc" && how != "rm" {
			continue // the others are like these to an engine: TestDamagedDatabasesAreFound has all
		}
		for i, name := range databases() {
			if err := damageIt(filepath.Join(state, name), rand.New(rand.NewPCG(3, uint64(i)))); err != nil {
				t.Fatal(err)
			}
			got, notes := build()
			if got != want || !strings.Contains(notes, "the build cache was damaged") {
				t.Errorf("%s %s: %s, notes %q", how, name, got, notes)
			}
			if again, notes := build(); again != want || notes != "" {
				t.Errorf("%s %s, again: %s, notes %q", how, name, again, notes)
			}
		}
	}
	boot := filepath.Join(state, bootFile)
	if _, err := os.Stat(boot); err == nil {
		t.Error("a closed engine says that it writes its databases")
	}
	if err := os.WriteFile(boot, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{"the machine stopped", ""} {
		if got, notes := build(); got != want || !strings.Contains(notes, note) || note == "" && notes != "" {
			t.Errorf("after a stop of the machine: %s, notes %q, want %q", got, notes, note)
		}
	}
	blobs, err := os.ReadDir(contentDir(state))
	if err != nil || len(blobs) == 0 {
		t.Fatal(err)
	}
	for _, b := range blobs {
		if err := os.WriteFile(filepath.Join(contentDir(state), b.Name()), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, notes := build(); got != want || !strings.Contains(notes, "damaged") {
		t.Errorf("damaged layers: %s, notes %q", got, notes)
	}
	layers, err := os.ReadDir(filepath.Join(images, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		if err := sealWhole(filepath.Join(images, "blobs", "sha256", l.Name())); err != nil {
			t.Errorf("in the image store: %s: %v", l.Name(), err)
		}
	}
}

// TestOneBuild is the process of a build.
func TestOneBuild(t *testing.T) {
	state := os.Getenv("SLIPWAY_TEST_STATE")
	if state == "" {
		t.Skip("only TestADamagedEngineBuildsTheSameImage starts it")
	}
	sink := &recorder{}
	e, err := Open(t.Context(), Options{StateDir: state, ImageDir: os.Getenv("SLIPWAY_TEST_IMAGES"), Runc: "runc"}, sink)
	if err != nil {
		t.Fatal(err)
	}
	res, err := e.Build(t.Context(), engine.Request{
		Name: "web", Context: os.Getenv("SLIPWAY_TEST_FILES"),
		Dockerfile: []byte("FROM scratch AS x\nCOPY a /a\nFROM scratch\nCOPY --from=x /a /b\nCOPY a /c\n"),
	}, event.Discard{})
	if err = errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	var notes []string
	for _, ev := range sink.events {
		if n, ok := ev.(event.Note); ok {
			notes = append(notes, n.Text)
		}
	}
	fmt.Printf("built %s %s\n", res.Digest, strings.Join(notes, "; "))
}
