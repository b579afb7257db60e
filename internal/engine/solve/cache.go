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
	if opt.CacheImports, err = cacheEntries(req.CacheFrom, "src"); err == nil {
		opt.CacheExports, err = cacheEntries(req.CacheTo, "dest")
	}
	return err
}

// cacheEntries reads caches in buildx's way of writing. What a cloud keeps is
// refused: the embedded engine has no client for it.
func cacheEntries(list []string, at string) ([]client.CacheOptionsEntry, error) {
	var out []client.CacheOptionsEntry
	for _, text := range list {
		entry, err := cacheEntry(text, at)
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "the cache %q cannot be used", text).Because(err).
				WithHint("type=registry,ref=registry.example/cache:NAME or type=local,src=DIR (dest=DIR to write); mode=max keeps every step")
		}
		out = append(out, entry)
	}
	return out, nil
}

// cacheEntry reads one; at is where a directory is named: src or dest.
func cacheEntry(text, at string) (client.CacheOptionsEntry, error) {
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
	key := map[string]string{"registry": "ref", "local": at, "inline": ""}
	needed, known := key[entry.Type]
	switch {
	case !known:
		return entry, fmt.Errorf("slipway keeps caches in registries, directories and images, not as type %q", entry.Type)
	case needed != "" && entry.Attrs[needed] == "":
		return entry, fmt.Errorf("it has no %s", needed)
	case entry.Type == "inline" && at == "src":
		return entry, fmt.Errorf("an inline cache is imported from its image: type=registry,ref=IMAGE")
	}
	return entry, nil
}
