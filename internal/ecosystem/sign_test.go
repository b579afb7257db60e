package ecosystem

import (
	"regexp"
	"regexp/syntax"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequiredWords(t *testing.T) {
	for pattern, want := range map[string][]string{
		`\bport\s*[:=]\s*(\d+)\b`:      {"port"},
		`\bexpress\(\)|\b[fF]astify\(`: {"express()", "astify("},
		`(?:listen|serve)?\(\d+`:       {"("},
		`(?i)port`:                     nil,
		`\w+|port`:                     nil,
		`(?:ab){2,3}`:                  {"ab"},
		`(?:ab)*x`:                     {"x"},
	} {
		tree, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, required(tree)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pattern, diff)
		}
	}
}

// FuzzSign: the words never hide a match.
func FuzzSign(f *testing.F) {
	f.Add(`\bport\s*[:=]\s*(\d+)\b`, "port: 80")
	f.Add(`(?:a|bc)+d?|e`, "bcbca")
	f.Add(`\bport\s*[:=]\s*(\d+)\b`, "import x; export = 1; port=80; port: 9")
	f.Add(`\bport(?m:^)?(x)?`, "a port\nport")
	f.Add(`\b-a`, "x-a -a")
	f.Add(`['"](/(?:api/)?(?:healthz?|ready))['"]`, "health\n\"/health\"\n'/ready'")
	f.Add(`(?m)^a(?:b|c)$`, "xab\nac\nab")
	f.Add(`ab$|^b`, "b\nab")
	f.Add(`a[^x]*b`, "a\nb")
	f.Add(`\bé`, "aé é")
	f.Add(`['"]PORT['"]`, `PORT "PORT'`)
	f.Add(`[a-z]aa(b)`, "aaab")
	f.Add(`[^a]\bport`, "port\nport")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := regexp.Compile(pattern)
		if err != nil || len(pattern) > 100 {
			return
		}
		if diff := cmp.Diff(re.FindSubmatchIndex([]byte(text)), NewSign(pattern).FindSubmatchIndex([]byte(text))); diff != "" {
			t.Errorf("%q in %q (-want +got):\n%s", pattern, text, diff)
		}
	})
}
