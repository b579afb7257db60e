package oci

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFramesAreFolded: the causes of a long stack trace are all among the lines
// that an explanation sees, and the log itself has every line.
func TestFramesAreFolded(t *testing.T) {
	var lines []string
	for i := range 6 {
		lines = append(lines, fmt.Sprintf("Caused by: a.Cause%d: text", i))
		for j := range 12 {
			lines = append(lines, fmt.Sprintf("\tat a.B.c%d(B.java:%d)", j, j))
		}
		lines = append(lines, "\t... 30 common frames omitted")
	}
	lines = append(lines, "    at Server.listen (node:net:1)", "ended at last")
	dir := t.TempDir()
	l, w, err := openLog(dir, func([]byte) {})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(w, strings.Join(lines, "\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	<-l.done
	var want []string
	for i := range 6 {
		want = append(want, fmt.Sprintf("Caused by: a.Cause%d: text", i), "\tat a.B.c0(B.java:0) … 12 more")
	}
	want[11] = "\tat a.B.c0(B.java:0) … 13 more" // Node.js's frame follows at once
	want = append(want, "ended at last")
	if diff := cmp.Diff(want, l.lastLines(keepLines)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if got, err := os.ReadFile(filepath.Join(dir, logFile)); err != nil || string(got) != strings.Join(lines, "\n")+"\n" {
		t.Errorf("the log has %d bytes: %v", len(got), err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}
