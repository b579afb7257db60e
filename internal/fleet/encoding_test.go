package fleet

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
)

// TestEncodingsOfAnOwnDockerfile: a person's Dockerfile and .dockerignore are read
// in the encodings that editors and shells of Windows write, in a fleet and alone.
func TestEncodingsOfAnOwnDockerfile(t *testing.T) {
	const text = "FROM scratch\nCOPY a.txt /ü.txt\n"
	wide := func(order binary.AppendByteOrder, text string) string {
		var out []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
			out = order.AppendUint16(out, u)
		}
		return string(out)
	}
	for name, encode := range map[string]func(string) string{
		"UTF-8":                        func(s string) string { return s },
		"UTF-8 with a byte-order mark": func(s string) string { return "\xef\xbb\xbf" + s },
		"UTF-16, little endian":        func(s string) string { return wide(binary.LittleEndian, s) },
		"UTF-16, big endian":           func(s string) string { return wide(binary.BigEndian, s) },
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			for file, data := range map[string]string{
				"slipway.yaml": "version: 1\nfleet: f\nservices:\n  web: {type: worker}\n", "web/a.txt": "a",
				"web/Dockerfile": encode(text), "web/.dockerignore": encode("*.log\nü\n"),
			} {
				at := filepath.Join(top, filepath.FromSlash(file))
				if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(data), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			l := Loader{Dir: top, Warn: func(f diag.Findings) {
				if len(f) > 0 {
					t.Errorf("findings: %v", f)
				}
			}}
			f, err := l.Load(Target{Root: top}, Overrides{})
			if err != nil || len(f.Planned) != 1 {
				t.Fatalf("%v", err)
			}
			got, err := f.Dockerfile(f.Planned[0])
			if err != nil || string(got) != text {
				t.Errorf("%v, %q", err, got)
			}
			if diff := cmp.Diff([]string{"*.log", "ü"}, f.Planned[0].DockerIgnore); diff != "" {
				t.Errorf(".dockerignore (-want +got):\n%s", diff)
			}
			alone, err := l.Directory(filepath.Join(top, "web"), "")
			if err != nil || string(alone.Text) != text {
				t.Errorf("alone: %v, %q", err, alone.Text)
			}
			if diff := cmp.Diff([]string{"*.log", "ü"}, alone.Ignore); diff != "" {
				t.Errorf(".dockerignore alone (-want +got):\n%s", diff)
			}
		})
	}
}
