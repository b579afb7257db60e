package conformance

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/engine"
)

// collected: files of a stage come out, also when a step of it fails; and nothing comes
// out that is no regular file, nor from where a link leads.
func collected(t *testing.T, s Subject) {
	for _, c := range []struct {
		name, script string
		fails        bool
		want         map[string]string
		leftOut      []string
	}{
		{"passes", "mkdir -p /reports/x/d && echo one > /reports/x/d/f", false, map[string]string{"d/f": "one\n"}, nil},
		{"fails", "mkdir -p /reports/x && echo two > /reports/x/f; exit 3", true, map[string]string{"f": "two\n"}, nil},
		{"the second choice", "mkdir -p /reports && echo three > /reports/f", false, map[string]string{"f": "three\n"}, nil},
		{"nothing", "true", false, map[string]string{}, nil},
		{"a link as the directory", "mkdir /etc/x && echo root > /etc/x/passwd && ln -s /etc /reports", false, map[string]string{}, nil},
		{"a link as the directory, failing", "mkdir /etc/x && echo root > /etc/x/passwd && ln -s /etc /reports; exit 3", true, map[string]string{}, nil},
		{"what is no file", "mkdir -p /reports/x && cd /reports/x && ln -s /etc/passwd l && mkfifo p && echo f > f && dd if=/dev/zero of=h bs=1 count=0 seek=99999999999; exit 3", true, map[string]string{"f": "f\n"}, []string{"h: it is larger", "l: it is no regular file", "p: it is no regular file"}},
		{"more than one part", "mkdir -p /reports/x && cd /reports/x && dd if=/dev/zero bs=1M count=9 | tr '\\0' a > big; exit 3", true, map[string]string{"big": strings.Repeat("a", 9<<20)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := t.TempDir()
			res, err := s.Builder.Build(t.Context(), engine.Request{
				Name: "collect", Context: Busybox(t), Platforms: []string{platform()}, Target: "work", Output: engine.Output{Kind: engine.OutputNone},
				Dockerfile: []byte(BusyboxBase + "FROM base AS work\nRUN " + fresh(t) + c.script + "\n"),
				Collect:    engine.Collect{From: []string{"/reports/x", "/reports"}, To: to},
			}, &Recorder{})
			step := (*engine.StepError)(nil)
			if errors.As(err, &step) != c.fails || c.fails && (step.ExitCode != 3 || step.Stage != "work") || !c.fails && err != nil {
				t.Fatalf("error %v", err)
			}
			if got := filesOf(t, to); !equalFiles(got, c.want) || res.Collected.Files != len(c.want) {
				t.Errorf("files %q, counted %d, want %d", got, res.Collected.Files, len(c.want))
			}
			left := slices.Sorted(slices.Values(res.Collected.LeftOut))
			if len(left) != len(c.leftOut) {
				t.Fatalf("left out %q, want %q", left, c.leftOut)
			}
			for i, want := range c.leftOut {
				if !strings.HasPrefix(left[i], want) {
					t.Errorf("left out %q, want %q", left[i], want)
				}
			}
		})
	}
}

func equalFiles(a, b map[string]string) bool {
	for name, text := range a {
		if b[name] != text {
			return false
		}
	}
	return len(a) == len(b)
}

// filesOf are the contents of regular files below a directory; of others their type.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(at string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		if !e.Type().IsRegular() {
			out[rel] = e.Type().String()
			return nil
		}
		data, err := os.ReadFile(at)
		out[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
