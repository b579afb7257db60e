package plaintext

import (
	"net/url"
	"strings"
	"testing"
)

func TestWithoutLogins(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                 "",
		"no address":                                       "no address",
		"https://host/x":                                   "https://host/x",
		"https://me:CANARY@host/x":                         "https://host/x",
		"https://CANARY@host:8443/x":                       "https://host:8443/x",
		"http://me:CANARY@[::1]:80/":                       "http://[::1]:80/",
		"http://[::1]:80/@x":                               "http://[::1]:80/@x",
		"https://host/@scope/package":                      "https://host/@scope/package",
		"https://host:443/@scope/package":                  "https://host:443/@scope/package",
		"https://me:CAN@ARY@host/x":                        "https://host/x",
		"https://me:CAN/ARY@host/x":                        "https://host/x",
		"https://me:CAN?ARY#1@host":                        "https://host",
		"ssh://git@host/x":                                 "ssh://git@host/x",
		"git+ssh://git@host/x":                             "git+ssh://git@host/x",
		"ssh://git:CANARY@host/x":                          "ssh://host/x",
		"sparse+https://me:CANARY@host/":                   "sparse+https://host/",
		"https://a:CANARY@one,https://b:CANARY@two|direct": "https://one,https://two|direct",
		`Get "https://a:CANARY@one/x": EOF`:                `Get "https://one/x": EOF`,
		"<url>https://a:CANARY@one/x</url>":                "<url>https://one/x</url>",
		"mail me@host about https://host/x":                "mail me@host about https://host/x",
		"(https://t:CANARY@one) and me@host":               "(https://one) and me@host",
		"https://a:CANARY@one/ https://two/":               "https://one/ https://two/",
		"://@":                                             "://",
	} {
		if got := WithoutLogins(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// FuzzWithoutLogins: no valid address keeps its password, and what has no login
// stays as it is.
func FuzzWithoutLogins(f *testing.F) {
	for _, s := range []string{"https://me:secret@host/x", "https://host/@scope/x", "a://b:c@d://e:f@g", "://", "https://a:b/c@d", "ssh://git@h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := WithoutLogins(text)
		if len(got) > len(text) {
			t.Fatalf("%q grew to %q", text, got)
		}
		if !strings.Contains(text, "@") && got != text {
			t.Errorf("%q became %q", text, got)
		}
		if strings.Count(text, "://") != 1 || strings.IndexFunc(text, endsURL) >= 0 {
			return
		}
		if u, err := url.Parse(got); err == nil && u.Scheme != "" && u.User != nil {
			if _, set := u.User.Password(); set {
				t.Errorf("%q became %q, which has a password", text, got)
			}
		}
	})
}
