package python

import (
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// What settings of Django say in plain literals.
var (
	debugValue  = ecosystem.NewSign(`(?m)^DEBUG\s*(?::\s*\w+\s*)?=\s*(True|False)\s*$`)
	hostsValue  = ecosystem.NewSign(`(?m)^ALLOWED_HOSTS\s*(?::[^=\n]*)?=\s*[\[(]([^\])]*)[\])]\s*$`)
	insecureKey = ecosystem.NewSign(`(?m)^SECRET_KEY\s*=\s*['"](django-insecure-)`)
)

// hosts are the settings that decide who gets an answer.
type hosts struct {
	debug, allowed, key ecosystem.Hit
}

// look notes the literals of one file of settings.
func (h *hosts) look(name string, data []byte) {
	signs := lex(data).signs
	h.debug.Seek(debugValue, name, signs)
	h.allowed.Seek(hostsValue, name, signs)
	h.key.Seek(insecureKey, name, signs)
}

// refusesLocalhost reports settings with which Django answers 400 to a request
// for localhost, which is what a health check sends. With DEBUG and an empty list
// it answers localhost.
func (h hosts) refusesLocalhost() bool {
	if !h.allowed.Found() {
		return false
	}
	names := quotedHosts(h.allowed.Text)
	if len(names) == 0 {
		return h.debug.Text == "False"
	}
	return !slices.ContainsFunc(names, func(n string) bool { return n == "*" || n == "localhost" || n == ".localhost" })
}

func quotedHosts(list string) []string {
	var out []string
	for _, m := range quotedHost().FindAllStringSubmatch(list, -1) {
		out = append(out, m[1])
	}
	return out
}

// checkHosts reports settings of a developer's machine that the image starts with.
func (s *service) checkHosts() {
	h := s.django.hosts
	switch {
	case h.debug.Text == "False" && h.allowed.Found() && len(quotedHosts(h.allowed.Text)) == 0:
		s.Report(diag.Warning, codeHosts, h.allowed.File, h.allowed.Line, `write ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")`,
			"ALLOWED_HOSTS is empty and DEBUG is False, so Django answers every request with 400")
	case h.debug.Text == "True":
		s.Report(diag.Info, codeDebug, h.debug.File, h.debug.Line, `write DEBUG = os.environ.get("DEBUG") == "1", and list the names of the site in ALLOWED_HOSTS`,
			"DEBUG is True, so error pages show the settings to everyone")
	}
	if h.key.Found() {
		s.Report(diag.Info, codeDebug, h.key.File, h.key.Line, `write SECRET_KEY = os.environ["SECRET_KEY"], and give it when the service runs: slipway run -e SECRET_KEY=…`,
			"the secret key is in the sources, so anyone who reads them can forge sessions")
	}
}
