package dockerfile

import (
	"slices"
	"testing"
)

func TestParsedHandsOverWhatWasRead(t *testing.T) {
	var p Parsed
	text := []byte("FROM scratch AS one\n")
	kept := File{Stages: []string{"kept"}}
	stages := func(name, text string) []string {
		t.Helper()
		file, err := p.Read(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return file.Stages
	}
	for _, c := range []struct {
		what, name, text string
		want             string
	}{
		{"another name", "b", "FROM scratch AS one\n", "one"},
		{"the same", "a", "FROM scratch AS one\n", "kept"},
		{"another text", "a", "FROM scratch AS two\n", "two"},
	} {
		p.Keep("a", text, kept)
		if got := stages(c.name, c.text); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	p.Keep("a", text, kept)
	stages("a", string(text))
	if got := stages("a", string(text)); !slices.Equal(got, []string{"one"}) {
		t.Errorf("it was handed over twice: %q", got)
	}
	p.Keep("a", []byte("nothing"), kept)
	if _, err := p.Read("a", nil); err == nil {
		t.Error("what is no Dockerfile was read")
	}
	var none *Parsed
	none.Keep("a", text, kept)
	if file, err := none.Read("a", text); err != nil || !slices.Equal(file.Stages, []string{"one"}) {
		t.Errorf("%q, %v", file.Stages, err)
	}
}
