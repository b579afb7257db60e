package static

import (
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// accountsFile holds the accounts of a site, as Cloud Foundry's buildpack has it.
const accountsFile = "Staticfile.auth"

// staticfile reads the settings of Cloud Foundry's buildpack for static files
// (https://docs.cloudfoundry.org/buildpacks/staticfile/): lines of KEY: VALUE.
func (r *settings) staticfile() {
	rules, below := &r.site.Rules, ""
	for i, line := range strings.Split(string(r.data), "\n") {
		key, value, ok := staticfileLine(line)
		if !ok {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if below == "status_codes" && key == "404" {
				r.notFound(i+1, value)
			} else if below == "status_codes" {
				r.unsupported(i+1, "only 404 may have a page")
			}
			continue
		}
		on := isOn(value)
		switch below = key; key {
		case "root": // which Recognise reads
		case "directory":
			rules.Listing = value == "visible" || on
		case "pushstate", "index_fallback":
			if on {
				r.site.Fallback = "/index.html"
			} else if key == "index_fallback" {
				r.site.Fallback = ""
			}
		case "ssi":
			rules.SSI = on
		case "host_dot_files":
			rules.Hidden = on
		case "force_https":
			rules.HTTPS = on
		case "http_strict_transport_security", "http_strict_transport_security_include_subdomains", "http_strict_transport_security_preload":
			r.strictTransport(key, on)
		case "status_codes":
		case "location_include", "enable_http2":
			if key == "location_include" || on {
				r.unsupported(i+1, "%s sets parts of another configuration of nginx", key)
			}
		default:
			r.unsupported(i+1, "%s is not a key of a Staticfile", key)
		}
	}
	if ecosystem.Exists(r.s.Dir, accountsFile) {
		rules.Accounts = accountsFile
	}
}

// strictTransport sets or extends the header.
func (r *settings) strictTransport(key string, on bool) {
	const name = "Strict-Transport-Security"
	if !on {
		return
	}
	more := map[string]string{"http_strict_transport_security_include_subdomains": "; includeSubDomains", "http_strict_transport_security_preload": "; preload"}[key]
	for i := range r.site.Rules.Headers {
		if h := &r.site.Rules.Headers[i]; h.Name == name {
			h.Value += more
			return
		}
	}
	r.site.Rules.Headers = append(r.site.Rules.Headers, Header{Path: "^/", Glob: "/*", Name: name, Value: "max-age=31536000" + more})
}

func isOn(value string) bool { return value == "enabled" || value == "true" || value == "yes" }

// staticfileLine splits a line; false for an empty one and a comment.
func staticfileLine(line string) (key, value string, ok bool) {
	line, _, _ = strings.Cut(line, " #")
	key, value, ok = strings.Cut(strings.TrimSpace(line), ":")
	if strings.HasPrefix(key, "#") {
		return "", "", false
	}
	return strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), `"'`), ok
}

// staticfileRoot is the directory that a Staticfile names, "" when there is no
// Staticfile, and "." when it names none.
func staticfileRoot(s *ecosystem.Service) (dir string, line int) {
	r := settings{s: s}
	if !r.open("Staticfile") {
		return "", 0
	}
	for i, l := range strings.Split(string(r.data), "\n") {
		if key, value, ok := staticfileLine(l); ok && key == "root" && value != "" {
			return path.Clean(strings.TrimPrefix(value, "/")), i + 1
		}
	}
	return ".", 0
}
