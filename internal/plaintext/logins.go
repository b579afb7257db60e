package plaintext

import "strings"

// WithoutLogins returns a text in which no URL has a user name or password:
// "https://me:secret@host/x" becomes "https://host/x". It is for every message and
// every setting that shows or keeps an address; a login that is not escaped as it
// should be, with a slash or an at sign in its password, goes as a whole. The user
// of ssh alone, as in "ssh://git@host", is no secret.
func WithoutLogins(text string) string {
	at := strings.Index(text, "://")
	if at < 0 {
		return text
	}
	var out strings.Builder
	for ; at >= 0; at = strings.Index(text, "://") {
		scheme := text[:at]
		out.WriteString(text[:at+3])
		text = text[at+3:]
		word := text
		if end := strings.IndexFunc(text, endsURL); end >= 0 {
			word = text[:end]
		}
		if next := strings.Index(word, "://"); next >= 0 { // another address in the same word
			word = word[:next]
		}
		login := loginOf(word)
		if plain := word[:login]; strings.HasSuffix(scheme, "ssh") && !strings.Contains(plain, ":") {
			out.WriteString(plain)
		}
		text = text[login:]
	}
	out.WriteString(text)
	return out.String()
}

// endsURL tells what an address in a text ends at.
func endsURL(r rune) bool {
	return r <= ' ' || strings.ContainsRune("\"'`<>|", r)
}

// loginOf returns the length of the login in an address without its scheme: up to the
// last at sign before the path. If the host has no valid port there, the login itself
// contains a slash, and goes on to the at sign behind it.
func loginOf(address string) int {
	authority := address
	if end := strings.IndexAny(address, "/?#"); end >= 0 {
		authority = address[:end]
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		return i + 1
	}
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasPrefix(authority, "[") && !digits(authority[i+1:]) {
		if j := strings.IndexByte(address, '@'); j >= 0 {
			return j + 1
		}
	}
	return 0
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
