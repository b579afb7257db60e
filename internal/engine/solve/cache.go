package solve

import (
	"encoding/csv"
	"fmt"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// addCaches adds the caches of a request.
func addCaches(opt *client.SolveOpt, req engine.Request) (err error) {
	if opt.CacheImports, err = cacheEntries(req.CacheFrom); err == nil {
		opt.CacheExports, err = cacheEntries(req.CacheTo)
	}
	return err
}

// cacheEntries reads caches in buildx's way of writing. Only registries serve
// every engine alike, so other kinds are refused.
func cacheEntries(list []string) ([]client.CacheOptionsEntry, error) {
	var out []client.CacheOptionsEntry
	for _, text := range list {
		entry, err := cacheEntry(text)
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "the cache %q cannot be used", text).Because(err).
				WithHint("type=registry,ref=registry.example/cache:NAME, with mode=max to keep every step")
		}
		out = append(out, entry)
	}
	return out, nil
}

func cacheEntry(text string) (client.CacheOptionsEntry, error) {
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return client.CacheOptionsEntry{}, fmt.Errorf("reading its settings: %w", err)
	}
	entry := client.CacheOptionsEntry{Attrs: map[string]string{}}
	if len(fields) == 1 && !strings.Contains(fields[0], "=") {
		fields = []string{"type=registry", "ref=" + fields[0]}
	}
	for _, f := range fields {
		key, value, ok := strings.Cut(strings.TrimSpace(f), "=")
		switch {
		case !ok:
			return entry, fmt.Errorf("%q is not NAME=VALUE", f)
		case strings.EqualFold(key, "type"):
			entry.Type = value
		default:
			entry.Attrs[strings.ToLower(key)] = value
		}
	}
	if entry.Type != "registry" {
		return entry, fmt.Errorf("slipway keeps caches in registries, not as type %q", entry.Type)
	}
	if entry.Attrs["ref"] == "" {
		return entry, fmt.Errorf("it has no ref")
	}
	return entry, nil
}
