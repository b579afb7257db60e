package secret

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStream finds what lies anywhere in a large file, also across the windows.
func TestStream(t *testing.T) {
	token := "gh" + "p_q7Zr2KxV9bTn4LwPm8Hd5JyGc3FsAv6Ee1Ru"
	key := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0B", 60) + "\n-----END PRIVATE KEY-----\n"
	line := "const a = 1; // nothing\n"
	filler := func(n int) string { return strings.Repeat(line, n/len(line)+1)[:n] }
	for name, c := range map[string]struct {
		text  string
		want  []Match
		whole bool
	}{
		"small":              {"a\n" + token + "\n", []Match{{"github-token", 2}}, true},
		"empty":              {"", nil, true},
		"at the end":         {strings.Repeat(line, 100_000) + "x = '" + token + "'\n", []Match{{"github-token", 100_001}}, true},
		"across two":         {filler(window-30) + "\n" + token + "\n" + filler(window), []Match{{"github-token", 1 + strings.Count(filler(window-30)+"\n", "\n")}}, true},
		"a key across two":   {filler(window-700) + "\n" + key + filler(window), []Match{{KeyRule, 0}}, true},
		"one long line":      {strings.Repeat("a=1;", 400_000) + "t=\"" + token + "\";" + strings.Repeat("a=1;", 400_000), []Match{{"github-token", 1}}, true},
		"no text":            {"\x00" + filler(2*window) + token, nil, true},
		"longer than search": {strings.Repeat(line, maxStreamed/len(line)+1) + filler(window) + token, nil, false},
	} {
		got, whole, err := Stream("dist/main.js", strings.NewReader(c.text), FindIn)
		if err != nil || whole != c.whole {
			t.Errorf("%s: whole %v, %v", name, whole, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if _, _, err := Stream("a", broken{}, FindIn); err == nil {
		t.Error("a file that cannot be read has no secrets")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, fmt.Errorf("broken") }
