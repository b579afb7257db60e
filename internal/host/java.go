package host

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/engine/embedded"
)

// javaStep is what build steps of Java need of this machine, in the form that
// Maven and Gradle read: neither knows SSL_CERT_FILE or HTTPS_PROXY.
type javaStep struct {
	settings
	env []string
}

// javaHost collects the host's certificates as a key store, kept in a directory,
// its proxy as properties of the JVM, and its settings of Maven.
func javaHost(getenv func(string) string, dir string) (javaStep, error) {
	const trust, user, global = "java-cacerts", "maven-settings.xml", "maven-global-settings.xml"
	step := javaStep{settings: settings{public: map[string]string{}, private: map[string]string{}}}
	var options []string
	if ca := CA(getenv); ca != "" {
		bundle, err := os.ReadFile(ca)
		if err != nil {
			return step, fmt.Errorf("reading the certificates of this machine: %w", err)
		}
		store := filepath.Join(dir, trust)
		if err := keepFile(store, baseimage.JavaTrust(bundle), 0o644); err != nil {
			return step, fmt.Errorf("writing the certificates for Java: %w", err)
		}
		step.public[trust] = store
		options = append(options, "-Djavax.net.ssl.trustStore="+embedded.StepDir+trust)
	}
	options = append(options, javaProxy(getenv)...)
	if len(options) > 0 {
		all := strings.Join(options, " ")
		step.env = append(step.env, "MAVEN_OPTS="+all, "GRADLE_OPTS="+all)
	}
	var args []string
	for _, s := range [][3]string{{"--settings", user, baseimage.HomeFile(getenv, ".m2", "settings.xml")}, {"--global-settings", global, "/etc/maven/settings.xml"}} {
		text, ok := read(s[2])
		if !ok {
			continue
		}
		if err := step.keepMaven(s[1], s[2], filepath.Join(dir, s[1]), text); err != nil {
			return step, fmt.Errorf("keeping Maven's settings for build steps: %w", err)
		}
		args = append(args, s[0], embedded.StepDir+s[1])
	}
	if len(args) > 0 {
		step.env = append(step.env, "MAVEN_ARGS="+strings.Join(args, " "))
	}
	return step, nil
}

// keepMaven keeps settings of Maven without credentials in a file for all steps. Those
// that have some are themselves for the steps that may see them.
func (s *javaStep) keepMaven(name, from, at string, text []byte) error {
	public, secrets := mavenSources(text)
	if public == nil { // nothing that Maven reads: it says so in the step
		public = []byte("<settings/>")
	}
	if len(secrets) > 0 {
		s.private[name] = from
		s.secrets = append(s.secrets, secrets...)
	}
	s.public[name] = at
	return keepFile(at, public, 0o644)
}

// javaProxy is the proxy of the environment as properties of the JVM, which has
// no place for a password there.
func javaProxy(getenv func(string) string) []string {
	var out []string
	for _, scheme := range []string{"http", "https"} {
		text := getenv(strings.ToUpper(scheme) + "_PROXY")
		if text == "" {
			text = getenv(scheme + "_proxy")
		}
		u, err := url.Parse(text)
		if text == "" || err != nil || u.Hostname() == "" {
			continue
		}
		port := u.Port()
		if port == "" {
			port = "80"
		}
		out = append(out, "-D"+scheme+".proxyHost="+u.Hostname(), "-D"+scheme+".proxyPort="+port)
	}
	if len(out) == 0 {
		return nil
	}
	out = append(out, "-Daether.connector.http.useSystemProperties=true") // Maven's downloads ask for it
	direct := getenv("NO_PROXY")
	if direct == "" {
		direct = getenv("no_proxy")
	}
	var hosts []string
	for _, h := range strings.Split(direct, ",") {
		h = strings.TrimSpace(h)
		if strings.HasPrefix(h, ".") {
			h = "*" + h
		}
		if h != "" && !strings.ContainsAny(h, " |'\"/") {
			hosts = append(hosts, h)
		}
	}
	if len(hosts) > 0 {
		out = append(out, "-Dhttp.nonProxyHosts="+strings.Join(hosts, "|"))
	}
	return out
}
