package host

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// places lists where the settings for steps send them: the hosts and ports of
// registries and proxies. What of it is on this machine stays reachable for
// steps, whose network leads out only.
func places(env []string, files map[string]string) ([]string, error) {
	var out []string
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if slices.Contains(proxyVariables[:], name) && !strings.EqualFold(name, "NO_PROXY") && !strings.Contains(value, "://") {
			value = "http://" + value // as curl reads it
		}
		out = append(out, placesIn(value)...)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return nil, fmt.Errorf("reading the settings for build steps: %w", err)
		}
		out = append(out, placesIn(string(data))...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// address finds URLs in settings of any format; commas and bars separate those of
// GOPROXY.
var address = pattern.Lazy(`https?://[^\s"'<>,|]+`)

func placesIn(text string) []string {
	var out []string
	for _, found := range address().FindAllString(text, -1) {
		u, err := url.Parse(found)
		if err != nil || u.Hostname() == "" {
			continue
		}
		port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
		out = append(out, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)))
	}
	return out
}
