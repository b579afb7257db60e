package download

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/event"
)

// TestAbandonedFilesGo: files of killed processes go, those of running ones stay.
func TestAbandonedFilesGo(t *testing.T) {
	dir := t.TempDir()
	running, err := newTemp(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	for _, name := range []string{tempPrefix + "1", "whole"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var said notes
	ClearAbandoned(&said, dir, filepath.Join(dir, "none"))
	var left []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := slices.Sorted(slices.Values([]string{filepath.Base(running.Name()), "whole"}))
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if len(said) != 1 || !strings.Contains(said[0], "clearing 1 unfinished file") {
		t.Errorf("said %q", said)
	}
}

// notes keeps the texts of a run.
type notes []string

func (n *notes) Emit(e event.Event) {
	if note, ok := e.(event.Note); ok {
		*n = append(*n, note.Text)
	}
}

// TestAdoptedContentHasItsDigest: what nothing has recorded gets the name of its
// digest when it is accepted, and no name when it is not.
func TestAdoptedContentHasItsDigest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("tool")) }))
	defer server.Close()
	c := NewCache(t.TempDir(), &Fetcher{Client: server.Client()}, event.Discard{})
	refused := errors.New("refused")
	if _, err := c.Adopt(t.Context(), "a tool", server.URL, func(string) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Dir(), "*", "*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
	got, err := c.Adopt(t.Context(), "a tool", server.URL, func(file string) error {
		data, err := os.ReadFile(file)
		if string(data) != "tool" {
			t.Errorf("checked %q", data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256([]byte("tool")); got != SHA256(hex.EncodeToString(sum[:]), 4) {
		t.Errorf("content %+v", got)
	}
	server.Close()
	data, err := c.Read(t.Context(), "a tool", got, func() ([]string, error) { return nil, nil })
	if string(data) != "tool" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
}

func TestPathsOnServers(t *testing.T) {
	for p, want := range map[string]bool{"pool/main/a/a_1.deb": true, "": false, "../a": false, "a/../b": false, "/a": false, "a?b": false, "a b": false} {
		if SafePath(p) != want {
			t.Errorf("path %q: %v", p, !want)
		}
	}
	for s, want := range map[string]bool{"libc6": true, "1:2.3~rc+b1": true, "": false, "a/b": false, ".hidden": false, "a#b": false} {
		if SafeName(s) != want {
			t.Errorf("name %q: %v", s, !want)
		}
	}
}
