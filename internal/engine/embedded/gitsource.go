//go:build linux

package embedded

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/gitutil"

	"github.com/slipway-build/slipway/internal/engine/embedded/outbound"
)

// lookupTime bounds the question for the host of a git repository.
const lookupTime = 10 * time.Second

// ResolveSourceMetadata implements worker.Worker.
func (w *exportMemo) ResolveSourceMetadata(ctx context.Context, op *pb.SourceOp, opt sourceresolver.Opt, sm *session.Manager, job solver.JobContext) (*sourceresolver.MetaResponse, error) {
	if w.guard != nil {
		if err := w.guardGit(ctx, op); err != nil {
			return nil, err
		}
	}
	return w.Worker.ResolveSourceMetadata(ctx, op, opt, sm, job)
}

// guardGit keeps git, which fetches repositories for a Dockerfile's ADD, away from this
// machine: a repository of the machine is refused by its address, with a sentence; the
// network that git has holds the rest.
func (w *exportMemo) guardGit(ctx context.Context, op *pb.SourceOp) error {
	if op == nil || !strings.HasPrefix(op.Identifier, "git://") {
		return nil
	}
	if err := outsideOnly(ctx, *w.guard, op); err != nil {
		return err
	}
	return w.git.prepare(ctx)
}

// outsideOnly refuses the address of a git repository on this machine, where its host can
// be looked up.
func outsideOnly(ctx context.Context, guard outbound.Guard, op *pb.SourceOp) error {
	if op == nil || !strings.HasPrefix(op.Identifier, "git://") {
		return nil
	}
	u, err := gitutil.ParseURL(cmp.Or(op.Attrs[pb.AttrFullRemoteURL], op.Identifier))
	if err != nil {
		return err
	}
	host, port := u.Host, map[string]int{"http": 80, "https": 443, "git": 9418, "ssh": 22}[u.Scheme]
	if h, p, err := net.SplitHostPort(u.Host); err == nil {
		if host = h; p != "" {
			if port, err = strconv.Atoi(p); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", strings.Trim(host, "[]"))
	if err != nil {
		return nil //nolint:nilerr // perhaps only a proxy knows the host: git says so, in a network without a way to this machine
	}
	for _, ip := range found {
		if to := netip.AddrPortFrom(ip.Unmap(), uint16(port)); !allowed(ctx, guard, to) {
			return fmt.Errorf("%s is this machine, which a Dockerfile adds nothing from", to)
		}
	}
	return nil
}

func allowed(ctx context.Context, guard outbound.Guard, to netip.AddrPort) bool {
	_, ok := guard.Place(ctx, to)
	return ok
}
