package host

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plaintext"
)

// secretName finds names of settings that hold secrets, in all package managers.
var secretName = pattern.Lazy(`(?i)token|secret|passw|passphrase|credential|private-?_?key|api-?_?key|auth(?:$|[^o])|user-?_?name|login`)

// mavenSources returns Maven's settings as far as they say where artifacts come
// from: mirrors, repositories, proxies without logins. Servers, which are about
// logins, are left out, with comments and attributes. The secrets of what is left
// out are told besides. Text that is not valid, which Maven refuses too, gives nothing.
func mavenSources(text []byte) (public []byte, secrets []string) {
	var out bytes.Buffer
	var path []string // of elements; those below hidden are left out
	hidden := 0
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // ASCII in all of them
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) && len(path) == 0 {
			return out.Bytes(), secrets
		}
		if err != nil {
			return nil, secrets
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			if hidden == 0 && (token.Name.Local == "servers" || secretName().MatchString(token.Name.Local)) {
				hidden = len(path)
			}
			if hidden == 0 {
				out.WriteString("<" + token.Name.Local + ">")
			}
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1] != token.Name.Local {
				return nil, secrets
			}
			if hidden == 0 {
				out.WriteString("</" + token.Name.Local + ">")
			}
			if path = path[:len(path)-1]; len(path) < hidden {
				hidden = 0
			}
		case xml.CharData:
			secrets = append(secrets, loginsIn(string(token))...)
			if hidden == 0 && len(path) > 0 {
				out.WriteString(escaped.Replace(plaintext.WithoutLogins(string(token))))
			} else if word := strings.TrimSpace(string(token)); hidden > 0 && word != "" && !strings.HasPrefix(word, "${") && path[len(path)-1] != "id" && path[len(path)-1] != "username" {
				secrets = append(secrets, word)
			}
		}
	}
}
