package solve

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/moby/buildkit/session/secrets"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/secret"
)

const (
	shortestMasked = 6       // bytes; shorter ones would blot out ordinary words
	longestMasked  = 4 << 10 // bytes; a longer one is masked in pieces
)

// masked stands in logs where a secret stood.
var masked = []byte("[secret]")

// hiding is what a build does not show.
type hiding struct {
	logs    *wordList
	reports *wordList // without ordinary settings of secrets: names and paths of tests have the same words
}

// maskedWords returns what must not be seen in the logs and the reports of steps: the build
// secrets, each line of them, and the values of their settings (`key=value`), but
// for plain addresses; the passwords in addresses that the environment hands
// to steps; build arguments that are secret, and the hidden words themselves; each also
// as XML, JSON and addresses write it.
func maskedWords(ctx context.Context, store secrets.SecretStore, list []engine.Secret, env []string, args map[string]string, hidden []string) (hiding, error) {
	var logs, reports [][]byte
	add := func(w []byte, report bool) {
		if w = bytes.TrimSpace(w); len(w) < shortestMasked {
			return
		}
		for piece := range pieces(w) {
			forms := written(piece)
			logs = append(logs, forms...)
			if report {
				reports = append(reports, forms...)
			}
		}
	}
	for _, s := range list {
		value, err := store.GetSecret(ctx, s.ID)
		if err != nil {
			return hiding{}, fmt.Errorf("reading the build secret %s: %w", s.ID, err)
		}
		add(value, true)
		for line := range bytes.Lines(value) {
			if line = bytes.TrimSpace(line); !plainAddress(line) {
				add(line, true)
			}
			name, setting, ok := bytes.Cut(line, []byte("="))
			if setting = bytes.Trim(bytes.TrimSpace(setting), `"'`); ok && !plainAddress(setting) {
				add(setting, len(secret.Words(string(name), string(setting))) > 0)
			}
		}
	}
	for name, value := range args {
		for _, w := range secret.Words(name, value) {
			add([]byte(w), true)
		}
	}
	for _, w := range hidden {
		add([]byte(w), true)
	}
	for _, kv := range env {
		_, value, _ := strings.Cut(kv, "=")
		for _, address := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '|' || r == ' ' }) {
			if u, err := url.Parse(address); err == nil && u.User != nil {
				add([]byte(u.User.String()), true)
				password, _ := u.User.Password()
				add([]byte(password), true)
			}
		}
	}
	return hiding{newWordList(logs), newWordList(reports)}, nil
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

// wordList are words by the two bytes that they begin with, the longest first. It is
// safe for concurrent use.
type wordList struct {
	of     map[[2]byte][][]byte
	begins [256]bool
}

// newWordList takes words of at least two bytes; nil: there are none.
func newWordList(words [][]byte) *wordList {
	if len(words) == 0 {
		return nil
	}
	slices.SortFunc(words, func(a, b []byte) int { return cmp.Or(len(b)-len(a), bytes.Compare(a, b)) })
	l := &wordList{of: map[[2]byte][][]byte{}}
	for _, w := range slices.CompactFunc(words, bytes.Equal) {
		key := [2]byte(w)
		l.of[key], l.begins[w[0]] = append(l.of[key], w), true
	}
	return l
}

// at returns the length of the longest word that data begins with, or whether all
// of data is the beginning of a longer one.
func (l *wordList) at(data []byte) (word int, begun bool) {
	if len(data) < 2 {
		return 0, true
	}
	for _, w := range l.of[[2]byte(data)] {
		switch {
		case len(w) > len(data) && bytes.HasPrefix(w, data):
			return 0, true
		case word == 0 && bytes.HasPrefix(data, w):
			word = len(w)
		}
	}
	return word, false
}

// hide is a text without the words.
func (l *wordList) hide(text string) string {
	m := masker{words: l}
	return string(m.pass([]byte(text), true))
}

// masker hides words in one stream of a log: at each place the longest that
// stands there. What it shows does not depend on the pieces that the stream comes
// in.
type masker struct {
	words *wordList // nil: nothing is hidden
	held  []byte    // the end of what came, which may be the start of a word
}

// pass returns what can be shown now; at the end of the stream, all.
func (m *masker) pass(data []byte, end bool) []byte {
	if m.words == nil {
		return data
	}
	data = slices.Concat(m.held, data)
	m.held = nil
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		plain := slices.IndexFunc(data, func(b byte) bool { return m.words.begins[b] })
		if plain < 0 {
			return append(out, data...)
		}
		out, data = append(out, data[:plain]...), data[plain:]
		word, begun := m.words.at(data)
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

// pieces are a word whole, or a long one in equal parts that together cover it.
func pieces(w []byte) iter.Seq[[]byte] {
	n := (len(w) + longestMasked - 1) / longestMasked
	return slices.Chunk(w, (len(w)+n-1)/n)
}
