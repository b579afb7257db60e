package origin

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/slipway-build/slipway/internal/diag"
)

// submodules fetches those of a checkout. The author of the repository chooses their
// addresses, and steps of the repository read what comes: so nothing that only the person
// may read comes, unless the person trusts the repository.
func (s Source) submodules(c *Context, r repository) error {
	if !r.names() {
		return nil
	}
	if err := r.git("remote", "add", "origin", r.remote); err != nil {
		return err
	}
	if s.Trusted != nil {
		if trusted, err := s.Trusted(r.written); err != nil || trusted {
			return errors.Join(err, r.level(func([]submodule) error { return nil }))
		}
	}
	home, err := os.MkdirTemp(c.root, ".home")
	if err != nil {
		return err
	}
	a := anonymous{source: s, repository: r, home: home, settings: network(r, home)}
	a.repository.env = a.environment()
	a.repository.hint = trustHint(r.written)
	return a.repository.level(a.admit)
}

// trustHint says how the submodules of a repository at an address come with the person's
// logins. SLIPWAY_TRUST takes no USER@HOST:PATH.
func trustHint(address string) string {
	hint := "if you trust the repository, have its submodules fetched with your keys and logins, from anywhere: SLIPWAY_TRUST="
	if strings.Contains(address, "://") {
		return hint + Redacted(address)
	}
	return hint + "ssh://USER@HOST/PATH, and build it by that address"
}

// names reports whether the files of a checkout name submodules.
func (r repository) names() bool {
	_, err := os.Lstat(filepath.Join(r.dir, ".gitmodules"))
	return err == nil
}

// submodule is one that a repository names.
type submodule struct{ name, address string }

// level fetches the submodules of a repository, weighs them, and checks them out; then
// those below. admit sees each level before anything of it is fetched.
func (r repository) level(admit func([]submodule) error) error {
	if !r.names() {
		return nil
	}
	if err := r.git("submodule", "--quiet", "init"); err != nil {
		return err
	}
	list, err := r.output("config", "--null", "--list")
	if err != nil {
		return err
	}
	var all []submodule
	for _, setting := range strings.Split(list, "\x00") {
		key, address, _ := strings.Cut(setting, "\n")
		name, ok := strings.CutPrefix(key, "submodule.")
		if name, is := strings.CutSuffix(name, ".url"); ok && is {
			all = append(all, submodule{name, address})
		}
	}
	if err := admit(all); err != nil {
		return err
	}
	// A command in place of the checkout: git fetches, and writes no files yet.
	if err := r.update(all, "!true"); err != nil {
		return err
	}
	links, err := r.links()
	if err != nil {
		return err
	}
	for _, l := range links {
		if err := l.weigh(l.commit); err != nil {
			return err
		}
	}
	if err := r.update(all, "checkout", "--force", "--no-fetch"); err != nil {
		return err
	}
	for _, l := range links {
		if err := l.level(admit); err != nil {
			return err
		}
	}
	return nil
}

// update has git do something with each submodule.
func (r repository) update(all []submodule, what string, flags ...string) error {
	for _, s := range all {
		if err := r.git("config", "submodule."+s.name+".update", what); err != nil {
			return err
		}
	}
	return r.git(append([]string{"submodule", "--quiet", "update", "--depth=1"}, flags...)...)
}

// link is a submodule that git has fetched.
type link struct {
	repository
	commit string
}

// links are the fetched submodules of what is checked out.
func (r repository) links() ([]link, error) {
	files, err := r.output("ls-files", "--stage", "-z")
	if err != nil {
		return nil, err
	}
	var out []link
	for _, entry := range strings.Split(files, "\x00") {
		words, path, _ := strings.Cut(entry, "\t")
		f := strings.Fields(words)
		if len(f) != 3 || f[0] != "160000" {
			continue
		}
		sub := r
		sub.dir = filepath.Join(r.dir, filepath.FromSlash(path))
		if _, err := os.Lstat(filepath.Join(sub.dir, ".git")); err == nil { // else .gitmodules does not name it
			out = append(out, link{sub, f[1]})
		}
	}
	return out, nil
}

// anonymous fetches what everybody may read.
type anonymous struct {
	source     Source
	repository repository
	home       string   // of git, with a file of settings
	settings   []string // its lines
}

// environment names no key, agent, helper or settings of the person. It says what stays,
// because git and the programs that it starts read many variables.
func (a anonymous) environment() []string {
	stays := []string{"PATH", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_NO_VERIFY", "GIT_EXEC_PATH"}
	var env []string
	for _, e := range a.source.Environ {
		if name, _, _ := strings.Cut(e, "="); slices.Contains(stays, strings.ToUpper(name)) {
			env = append(env, e)
		}
	}
	return append(env, "HOME="+a.home, "GIT_CONFIG_GLOBAL="+filepath.Join(a.home, ".gitconfig"), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_ALLOW_PROTOCOL=http:https") // not ssh, which finds keys by itself
}

// network is a file of git's settings with those of the person that say how the network
// is reached.
func network(r repository, empty string) []string {
	lines := []string{"[core]", "hooksPath = " + quoted(os.DevNull), "[advice]", "detachedHead = false", "[http]", "followRedirects = false"}
	r.dir = empty // so that no repository's settings count
	for _, name := range []string{"proxy", "sslCAInfo", "sslCAPath", "sslVerify", "sslBackend"} {
		if value, err := r.output("config", "--null", "--get", "http."+name); err == nil { // else it is not set
			lines = append(lines, name+" = "+quoted(strings.TrimSuffix(value, "\x00")))
		}
	}
	return lines
}

// quoted is a value in a file of git's settings.
func quoted(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

// admit lets submodules pass that come over HTTP from elsewhere than this machine, and
// binds git to the addresses that were looked at (git knows how to since 2.37).
func (a anonymous) admit(all []submodule) error {
	lines := slices.Clone(a.settings)
	for _, s := range all {
		pin, err := a.place(s.address)
		if err != nil {
			return diag.Fail(diag.ExitUsage, "the submodule %q of %s comes from %s", s.name, a.repository.from, Redacted(s.address)).
				Because(err).WithHint("%s", a.repository.hint)
		}
		if pin != "" {
			lines = append(lines, "curloptResolve = "+quoted(pin))
		}
	}
	return os.WriteFile(filepath.Join(a.home, ".gitconfig"), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// lookupTime bounds the question for a host.
const lookupTime = 10 * time.Second

// place returns the addresses of a submodule's host in the words of curl; empty where
// git looks up none.
func (a anonymous) place(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return "", errors.New("without your trust, submodules are fetched over http and https only")
	}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme]), 10, 16)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(a.repository.ctx, lookupTime)
	defer cancel()
	proxied := a.proxied(u)
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		if proxied {
			return "", nil // only the proxy knows the host
		}
		return "", err
	}
	var all []string
	for _, ip := range found {
		to := netip.AddrPortFrom(ip.Unmap().WithZone(""), uint16(port))
		if a.source.Outside == nil || !a.source.Outside(ctx, to) {
			return "", errors.New(to.String() + " is this machine, which a repository fetches nothing from")
		}
		text := to.Addr().String()
		if to.Addr().Is6() {
			text = "[" + text + "]"
		}
		all = append(all, text)
	}
	if proxied || net.ParseIP(u.Hostname()) != nil {
		return "", nil
	}
	return u.Hostname() + ":" + strconv.FormatUint(port, 10) + ":" + strings.Join(all, ","), nil
}

// proxied reports whether the environment or the person's settings have a proxy for a URL.
func (a anonymous) proxied(u *url.URL) bool {
	if slices.ContainsFunc(a.settings, func(line string) bool { return strings.HasPrefix(line, "proxy = ") }) {
		return true
	}
	value := func(name string) string {
		for _, e := range a.source.Environ {
			if of, v, _ := strings.Cut(e, "="); strings.EqualFold(of, name) && v != "" {
				return v
			}
		}
		return ""
	}
	all := value("ALL_PROXY")
	config := httpproxy.Config{HTTPProxy: cmp.Or(value("HTTP_PROXY"), all), HTTPSProxy: cmp.Or(value("HTTPS_PROXY"), all), NoProxy: value("NO_PROXY")}
	to, err := config.ProxyFunc()(u)
	return err == nil && to != nil
}
