package dotenv

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	utf16le := func(s string) string {
		out := "\xff\xfe"
		for _, u := range utf16.Encode([]rune(s)) {
			out += string([]byte{byte(u), byte(u >> 8)})
		}
		return out
	}
	for name, c := range map[string]struct{ text, want string }{
		"plain":                   {"A=1\nB = two words \n", `A="1" B="two words"`},
		"empty":                   {"A=\nB=''\nC=\"\"\n", `A="" B="" C=""`},
		"comments":                {"# no\n\n  # no\nA=1 # no\nB=a#b\nC=#no\n", `A="1" B="a#b" C=""`},
		"single quotes":           {`A='x # $Y \n "q"' # no`, `A="x # $Y \\n \"q\""`},
		"double quotes":           {`A="x\ny\t\"q\" \\n \$Z" # no`, `A="x\ny\t\"q\" \\n $Z"`},
		"backticks":               {"A=`it's \"so\"`", `A="it's \"so\""`},
		"over lines":              {"KEY=\"-----BEGIN-----\nabc\n-----END-----\"\nB=2", `KEY="-----BEGIN-----\nabc\n-----END-----" B="2"`},
		"export":                  {"export A=1\nexport\tB=2\nexported=3\n", `A="1" B="2" exported="3"`},
		"equals signs":            {"URL=postgres://u:p@db:5432/x?a=b&c==\n", `URL="postgres://u:p@db:5432/x?a=b&c=="`},
		"nothing is replaced":     {"A=${HOME}/$USER\n", `A="${HOME}/$USER"`},
		"a name alone":            {"A\nexport B\n", `A B`},
		"twice":                   {"A=1\nA=2\n", `A="1" A="2"`},
		"CRLF":                    {"A=1\r\nB=\"x\r\ny\"\r\n", `A="1" B="x\ny"`},
		"byte-order mark":         {"\ufeffA=1\n", `A="1"`},
		"UTF-16":                  {utf16le("A=ä\r\n"), `A="ä"`},
		"not a name":              {"1A=x\nA B=s3cret\nok=1", `ok="1" | f:1 the text before = cannot be the name of a variable | f:2 the text before = cannot be the name of a variable`},
		"no assignment":           {"ok=1\njust words\n", `ok="1" | f:2 this line is not NAME=VALUE`},
		"an open quote":           {"A='x\nB=1\n", `| f:1 a quote is not closed`},
		"text behind a quote":     {"A=\"x\" y\nB=1", `B="1" | f:1 text follows the closing quote`},
		"an escape ends the file": {`A="x\`, `| f:1 a quote is not closed`},
	} {
		t.Run(name, func(t *testing.T) {
			list, findings := Parse("f", []byte(c.text))
			var words []string
			for _, v := range list {
				word := v.Name
				if !v.Bare {
					word += fmt.Sprintf("=%q", v.Value)
				}
				words = append(words, word)
			}
			for _, f := range findings {
				if f.Code != "SLP403" || f.Hint == "" || strings.Contains(f.Text+f.Hint+f.Excerpt, "s3cret") {
					t.Errorf("%+v", f)
				}
				words = append(words, "| "+f.Place.String()+" "+f.Text)
			}
			if diff := cmp.Diff(c.want, strings.Join(words, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("A=1\nexport B='x'\n# c\nC=\"a\\n\nb\" # d\n")
	f.Add("\xff\xfeA\x00=\x00")
	f.Fuzz(func(t *testing.T, text string) {
		list, findings := Parse("f", []byte(text))
		lines := strings.Count(text, "\n") + 1
		for _, v := range list {
			if v.Name == "" || v.Line < 1 || v.Line > lines || v.Bare && v.Value != "" {
				t.Errorf("%+v of %d lines", v, lines)
			}
		}
		for _, f := range findings {
			if f.Place.Line < 1 || f.Place.Line > lines {
				t.Errorf("%+v", f)
			}
		}
	})
}
