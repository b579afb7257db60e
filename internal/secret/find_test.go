package secret

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/test/pace"
)

// TestPublishedRules compiles every rule, and finds no word that no secret can be beside.
func TestPublishedRules(t *testing.T) {
	if n := len(read().Rules); n < 200 {
		t.Errorf("%d rules", n)
	}
	for _, f := range all().forms {
		if m := f.pattern(); m.least < 1 || m.most < m.least || m.NumSubexp() < f.group {
			t.Errorf("%s: least %d, most %d, group %d", f.name, m.least, m.most, f.group)
		}
		if len(f.words) == 0 {
			t.Errorf("%s has no words", f.name)
		}
		if f.path != nil {
			f.path()
		}
		for _, a := range f.allow {
			a.allows("x", "y", "z", "z")
		}
	}
}

// TestWordsAreFoundInOnePass compares the automaton with a search for each word.
func TestWordsAreFoundInOnePass(t *testing.T) {
	words := []string{"he", "she", "his", "hers", "a-key", "key"}
	text := "usHErs and a-keyhisshe"
	got := map[string]int{}
	wordsOf(words).find([]byte(text), func(w uint16, end int) {
		if !strings.EqualFold(text[end-len(words[w]):end], words[w]) {
			t.Errorf("%s is not at %d", words[w], end)
		}
		got[words[w]]++
	})
	for _, w := range words {
		if want := strings.Count(strings.ToLower(text), w); got[w] != want {
			t.Errorf("%s: %d times, want %d", w, got[w], want)
		}
	}
}

const some = "q7Zr2KxV9bTn4LwPm8Hd5JyGc3FsAv6Ee1RuYiOoQtWkXzNjBhDgCfSaMlIpU0"

// TestRulesOfGitleaks: forms that only gitleaks knows, its lists of exceptions, and what
// is of one name of a file only. No token is written whole here.
func TestRulesOfGitleaks(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a.js", "const k = '" + "PM" + "AK-" + strings.Repeat("9f86d0", 4) + "-" + strings.Repeat("81884c7d65", 3) + "9a2f'", "postman-api-token"},
		{"a.env", "ADAFRUIT_" + "KEY=" + strings.ToLower(some[:32]), "adafruit-api-key"},
		{"a.env", "adafruit " + strings.ToLower(some[:32]), ""},                      // nothing is assigned
		{"package-lock.json", "ADAFRUIT_" + "KEY=" + strings.ToLower(some[:32]), ""}, // holds digests
		{"a.env", "ADAFRUIT_" + "KEY=" + strings.ToLower(some[:32]) + " # gitleaks:allow", ""},
		{"a.py", "my_" + "token = \"" + some[:24] + "\"", "generic-api-key"},
		{"a.py", "my_" + "token = \"aaaaaaaaaaaaaaaaaaaaaaaa\"", ""},    // no entropy
		{"a.py", "my_" + "token = \"" + some[:16] + "controller\"", ""}, // a word of programs
		{"a_test.py", "my_" + "token = \"" + some[:24] + "\"", ""},
		{"docs/a.yaml", "my_" + "token: \"" + some[:24] + "\"", ""},
		{"a.py", "(\"my_" + "token\", \"" + some[:24] + "\")", ""},
		{"nuget.config", `<add key="Password" value="` + some[:20] + `" />`, "nuget-config-password"},
		{"other.config", `<add key="Password" value="` + some[:20] + `" />`, ""},
		{"a.yaml", "kind: Secret\ndata:\n  pass: " + some[:24] + "\n", "kubernetes-secret-yaml"},
		{"a.txt", "facebook\n" + strings.Repeat("\n", 20000) + "pat" + some[:14] + "." + strings.Repeat("9f86d081884c7d65", 4), "airtable-personnal-access-token"},
		{"a.txt", "facebook\n" + strings.Repeat("\n", 20000) + "2048195736736192" + "|" + strings.ToLower(some[:30]), "facebook-access-token"},
		{"a.txt", "gh" + "p_" + some[:36], "github-token"}, // once, by our rule
	} {
		var got []string
		for _, m := range FindInSource(c.name, []byte(c.text)) {
			got = append(got, m.Rule)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %.80q has %q, want %q", c.name, c.text, got, c.want)
		}
	}
	if found := FindIn("a.py", []byte("my_"+"token = \""+some[:24]+"\"")); len(found) > 0 {
		t.Errorf("in an image, any name: %v", found)
	}
}

// TestWhereATextIsCutDoesNotMatter: a long text is searched around words only, with the
// result of the whole.
func TestWhereATextIsCutDoesNotMatter(t *testing.T) {
	token := "gl" + "pat-" + some[:20]
	for _, before := range []int{0, 1, 20, 300, 9000, 70_000} {
		text := strings.Repeat("x ", before/2) + token + strings.Repeat(" y", 5000)
		if got := Find([]byte(text)); len(got) != 1 || got[0].Rule != "gitlab-token" {
			t.Errorf("after %d bytes: %v", before, got)
		}
	}
}

// TestNoSecretsInTheCorpus: the repositories of the corpus and the examples hold no
// secrets that count.
func TestNoSecretsInTheCorpus(t *testing.T) {
	for _, root := range []string{"../../testdata/repos", "../../examples"} {
		err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() && (e.Name() == "node_modules" || e.Name() == "want") || !e.Type().IsRegular() {
				if e != nil && e.IsDir() && e.Name() == "node_modules" {
					return fs.SkipDir
				}
				return err
			}
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			for _, m := range FindInSource(strings.TrimPrefix(p, root+"/"), data) {
				t.Errorf("%s:%d: %s", p, m.Line, m.Rule)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkFind searches this project's own sources, file by file.
func BenchmarkFind(b *testing.B) {
	names, err := filepath.Glob("../*/*.go")
	if err != nil {
		b.Fatal(err)
	}
	var files [][]byte
	bytes := 0
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		files, bytes = append(files, data), bytes+len(data)
	}
	Find(nil)
	for kind, find := range map[string]func(string, []byte) []Match{"image": FindIn, "source": FindInSource} {
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(bytes))
			for b.Loop() {
				for i, data := range files {
					find(names[i], data)
				}
			}
		})
	}
}

// TestAFewPlaceholdersHideNothing: what is rejected does not count.
func TestAFewPlaceholdersHideNothing(t *testing.T) {
	var text strings.Builder
	for range 300 {
		text.WriteString("api_key: \"test-value-1\"\n")
	}
	text.WriteString("api_key: \"k8Zq2Lm9Xw4Rt7Vb1Nc6\"\n")
	if found := FindInSource("a.yaml", []byte(text.String())); len(found) != 1 || found[0].Line != 301 {
		t.Errorf("%+v", found)
	}
}

// TestTextsOfWordsAloneAreReadOnce: a long text of what tokens begin with, without an end,
// or of names with values.
func TestTextsOfWordsAloneAreReadOnce(t *testing.T) {
	for _, part := range []string{"eyJ", "SK", "s.", "sk_live_", "okta=", "key=", "ghp_", "a-"} {
		data := []byte(strings.Repeat(part, (1<<18)/len(part)))
		began := time.Now()
		Find(data)
		FindInSource("a.js", data)
		Hide(string(data[:1<<17]))
		if took := time.Since(began); took > pace.Within(10*time.Second) {
			t.Errorf("%q again and again took %s", part, took)
		}
	}
}
