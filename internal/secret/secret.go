// Package secret finds tokens and passwords in texts by the forms that their issuers
// document and by gitleaks' rules, and private keys. It reports which rule and line, and
// never the secret.
//
//	for _, m := range secret.Find(data) {
//		fmt.Println(m.Rule, m.Line)
//	}
package secret

import (
	"math"
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// Match is a place where a secret is.
type Match struct {
	Rule string `json:"rule"` // "github-token"
	Line int    `json:"line"` // from 1
}

// rule is a form of secrets. The first group of the pattern, or all of it, is the
// secret.
type rule struct {
	name    string
	words   []string // of which a text has one, or holds none of these secrets
	form    func() *regexp.Regexp
	entropy float64 // bits per character that a real one has at least
}

// The forms, from the documentation of who issues them.
var (
	awsID       = pattern.Lazy(`\b((?:AKIA|ASIA)[A-Z2-7]{16})\b`)
	awsSecret   = pattern.Lazy(`(?i)aws_?secret_?(?:access_?)?key["']?\s*[=:]\s*["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)`)
	githubToken = pattern.Lazy(`\b(gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b`)
	gitlabToken = pattern.Lazy(`\b(gl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,})`)
	slackToken  = pattern.Lazy(`\b(xox[abeoprs]-[0-9A-Za-z-]{20,}|xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]+)`)
	slackHook   = pattern.Lazy(`hooks\.slack\.com/(?:services|workflows)/(T[A-Za-z0-9_]{8,}/[A-Za-z0-9_]{8,}/[A-Za-z0-9_]{20,})`)
	stripeKey   = pattern.Lazy(`\b([sr]k_live_[A-Za-z0-9]{20,247})\b`)
	googleKey   = pattern.Lazy(`\b(AIza[0-9A-Za-z_-]{35})(?:[^0-9A-Za-z_-]|$)`)
	googleOAuth = pattern.Lazy(`\b(GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{60,})`)
	npmKey      = pattern.Lazy(`\b(npm_[A-Za-z0-9]{36})\b`)
	pypiKey     = pattern.Lazy(`\b(pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,})`)
	dockerKey   = pattern.Lazy(`\b(dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,})`)
	sendgridKey = pattern.Lazy(`\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})`)
	openaiKey   = pattern.Lazy(`\b(sk-(?:[a-z]+-)?[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,})`)
	claudeKey   = pattern.Lazy(`\b(sk-ant-[a-z]+[0-9]{2}-[A-Za-z0-9_-]{80,})`)
	huggingKey  = pattern.Lazy(`\b(hf_[A-Za-z0-9]{34})\b`)
	bricksKey   = pattern.Lazy(`\b(dapi[0-9a-f]{32})(?:-\d)?\b`)
	oceanKey    = pattern.Lazy(`\b(do[opr]_v1_[a-f0-9]{64})\b`)
	shopifyKey  = pattern.Lazy(`\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})\b`)
	vaultKey    = pattern.Lazy(`\b(hv[sbr]\.[A-Za-z0-9_-]{24,})`)
	atlasKey    = pattern.Lazy(`\b([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,})`)
	telegramKey = pattern.Lazy(`\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?:[^A-Za-z0-9_-]|$)`)
	azureKey    = pattern.Lazy(`AccountKey=([A-Za-z0-9+/]{86}==)`)
	mailgunKey  = pattern.Lazy(`\b(key-[0-9a-f]{32})\b`)
	linearKey   = pattern.Lazy(`\b(lin_api_[A-Za-z0-9]{40})\b`)
	grafanaKey  = pattern.Lazy(`\b(glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,})`)
	relicKey    = pattern.Lazy(`\b(NRAK-[A-Z0-9]{27})\b`)
	sentryKey   = pattern.Lazy(`\b(sntr(?:ys|yu)_[A-Za-z0-9+/=_-]{40,})`)
)

// rules are all that there are.
func rules() []rule {
	return []rule{
		{"aws-access-key", []string{"AKIA", "ASIA"}, awsID, 3},
		{"aws-secret-key", []string{"secret", "SECRET", "Secret"}, awsSecret, 4},
		{"github-token", []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"}, githubToken, 3.3},
		{"gitlab-token", []string{"glpat-", "gldt-", "glrt-", "glcbt-", "glptt-"}, gitlabToken, 3},
		{"slack-token", []string{"xox", "xapp-"}, slackToken, 2.5},
		{"slack-webhook", []string{"hooks.slack.com"}, slackHook, 3},
		{"stripe-key", []string{"k_live_"}, stripeKey, 3},
		{"google-api-key", []string{"AIza"}, googleKey, 3.5},
		{"google-oauth", []string{"GOCSPX-", "ya29."}, googleOAuth, 3},
		{"npm-token", []string{"npm_"}, npmKey, 3.3},
		{"pypi-token", []string{"pypi-AgEI"}, pypiKey, 3},
		{"docker-token", []string{"dckr_"}, dockerKey, 3},
		{"sendgrid-key", []string{"SG."}, sendgridKey, 3.5},
		{"openai-key", []string{"T3BlbkFJ"}, openaiKey, 3.5},
		{"anthropic-key", []string{"sk-ant-"}, claudeKey, 3.5},
		{"huggingface-token", []string{"hf_"}, huggingKey, 3.3},
		{"databricks-token", []string{"dapi"}, bricksKey, 3},
		{"digitalocean-token", []string{"_v1_"}, oceanKey, 3},
		{"shopify-token", []string{"shpat_", "shpca_", "shppa_", "shpss_"}, shopifyKey, 3},
		{"vault-token", []string{"hvs.", "hvb.", "hvr."}, vaultKey, 3.3},
		{"terraform-token", []string{".atlasv1."}, atlasKey, 3.5},
		{"telegram-token", []string{":AA"}, telegramKey, 3.5},
		{"azure-storage-key", []string{"AccountKey="}, azureKey, 4},
		{"mailgun-key", []string{"key-"}, mailgunKey, 3},
		{"linear-key", []string{"lin_api_"}, linearKey, 3.3},
		{"grafana-token", []string{"glsa_", "glc_"}, grafanaKey, 3.3},
		{"newrelic-key", []string{"NRAK-"}, relicKey, 3},
		{"sentry-token", []string{"sntry"}, sentryKey, 3.5},
	}
}

// real tells a secret from the placeholder of a documentation.
func real(text string, entropy float64) bool {
	lower := strings.ToLower(text)
	for _, word := range []string{"example", "xxxx", "0000000", "1234567890", "abcdefghij", "placeholder", "your_", "your-", "redacted"} {
		if strings.Contains(lower, word) {
			return false
		}
	}
	return bits(text) >= entropy
}

// bits is the entropy of a text per character (Shannon).
func bits(text string) (sum float64) {
	counts := map[rune]int{}
	for _, r := range text {
		counts[r]++
	}
	for _, n := range counts {
		p := float64(n) / float64(len(text))
		sum -= p * math.Log2(p)
	}
	return sum
}

var (
	secretName = pattern.Lazy(`(?i)(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS?)`)
	notOne     = pattern.Lazy(`(?i)(?:_FILE|_PATH|_URL|_NAME|_ID|_TTL|_EXPIRY|_LENGTH|_LIFETIME|_HEADER|_TYPE|_ISSUER|_AUDIENCE)$`)
	loginURL   = pattern.Lazy(`\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@$"'<>{}]*:([^\s/@$"'<>{}]{3,})@`)
)

// Words are the parts of a variable that are secret: its whole value and each line of
// it when its name says so or it holds a key, the password in an address, and whatever
// else Find finds.
func Words(name, value string) []string {
	var out []string
	sounds := secretName().MatchString(name) && !notOne().MatchString(name) && len(value) >= 8 && !common(value) && bits(value) >= 2.5
	if sounds || HoldsKey("", []byte(value)) {
		out = append(append(out, value), strings.Split(value, "\n")...)
	}
	for _, m := range loginURL().FindAllStringSubmatch(value, -1) {
		if !common(m[1]) {
			out = append(out, m[1])
		}
	}
	for _, prefix := range []string{"", name + "="} {
		for _, at := range look("", []byte(prefix+value), false, maxMatches).taken {
			if at.from >= len(prefix) {
				out = append(out, value[at.from-len(prefix):at.to-len(prefix)])
			}
		}
	}
	return out
}

// InVariable names the rule by which a variable of an image's configuration is a
// secret, "" for none: its value has the form of one, or its name says so.
func InVariable(name, value string) string {
	for _, text := range []string{value, name + "=" + value} {
		if found := Find([]byte(text)); len(found) > 0 {
			return found[0].Rule
		}
	}
	if m := loginURL().FindStringSubmatch(value); m != nil && !common(m[1]) {
		return "password-in-address"
	}
	if secretName().MatchString(name) && !notOne().MatchString(name) && len(value) >= 8 && !strings.ContainsAny(value, "$ /") && !common(value) && bits(value) >= 2.5 {
		return "secret-variable"
	}
	return ""
}

// common reports a password that protects nothing.
func common(value string) bool {
	switch strings.ToLower(value) {
	case "password", "postgres", "changeme", "change-me", "example", "secret", "test", "development", "root", "admin", "guest", "required", "optional", "disabled":
		return true
	}
	return !real(value, 0)
}
