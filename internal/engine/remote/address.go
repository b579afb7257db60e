package remote

import (
	"cmp"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// Address is where a BuildKit listens.
type Address struct {
	text       string // as it was written
	url        *url.URL
	certs      string // directory with ca.pem, cert.pem and key.pem; empty: no TLS
	serverName string // that the certificate must have; empty: the host of the address
}

// String returns the address as it was written.
func (a Address) String() string { return a.text }

const known = "write unix://, tcp://, docker-container:// or kube-pod://"

// nearby maps what people write to what they mean.
func nearby() map[string]string {
	return map[string]string{
		"http": "tcp", "https": "tcp", "tls": "tcp", "grpc": "tcp",
		"docker": "docker-container", "container": "docker-container",
		"kube": "kube-pod", "k8s": "kube-pod", "kubernetes": "kube-pod", "pod": "kube-pod", "kubepod": "kube-pod",
		"file": "unix", "sock": "unix", "socket": "unix",
	}
}

// ParseAddress reads one of
//
//	unix:///run/buildkit/buildkitd.sock
//	tcp://builder.example:1234?certs=DIR&servername=NAME
//	docker-container://NAME?context=CONTEXT
//	kube-pod://POD?context=CONTEXT&namespace=NAMESPACE&container=CONTAINER
//
// certs is the directory for a tcp address that names none.
func ParseAddress(text, certs string) (Address, error) {
	u, err := url.Parse(text)
	if text == "" || err != nil && strings.Contains(text, "://") {
		return Address{}, wrong(text, "it is not a URL").WithHint("%s", known)
	}
	if err != nil || u.Scheme == "" || u.Opaque != "" {
		return Address{}, wrong(text, "it has no scheme").WithHint("did you mean %s?", withScheme(text))
	}
	at := Address{text: text, url: u}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || u.Path == "" {
			return Address{}, wrong(text, "the path of a socket begins with a slash").WithHint("did you mean unix:///%s?", strings.TrimPrefix(u.Host+u.Path, "/"))
		}
		if filepath.Base(u.Path) == "docker.sock" {
			return Address{}, wrong(text, "this is Docker's socket, behind which BuildKit cannot be reached").
				WithHint("docker buildx create --name slipway --driver docker-container --bootstrap, then --builder docker-container://buildx_buildkit_slipway0")
		}
		return at, nil
	case "tcp":
		if u.Hostname() == "" || u.Port() == "" {
			return Address{}, wrong(text, "it needs a host and a port").WithHint("did you mean tcp://%s:1234?", cmp.Or(u.Hostname(), "HOST"))
		}
		at.certs, at.serverName = cmp.Or(u.Query().Get("certs"), certs), u.Query().Get("servername")
		return at, nil
	case "docker-container", "kube-pod":
		if u.Hostname() == "" {
			return Address{}, wrong(text, "nothing follows %s://", u.Scheme).WithHint("%s://NAME", u.Scheme)
		}
		return at, nil
	}
	fail := wrong(text, "slipway does not support %s://", u.Scheme)
	if near, ok := nearby()[u.Scheme]; ok {
		return Address{}, fail.WithHint("did you mean %s?", near+strings.TrimPrefix(text, u.Scheme))
	}
	return Address{}, fail.WithHint("%s", known)
}

func wrong(text, format string, args ...any) *diag.Failure {
	return diag.Fail(diag.ExitUsage, "the builder's address %q is wrong", text).Because(diag.Fail(diag.ExitUsage, format, args...))
}

// withScheme guesses the scheme of an address that has none.
func withScheme(text string) string {
	if strings.HasPrefix(text, "/") {
		return "unix://" + text
	}
	if strings.Contains(text, "/") {
		return "unix:///" + text
	}
	if _, _, err := net.SplitHostPort(text); err == nil {
		return "tcp://" + text
	}
	return "docker-container://" + text
}

// loopback tells whether a host is this machine's own.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// here tells whether what listens shares this machine's network, as far as one
// can tell from an address.
func (a Address) here() bool {
	return a.url.Scheme == "unix" || a.url.Scheme == "tcp" && loopback(a.url.Hostname())
}
