package solve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/moby/buildkit/session/secrets"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/secret"
)

const (
	shortestMasked = 6       // bytes; shorter ones would blot out ordinary words
	longestMasked  = 4 << 10 // bytes; of a longer secret the lines are masked
)

// masked stands in logs where a secret stood.
var masked = []byte("[secret]")

// maskedWords returns what must not be seen in the log and the reports of a step: the build
// secrets, each line of them, and the values of their settings (`key=value`), but
// for plain addresses; and the passwords in addresses that the environment hands
// to steps, and the hidden words themselves; each also as XML, JSON and addresses
// write it. The longest come first.
func maskedWords(ctx context.Context, store secrets.SecretStore, list []engine.Secret, env, hidden []string) ([][]byte, error) {
	var words [][]byte
	add := func(w []byte) {
		if w = bytes.TrimSpace(w); len(w) >= shortestMasked && len(w) <= longestMasked && !plainAddress(w) {
			words = append(words, written(w)...)
		}
	}
	for _, s := range list {
		value, err := store.GetSecret(ctx, s.ID)
		if err != nil {
			return nil, fmt.Errorf("reading the build secret %s: %w", s.ID, err)
		}
		add(value)
		for line := range bytes.Lines(value) {
			add(line)
			if _, setting, ok := bytes.Cut(line, []byte("=")); ok {
				add(bytes.Trim(bytes.TrimSpace(setting), `"'`))
			}
		}
	}
	for _, w := range hidden {
		add([]byte(w))
	}
	for _, kv := range env {
		_, value, _ := strings.Cut(kv, "=")
		for _, address := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '|' || r == ' ' }) {
			if u, err := url.Parse(address); err == nil && u.User != nil {
				add([]byte(u.User.String()))
				password, _ := u.User.Password()
				add([]byte(password))
			}
		}
	}
	slices.SortFunc(words, func(a, b []byte) int {
		if d := len(b) - len(a); d != 0 {
			return d
		}
		return bytes.Compare(a, b)
	})
	return slices.CompactFunc(words, bytes.Equal), nil
}

// secretArguments are the build arguments as an environment, and the values of those
// whose names or values say that they are secret. No secret belongs there, as images
// keep arguments; logs and reports do not have to spread it.
func secretArguments(args map[string]string) (env, words []string) {
	for name, value := range args {
		env = append(env, name+"="+value)
		if rule := secret.InVariable(name, value); rule != "" && rule != secret.InAddress {
			words = append(words, value)
		}
	}
	return env, words
}

// written returns a word in the forms that reports give it: XML with the quotes escaped
// as text and attributes of various writers have them, JSON, and addresses.
func written(word []byte) [][]byte {
	text := string(word)
	forms := []string{text, url.QueryEscape(text), url.PathEscape(text)}
	for _, quotes := range [][2]string{{`"`, "'"}, {"&quot;", "'"}, {"&quot;", "&apos;"}, {"&quot;", "&#39;"}, {"&quot;", "&#x27;"}, {"&#34;", "&#39;"}} {
		forms = append(forms, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, quotes[0], "'", quotes[1]).Replace(text))
	}
	for _, html := range []bool{true, false} {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(html)
		if e.Encode(text) == nil {
			quoted := strings.TrimSpace(out.String())
			forms = append(forms, quoted[1:len(quoted)-1])
		}
	}
	slices.Sort(forms)
	var out [][]byte
	for _, form := range slices.Compact(forms) {
		out = append(out, []byte(form))
	}
	return out
}

// plainAddress tells an address without user information: error messages need
// those of registries.
func plainAddress(w []byte) bool {
	u, err := url.Parse(string(w))
	return err == nil && u.Scheme != "" && u.Host != "" && u.User == nil && u.RawQuery == ""
}

// masker hides words in one stream of a log: at each place the longest that
// stands there. What it shows does not depend on the pieces that the stream comes
// in.
type masker struct {
	words [][]byte // the longest first
	held  []byte   // the end of what came, which may be the start of a word
}

// pass returns what can be shown now; at the end of the stream, all.
func (m *masker) pass(data []byte, end bool) []byte {
	if len(m.words) == 0 {
		return data
	}
	data = slices.Concat(m.held, data)
	m.held = nil
	var begins [256]bool
	for _, w := range m.words {
		begins[w[0]] = true
	}
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		plain := slices.IndexFunc(data, func(b byte) bool { return begins[b] })
		if plain < 0 {
			return append(out, data...)
		}
		out, data = append(out, data[:plain]...), data[plain:]
		word, begun := m.at(data)
		switch {
		case begun && !end:
			m.held = data
			return out
		case word > 0:
			out, data = append(out, masked...), data[word:]
		default:
			out, data = append(out, data[0]), data[1:]
		}
	}
	return out
}

// at returns the length of the longest word that data begins with, or whether all
// of data is the beginning of a longer one.
func (m *masker) at(data []byte) (word int, begun bool) {
	for _, w := range m.words {
		switch {
		case len(w) > len(data) && w[0] == data[0] && bytes.HasPrefix(w, data):
			return 0, true
		case word == 0 && w[0] == data[0] && bytes.HasPrefix(data, w):
			word = len(w)
		}
	}
	return word, false
}
