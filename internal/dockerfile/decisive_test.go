package dockerfile

import (
	"strings"
	"testing"
)

func readsOf(t *testing.T, text, target string, args map[string]string) Reads {
	t.Helper()
	file, err := Read("Dockerfile", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return file.Reads(target, args, func(string) bool { return false })
}

// TestTheTextThatDecides: what BuildKit looks at counts, to the letter, and nothing else.
func TestTheTextThatDecides(t *testing.T) {
	const text = "ARG VERSION=1\nFROM scratch AS one\nARG WORD=x\nCOPY a /a\nFROM scratch AS two\nCOPY b /b\nFROM scratch AS three\nCOPY --from=one / /\nCOPY <<E /c\nhere\nE\n"
	for name, c := range map[string]struct {
		text, target string
		args         map[string]string
		same         bool
	}{
		"itself":                          {text: text, same: true},
		"comments and blank lines":        {text: "# syntax=docker/dockerfile:1\n\n# about VERSION\n" + strings.ReplaceAll(text, "COPY a", "# a\nCOPY a"), same: true},
		"a stage that is not needed":      {text: strings.Replace(text, "COPY b /b", "COPY other /b\nLABEL a=b", 1), same: true},
		"an argument that nothing uses":   {text: strings.Replace(text, "ARG VERSION=1", "ARG VERSION=2\nARG OTHER", 1), same: true},
		"no argument at all":              {text: strings.Replace(text, "ARG VERSION=1\n", "", 1), same: true},
		"an argument of a stage":          {text: strings.Replace(text, "ARG WORD=x", "ARG WORD=y", 1), same: true},
		"that is given":                   {text: text, args: map[string]string{"WORD": "y", "VERSION": "2"}, same: true},
		"the end of the file":             {text: strings.TrimSuffix(text, "\n"), same: true},
		"a stage that is needed":          {text: strings.Replace(text, "COPY a", "COPY b", 1)},
		"a here-document":                 {text: strings.Replace(text, "here", "there", 1)},
		"the image of any stage":          {text: strings.Replace(text, "FROM scratch AS two", "FROM $VERSION AS two", 1)},
		"a stage that another one names":  {text: strings.Replace(text, "COPY b /b", "COPY --from=9 b /b", 1)},
		"a flag":                          {text: strings.Replace(text, "COPY a", "COPY --chmod=600 a", 1)},
		"an argument that something uses": {text: strings.Replace(text, "COPY a", "COPY $WORD", 1)},
		"an argument in the history":      {text: strings.Replace(text, "COPY --from", "ARG B=1\nCOPY --from", 1)},
		"the escape character":            {text: "# escape=`\n" + text},
		"checks that may fail":            {text: "# check=error=true\n" + text},
		"an argument that BuildKit knows": {text: strings.Replace(text, "ARG VERSION=1", "ARG BUILDKIT_SYNTAX=1", 1)},
		"another stage":                   {text: text + "FROM scratch\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if same := readsOf(t, c.text, c.target, c.args).Text == readsOf(t, text, "three", nil).Text; same != c.same {
				t.Errorf("same: %v\n%s", same, c.text)
			}
		})
	}
}

// TestANameMayGoOnInTheNextLine of an instruction.
func TestANameMayGoOnInTheNextLine(t *testing.T) {
	for _, text := range []string{
		"ARG VERSION=1\nFROM $VER\\\nSION\n",
		"ARG VERSION=1\nFROM scratch\nARG VER\\\nSION\n",
		"FROM scratch AS one\nARG VERSION=1\nCOPY $VER\\\n# a comment\nSION /\nFROM scratch\nCOPY --from=one / /\n",
		"FROM scratch AS one\nCOPY --fr\\\nom=VERSION=1 / /\nFROM scratch\n",
	} {
		other := strings.Replace(text, "VERSION=1", "VERSION=2", 1)
		if readsOf(t, text, "", nil).Text == readsOf(t, other, "", nil).Text {
			t.Errorf("it does not count:\n%s", text)
		}
	}
}

// TestAnArgumentOfAStepCounts, used or not: it is in its environment.
func TestAnArgumentOfAStepCounts(t *testing.T) {
	text := func(a string) string {
		return "FROM scratch AS one\nARG A=" + a + "\nCOPY a /\nFROM scratch AS two\nCOPY --from=one / /\nRUN true\n"
	}
	for target, same := range map[string]bool{"two": false, "one": false} {
		if got := readsOf(t, text("1"), target, nil).Text == readsOf(t, text("2"), target, nil).Text; got != same {
			t.Errorf("%s: same: %v", target, got)
		}
	}
}

func TestAnArgumentThatIsItsDefault(t *testing.T) {
	for text, takes := range map[string]bool{
		"FROM scratch\nARG A=x\nCOPY $A /\n":                     false,
		"FROM scratch\nARG A=y\nCOPY $A /\n":                     true,
		"FROM scratch\nARG A=$B\nCOPY $A /\n":                    true,
		"FROM scratch\nARG A\nCOPY $A /\n":                       true,
		"ARG A=x\nFROM scratch\nARG A\nCOPY $A /\n":              true, // it may well be, and is not looked at
		"FROM scratch AS one\nARG A=x\nFROM one\nARG A=y\n":      true,
		"FROM scratch AS one\nARG A=y\nFROM scratch\nARG A=x\n":  false,
		"FROM scratch AS one\nARG A=x\nFROM scratch\nLABEL a=$A": false, // of another stage
	} {
		if got := readsOf(t, text, "", map[string]string{"A": "x"}).Takes("A"); got != takes {
			t.Errorf("taken: %v\n%s", got, text)
		}
	}
}

// TestWhatMaySeeTimesAndLinks of files.
func TestWhatMaySeeTimesAndLinks(t *testing.T) {
	for text, want := range map[string]string{
		"FROM scratch\nCOPY . /a/\nCOPY . /b\n":                                                    "scratch",
		"FROM scratch AS one\nCOPY . /a\nFROM scratch\nCOPY --from=one / /a\n":                     "scratch",
		"FROM scratch\nCOPY . /\n":                                                                 "scratch times",
		"FROM scratch\nCOPY . /a/\nCOPY . /a/b\n":                                                  "scratch times",
		"FROM scratch AS one\nCOPY . /a\nFROM one\nADD . /a\n":                                     "scratch times",
		"FROM scratch\nWORKDIR /a\nCOPY . b/\n":                                                    "scratch times",
		"FROM scratch\nARG A=/a\nCOPY . $A/\n":                                                     "scratch times",
		"FROM scratch\nCOPY --parents a/b /a\n":                                                    "scratch one tree",
		"FROM image\nCOPY . /a\n":                                                                  "times",
		"FROM image AS one\nFROM scratch\nCOPY --from=one / /a\n":                                  "scratch times",
		"FROM scratch\nRUN true\n":                                                                 "scratch steps times one tree",
		"FROM scratch AS one\nRUN true\nFROM scratch\nCOPY . /a\n":                                 "scratch",
		"FROM scratch AS one\nRUN true\nFROM scratch\nCOPY --from=one / /a\n":                      "scratch steps times one tree",
		"FROM --platform=linux/arm64 scratch\nCOPY a /a\n":                                         "times",
		"FROM scratch AS scratched\nCOPY a /a\nFROM scratched AS two\nCOPY a /b\n":                 "scratch",
		"FROM scratch AS one\nCOPY a /a\nFROM ONE AS two\nFROM scratch AS one\nADD a /a\nFROM two": "scratch",
	} {
		r := readsOf(t, text, "", nil)
		var got []string
		for _, flag := range []struct {
			name string
			is   bool
		}{{"scratch", r.Scratch}, {"steps", r.Steps}, {"times", r.Times}, {"one tree", r.OneTree}} {
			if flag.is {
				got = append(got, flag.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("got %q, want %q\n%s", got, want, text)
		}
	}
}

// TestTheLastStageIsATarget, whether somebody names it or not.
func TestTheLastStageIsATarget(t *testing.T) {
	const text = "FROM scratch AS one\nFROM scratch AS Two\n"
	if a, b := readsOf(t, text, "", nil).Target, readsOf(t, text, "two", nil).Target; a != b {
		t.Errorf("%q and %q", a, b)
	}
	if got := readsOf(t, text, "one", nil).Target; got != "one" {
		t.Errorf("one is %q", got)
	}
	if got := readsOf(t, "FROM scratch\n", "", nil).Target; got != "" {
		t.Errorf("no name is %q", got)
	}
}
