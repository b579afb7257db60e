package release

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/plan"
)

// Change is one difference between two releases.
type Change struct {
	Service string `json:"service"`
	What    string `json:"what"` // "added", "removed", "image", "port", …
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
}

// Compare lists what b changes of a, by service. A service of which only evidence or the
// time of the build is another is the same.
func Compare(a, b Release) []Change {
	var out []Change
	old := map[string]Service{}
	for _, s := range a.Services {
		old[s.Name] = s
	}
	for _, s := range b.Services {
		before, ok := old[s.Name]
		delete(old, s.Name)
		if !ok {
			out = append(out, Change{Service: s.Name, What: "added", To: s.Digest})
			continue
		}
		out = append(out, before.changes(s)...)
	}
	for _, s := range a.Services {
		if _, gone := old[s.Name]; gone {
			out = append(out, Change{Service: s.Name, What: "removed", From: s.Digest})
		}
	}
	return out
}

func (s Service) changes(to Service) (out []Change) {
	for _, c := range []Change{
		{What: "image", From: s.Digest, To: to.Digest},
		{What: "size", From: fmt.Sprintf("%d B", s.SizeBytes), To: fmt.Sprintf("%d B", to.SizeBytes)},
		{What: "repository", From: s.Image, To: to.Image},
		{What: "type", From: s.Type, To: to.Type},
		{What: "port", From: strconv.Itoa(s.Port), To: strconv.Itoa(to.Port)},
		{What: "health", From: healthText(s.Health), To: healthText(to.Health)},
		{What: "memory", From: memoryText(s.MemoryBytes), To: memoryText(to.MemoryBytes)},
		{What: "user", From: s.User, To: to.User},
	} {
		if c.From != c.To {
			c.Service = s.Name
			out = append(out, c)
		}
	}
	return out
}

// healthText is a health check as slipway.yaml has it, with its times.
func healthText(h plan.HealthCheck) string {
	text := "none"
	switch {
	case h.GRPC != nil:
		text = "grpc " + *h.GRPC
	case h.HTTP != "":
		text = "http " + h.HTTP
	case h.TCP:
		text = "tcp"
	case len(h.Command) > 0:
		text = "command " + strings.Join(h.Command, " ")
	}
	text = strings.TrimSpace(text)
	if h.TLS {
		text += " over TLS"
	}
	return fmt.Sprintf("%s, each %s, within %s, %d times, after %s", text, h.Interval, h.Timeout, h.Retries, h.StartPeriod)
}

// memoryText is a limit as slipway.yaml has it.
func memoryText(n int64) string {
	const mebi = 1 << 20
	switch {
	case n == 0:
		return "none"
	case n%mebi == 0:
		return fmt.Sprintf("%dMi", n/mebi)
	}
	return strconv.FormatInt(n, 10)
}

// String is a change in words.
func (c Change) String() string {
	switch c.What {
	case "added", "removed":
		return c.Service + ": " + c.What
	}
	return fmt.Sprintf("%s: %s %s → %s", c.Service, c.What, short(c.From), short(c.To))
}

// short cuts a digest to what people compare.
func short(text string) string {
	if hex, ok := strings.CutPrefix(text, "sha256:"); ok && len(hex) > 12 {
		return hex[:12]
	}
	return text
}
