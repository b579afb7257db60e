package image

import (
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// credentials decide which password a registry gets: the user's own only the
// registry that they belong to, any other what the Docker configuration file has
// for it. A repository's slipway.yaml names registries; it must not get passwords.
type credentials struct {
	user, password string
	registry       string // that they belong to; empty: none
}

var _ authn.Keychain = credentials{}

// newCredentials checks the name of the registry, of which a path does not count.
func newCredentials(opts PushOptions) (credentials, error) {
	c := credentials{user: opts.User, password: opts.Password}
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(opts.Registry, "https://"), "http://"), "/")
	if host == "" {
		return c, nil
	}
	registry, err := name.NewRegistry(host, name.WeakValidation)
	if err != nil {
		return c, diag.Fail(diag.ExitUsage, "%q is not the name of a registry", redact(opts.Registry)).
			WithHint("set SLIPWAY_REGISTRY to a host, such as registry.example or localhost:5000")
	}
	c.registry = registry.RegistryStr()
	return c, nil
}

// Resolve implements authn.Keychain.
func (c credentials) Resolve(target authn.Resource) (authn.Authenticator, error) {
	if c.given() && c.registry == target.RegistryStr() {
		return &authn.Basic{Username: c.user, Password: c.password}, nil
	}
	return authn.DefaultKeychain.Resolve(target)
}

func (c credentials) given() bool { return c.user != "" || c.password != "" }

// withheld tells whether there are credentials that this registry does not get.
func (c credentials) withheld(registry string) bool { return c.given() && c.registry != registry }

// bound drops the Authorization header from requests to hosts that are neither a
// registry that images are pushed to nor the token server that it names: a
// redirect or an upload's Location may lead anywhere. It is safe for concurrent use.
type bound struct {
	inner http.RoundTripper

	mu         sync.Mutex
	registries map[string]bool
	tokens     map[string]bool // hosts of token servers
}

// push notes a registry that images are pushed to.
func (b *bound) push(registry string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.registries == nil {
		b.registries, b.tokens = map[string]bool{}, map[string]bool{}
	}
	b.registries[registry] = true
}

// RoundTrip implements http.RoundTripper.
func (b *bound) RoundTrip(req *http.Request) (*http.Response, error) {
	b.mu.Lock()
	registry, tokens := b.registries[req.URL.Host], b.tokens[req.URL.Host]
	b.mu.Unlock()
	if !registry && !tokens && req.Header.Get("Authorization") != "" {
		req = req.Clone(req.Context())
		req.Header.Del("Authorization")
	}
	res, err := b.inner.RoundTrip(req)
	if err == nil && registry && res.StatusCode == http.StatusUnauthorized {
		b.learn(res.Header.Values("WWW-Authenticate"))
	}
	return res, err
}

var realm = pattern.Lazy(`(?i)^\s*bearer\s.*\brealm="?([^",\s]+)`)

// learn notes the token servers that a registry names (RFC 6750, section 3).
func (b *bound) learn(challenges []string) {
	for _, c := range challenges {
		m := realm().FindStringSubmatch(c)
		if m == nil {
			continue
		}
		if u, err := url.Parse(m[1]); err == nil && u.Host != "" {
			b.mu.Lock()
			b.tokens[u.Host] = true
			b.mu.Unlock()
		}
	}
}
