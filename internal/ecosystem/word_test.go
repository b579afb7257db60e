package ecosystem

import (
	"bytes"
	"testing"
)

// FuzzIndex: it finds what bytes.Index finds.
func FuzzIndex(f *testing.F) {
	f.Add("const app = process.env.PORT", "process.env")
	f.Add("Zab Zabc", "Zabc")
	f.Add("ab", "abc")
	f.Add("bbba", "ba")
	f.Add("", "a")
	f.Add("a", "")
	f.Add("é\xff\xffx", "\xffx")
	f.Fuzz(func(t *testing.T, data, word string) {
		if got, want := index([]byte(data), word), bytes.Index([]byte(data), []byte(word)); got != want {
			t.Errorf("%q in %q is at %d, want %d", word, data, got, want)
		}
	})
}
