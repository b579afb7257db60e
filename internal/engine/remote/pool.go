package remote

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/containerd/platforms"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// take picks the node for a build and counts the build there. When every node is
// aside, they are asked once more: one may be back.
func (e *Engine) take(ctx context.Context, req engine.Request, lost map[*node]bool) (*node, error) {
	if n, err := e.pick(req, lost); n != nil || err != nil {
		return n, err
	}
	errs := e.revive(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if n, err := e.pick(req, lost); n != nil || err != nil {
		return n, err
	}
	if len(errs) == 0 { // it came back, but this build was lost there already
		return nil, diag.Fail(diag.ExitBuild, "every builder was lost while it built %s", req.Name).WithHint("run slipway build again; the log of buildkitd on each builder shows the cause")
	}
	return nil, oneOf(errs)
}

// pick returns nil when every node is aside or lost.
func (e *Engine) pick(req engine.Request, lost map[*node]bool) (*node, error) {
	want, err := parsed(req.Platforms)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	best, _ := e.fittest(want, lost)
	if len(best) == 0 {
		return nil, nil
	}
	n := choose(best, req.Name)
	n.running++
	return n, nil
}

// parsed turns platforms from text into BuildKit's normal form.
func parsed(texts []string) ([]ocispecs.Platform, error) {
	out := make([]ocispecs.Platform, len(texts))
	for i, text := range texts {
		p, err := platforms.Parse(text)
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "the platform %q is unknown", text).Because(err).WithHint("such as linux/amd64 or linux/arm64")
		}
		out[i] = platforms.Normalize(p)
	}
	return out, nil
}

// fittest returns the nodes that suit the platforms best and are neither aside nor
// lost, in the order of the addresses, and how foreign the platforms are to each.
// Who calls it holds the mutex.
func (e *Engine) fittest(want []ocispecs.Platform, lost map[*node]bool) (best []*node, least int) {
	for _, n := range e.nodes {
		if n.aside || lost[n] {
			continue
		}
		f := foreign(n.platforms, want)
		if len(best) == 0 || f < least {
			best, least = nil, f
		}
		if f == least {
			best = append(best, n)
		}
	}
	return best, least
}

// missing is how foreign a platform is that a node cannot even emulate. It outweighs
// all that are emulated.
const missing = 1 << 10

// foreign adds up, over the wanted platforms, what a node is from being a machine of
// them: 1 for each that it emulates, and missing for each that it does not offer,
// which it can still build when no step runs for it. The first platform of a node is
// that of its machine.
func foreign(has, want []ocispecs.Platform) int {
	sum := 0
	for _, w := range want {
		switch i := slices.IndexFunc(has, platforms.NewMatcher(w).Match); {
		case i < 0:
			sum += missing
		case i > 0:
			sum++
		}
	}
	return sum
}

// choose takes, of at least one node, the first in the order of the service's hash that is not
// overloaded: that runs no more than five quarters of its share of all builds
// (consistent hashing with bounded loads, Mirrokni et al., 2016).
func choose(nodes []*node, service string) *node {
	total := 1
	for _, n := range nodes {
		total += n.running
	}
	share := (5*total + 4*len(nodes) - 1) / (4 * len(nodes))
	for _, n := range ranked(nodes, service) {
		if n.running < share {
			return n
		}
	}
	return nodes[0] // cannot be: one runs less than its share
}

// ranked orders nodes by the hash of node and service, so that each service has an
// order of its own, which loses one place when a node goes away (rendezvous
// hashing).
func ranked(nodes []*node, service string) []*node {
	score := func(n *node) string {
		sum := sha256.Sum256([]byte(n.at.text + "\x00" + service))
		return string(sum[:])
	}
	return slices.SortedFunc(slices.Values(nodes), func(a, b *node) int { return cmp.Compare(score(a), score(b)) })
}

// release ends the count of a build, and sets its node aside when it is gone.
func (e *Engine) release(n *node, gone bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n.running--
	n.aside = n.aside || gone
}

// revive asks every node that is aside, side by side, and returns why those that
// stay there do not answer, in the order of the addresses.
func (e *Engine) revive(ctx context.Context) []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	errs := make([]error, len(e.nodes))
	var wait sync.WaitGroup
	for i, n := range e.nodes {
		if !n.aside {
			continue
		}
		wait.Go(func() {
			g, err := n.greet(ctx, e.opts.Silence)
			if err != nil {
				errs[i] = err
				return
			}
			if n.client == nil { // else that one, which running builds may use, connects again by itself
				n.client = g.client
			} else {
				errs[i] = g.client.Close()
			}
			n.platforms, n.aside = g.platforms, false
		})
	}
	wait.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}
