package companions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/repository"
)

// Recipe describes needs so that two descriptions differ when the companions or what
// they begin with do: it is part of what a test is recognised by.
func Recipe(ctx context.Context, o Options, imageOf func(service string) string, needs []companion.Need) (string, error) {
	var out []string
	for _, n := range needs {
		text := n.Name + "=" + n.Describe() + n.Database
		name := n.Image
		if n.Service != "" {
			name = imageOf(n.Service)
		}
		if name != "" {
			if desc, err := o.Store.Resolve(ctx, name); err == nil {
				text += "@" + desc.Digest.String()
			} else if n.Service != "" {
				return "", diag.Fail(diag.ExitUsage, "%s needs the service %s, whose image is not built", n.Name, n.Service).WithHint("slipway build %s", n.Service)
			}
		}
		h := sha256.New()
		for _, seed := range n.Seed {
			data, err := repository.ReadFile(o.Root, seed)
			if err != nil {
				return "", diag.Fail(diag.ExitUsage, "the seed %s of %s cannot be read", seed, n.Name).Because(err).WithHint("correct seed: in slipway.yaml; it is relative to slipway.yaml")
			}
			fmt.Fprintf(h, "%s %d\n%s", seed, len(data), data)
		}
		fmt.Fprintf(h, "%v", n.Env) // in the order of the names
		out = append(out, text+"#"+hex.EncodeToString(h.Sum(nil)[:8]))
	}
	return strings.Join(out, ","), nil
}
