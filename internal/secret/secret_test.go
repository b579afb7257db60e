package secret_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/secret"
)

// letters are what a made-up token consists of; no token is written whole here, so
// that no search for secrets reports this file.
const letters = "q7Zr2KxV9bTn4LwPm8Hd5JyGc3FsAv6Ee1RuYiOoQtWkXzNjBhDgCfSaMlIpU0"

func made(prefix string, n int) string { return prefix + strings.Repeat(letters, 4)[:n] }

func hex(prefix string, n int) string {
	return prefix + strings.Repeat("9f86d081884c7d659a2feaa0c55ad015", 4)[:n]
}

func TestFind(t *testing.T) {
	for rule, token := range map[string]string{
		"aws-access-key": "AK" + "IA" + "Q4ZR7KXV2BTN5LWP", "aws-secret-key": "aws_secret_access_key = " + made("", 40), "github-token": made("gh"+"p_", 36),
		"gitlab-token": made("gl"+"pat-", 20), "slack-token": "xo" + "xb-2048195736-7361925048-" + letters[:24], "slack-webhook": "https://hooks.slack.com/services/" + "T04Q7ZR2K/B09BTN4LW/" + letters[:24],
		"stripe-key": made("sk"+"_live_", 24), "google-api-key": made("AI"+"za", 35), "google-oauth": made("GOC"+"SPX-", 28), "npm-token": made("np"+"m_", 36), "pypi-token": made("pypi-"+"AgEIcHlwaS5vcmc", 60),
		"docker-token": made("dckr"+"_pat_", 27), "sendgrid-key": "SG" + "." + letters[:22] + "." + letters[10:53], "openai-key": "sk" + "-" + letters[:20] + "T3Blbk" + "FJ" + letters[20:40],
		"anthropic-key": made("sk-"+"ant-api03-", 93), "huggingface-token": made("h"+"f_", 34), "databricks-token": hex("da"+"pi", 32), "digitalocean-token": hex("do"+"p_v1_", 64),
		"shopify-token": hex("shp"+"at_", 32), "vault-token": made("hv"+"s.", 90), "terraform-token": letters[:14] + ".atlas" + "v1." + made("", 64), "telegram-token": "204819573" + ":A" + "A" + letters[:33],
		"azure-storage-key": "Account" + "Key=" + made("", 86) + "==", "mailgun-key": hex("ke"+"y-", 32), "linear-key": made("lin_"+"api_", 40), "grafana-token": made("gl"+"sa_", 32) + "_9f86d081",
		"newrelic-key": "NR" + "AK-" + "Q7ZR2KXV9BTN4LWPM8HD5JYGC3F", "sentry-token": made("sntr"+"ys_", 60),
	} {
		text := "first line\nconst key = \"" + token + "\";\n"
		if found := secret.Find([]byte(text)); !slices.Equal(found, []secret.Match{{Rule: rule, Line: 2}}) {
			t.Errorf("%s: %v", rule, found)
		}
	}
}

func TestWhatIsNoSecret(t *testing.T) {
	for _, text := range []string{
		"AK" + "IAIOSFODNN7EXAMPLE", "gh" + "p_" + strings.Repeat("x", 36), "gh" + "p_" + strings.Repeat("a", 36), "sk_test_" + letters[:24], "AI" + "za...", "the key of the map", "",
		"npm_config_registry", "SG.short", made("agh"+"p_", 36),
	} {
		if found := secret.Find([]byte(text)); len(found) > 0 {
			t.Errorf("%s: %v", text, found)
		}
	}
}

func TestInVariable(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"DATABASE_URL", "postgres://app:" + letters[:12] + "@db:5432/app", "password-in-address"},
		{"DATABASE_URL", "postgres://postgres:postgres@db:5432/app", ""},
		{"DATABASE_URL", "postgres://app@db/app", ""},
		{"API_TOKEN", letters[:20], "secret-variable"},
		{"GITHUB", made("gh"+"p_", 36), "github-token"},
		{"ADAFRUIT_KEY", strings.ToLower(letters[:32]), "adafruit-api-key"},
		{"API_TOKEN_FILE", "/run/secrets/token", ""},
		{"TOKEN_TTL", "360000000", ""},
		{"DB_PASSWORD", "${PASSWORD}", ""},
		{"DB_PASSWORD", "changeme", ""},
		{"NODE_VERSION", "20.20.2", ""},
	} {
		if got := secret.InVariable(c.name, c.value); got != c.want {
			t.Errorf("%s=%s: %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

func TestHide(t *testing.T) {
	token, other := made("gh"+"p_", 36), made("np"+"m_", 36)
	if got, want := secret.Hide("reads "+token+" and "+other+", "+token), "reads [secret] and [secret], [secret]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := secret.Hide("as it is"); got != "as it is" {
		t.Errorf("%q", got)
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("a = " + made("gh"+"p_", 36)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range append(secret.Find(data), secret.FindInSource("a.yaml", data)...) {
			if m.Line < 1 || m.Rule == "" {
				t.Errorf("%+v", m)
			}
		}
		if hidden := secret.Hide(string(data)); (hidden == string(data)) != (len(secret.Find(data)) == 0) {
			t.Errorf("%q became %q", data, hidden)
		}
	})
}
