package terminal_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/terminal"
)

func TestEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"plain\n\ttext – ü 日本 👩‍💻 \u3000":    "plain\n\ttext – ü 日本 👩‍💻 \u3000",
		"\x1b]0;title\a\x1b[2J":              `\x1b]0;title\x07\x1b[2J`,
		"over\rwritten\b":                    `over\x0dwritten\x08`,
		"\x9b2J \u009b2J \x7f":               `\x9b2J \u009b2J \x7f`,
		"\u202egpj.exe \u2066a\u2069":        `\u202egpj.exe \u2066a\u2069`,
		"\u2028line\u2029":                   `\u2028line\u2029`,
		"Latin-1 \xe9 and NUL \x00 end":      `Latin-1 \xe9 and NUL \x00 end`,
		"\ufffd is a character":              "\ufffd is a character",
		"\x1b[31mno colour of others\x1b[0m": `\x1b[31mno colour of others\x1b[0m`,
	} {
		if got := string(terminal.Escaped([]byte(text))); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		for cut := range len(text) + 1 { // whatever the writes are
			var b bytes.Buffer
			w := terminal.NewWriter(&b)
			for _, part := range []string{text[:cut], text[cut:]} {
				if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatalf("%q: wrote %d, %v", part, n, err)
				}
			}
			if err := w.Close(); err != nil || b.String() != want {
				t.Errorf("%q, cut at %d: got %q, %v", text, cut, b.String(), err)
			}
		}
	}
}

func TestColours(t *testing.T) {
	for _, c := range []struct{ text, coloured, plain string }{
		{"plain", "plain", "plain"},
		{"\x1b[1;31mred\x1b[0m done", "\x1b[1;31mred\x1b[0m done", "red done"},
		{"\x1b[38:2::1:2:3mred\x1b[m", "\x1b[38:2::1:2:3mred\x1b[m", "red"},
		{"\x1b[31mred", "\x1b[31mred\x1b[0m", "red"},
		{"\x1b[2J\x1b[3;1Hfake\x1b[K\x1b[?25l", "fake", "fake"},
		{"\x1b[>4;2mkeys\x1b[31 m", "keys", "keys"},
		{"\x1b]0;title\a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", "link"},
		{"\x1b(Bset\x1b7\x1bc\x1b=", "set", "set"},
		{"\x1bP1$r0m\x1b\\dcs", "1$r0mdcs", "1$r0mdcs"},
		{"\x1b", `\x1b`, `\x1b`},
		{"\x1b[31", `\x1b[31`, `\x1b[31`},
		{"\u009b31mred\x9b2J\a\x7f\u202e", `\u009b31mred\x9b2J\x07\x7f\u202e`, `\u009b31mred\x9b2J\x07\x7f\u202e`},
		{"\x1b\x1b[2J\x1b[\x1b[2J31mx", `\x1b\x1b[31mx`, `\x1b\x1b[31mx`},
	} {
		if diff := cmp.Diff([]string{c.coloured, c.plain}, []string{terminal.Coloured(c.text), terminal.Plain(c.text)}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, diff)
		}
	}
}

func TestJSONStaysTheSame(t *testing.T) {
	in := map[string]string{"a\u202e": "\u009b2J\x7f\x1b]0;x\a", "b": "ü \u2028 👩‍💻"}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	safe := terminal.JSON(text)
	var out map[string]string
	if err := json.Unmarshal(safe, &out); err != nil {
		t.Fatalf("%v: %s", err, safe)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !bytes.Equal(terminal.Escaped(safe), safe) {
		t.Errorf("harmful: %q", safe)
	}
}

func FuzzTerminal(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b[31mred", "\x1b]0;x\a\x9b\u009b\xff\u202e", "\x1b\x1b[m[31m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		safe := string(terminal.Escaped([]byte(text)))
		checkSafe(t, text, safe)
		if again := string(terminal.Escaped([]byte(safe))); again != safe {
			t.Errorf("%q is escaped again", safe)
		}
		coloured := terminal.Coloured(text)
		if again := terminal.Coloured(coloured); again != coloured {
			t.Errorf("%q became %q, then %q", text, coloured, again)
		}
		// Without whole SGR sequences there is nothing left of control characters.
		for i := strings.Index(coloured, "\x1b["); i >= 0; i = strings.Index(coloured, "\x1b[") {
			end := strings.IndexFunc(coloured[i+2:], func(r rune) bool { return !strings.ContainsRune("0123456789:;", r) })
			if end < 0 || coloured[i+2+end] != 'm' {
				t.Fatalf("%q keeps %q", text, coloured[i:])
			}
			coloured = coloured[:i] + coloured[i+2+end+1:]
		}
		checkSafe(t, text, coloured)
		checkSafe(t, text, terminal.Plain(text))
	})
}

func checkSafe(t *testing.T, text, safe string) {
	t.Helper()
	if !utf8.ValidString(safe) || strings.ContainsFunc(safe, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
	}) {
		t.Errorf("%q became %q", text, safe)
	}
}
