package config

import "testing"

// FuzzWords: a line is taken apart or refused; names that are made of anything
// are valid.
func FuzzWords(f *testing.F) {
	f.Add(`node "dist/my server.js" --port=80 \`)
	f.Add("a | b $X")
	f.Fuzz(func(t *testing.T, line string) {
		if words, err := Words(line); err != nil && words != nil {
			t.Errorf("%q with %v", words, err)
		}
		if name := NameOf(line); !ValidName(name) {
			t.Errorf("%q became %q", line, name)
		}
	})
}
