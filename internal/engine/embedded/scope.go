//go:build linux

package embedded

import (
	"context"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/worker"
	"github.com/opencontainers/go-digest"
)

// ResolveOp implements worker.Worker. The results of steps that use cache mounts are
// those of the repository whose mounts they are.
func (w *exportMemo) ResolveOp(v solver.Vertex, s frontend.FrontendLLBBridge, sm *session.Manager, proxy worker.ProxyOpt) (solver.Op, error) {
	if sys, ok := v.Sys().(*pb.Op); ok && w.guard != nil {
		if err := w.guardGit(context.Background(), sys.GetSource()); err != nil {
			return nil, err
		}
	}
	op, err := w.Worker.ResolveOp(v, s, sm, proxy)
	if err != nil {
		return nil, err
	}
	if sys, ok := v.Sys().(*pb.Op); ok && sys.GetExec() != nil {
		op = besideOp{op, stageOf(v.Name()), sm, w.beside}
	}
	if spaces := cacheSpaces(v.Sys()); len(spaces) > 0 {
		return scopedOp{op, spaces}, nil
	}
	if sys, ok := v.Sys().(*pb.Op); ok {
		return bounded(op, sys.GetFile(), w.maxUnpacked), nil
	}
	return op, nil
}

// PruneCacheMounts implements worker.Worker: BuildKit gives new cache mounts to steps that run
// without the cache (solver/llbsolver/bridge.go, as of 0.33). It does not say for which build,
// so those of builds at the same time are kept too.
func (w *exportMemo) PruneCacheMounts(ctx context.Context, ids map[string]bool) error {
	if w.keeping.Load() > 0 {
		return nil
	}
	return w.Worker.PruneCacheMounts(ctx, ids)
}

// cacheSpaces returns the namespaces of the cache mounts of a step, sorted.
func cacheSpaces(sys any) []string {
	op, ok := sys.(*pb.Op)
	if !ok || op.GetExec() == nil {
		return nil
	}
	var out []string
	for _, m := range op.GetExec().Mounts {
		if m.MountType != pb.MountType_CACHE || m.CacheOpt == nil {
			continue
		}
		if space, _, _ := strings.Cut(m.CacheOpt.ID, "/"); space != "" && !slices.Contains(out, space) {
			out = append(out, space)
		}
	}
	slices.Sort(out)
	return out
}

// scopedOp is a step whose key in the build cache has the namespaces of its cache
// mounts. BuildKit leaves them out for mounts with an id or another sharing than the
// usual one (solver/llbsolver/ops/exec.go, checkShouldClearCacheOpts, as of 0.33): a
// repository could run another one's step with a mount that it filled, and the other
// one would get the result. Results of the same step are shared by nothing else.
type scopedOp struct {
	solver.Op
	spaces []string
}

// CacheMap implements solver.Op.
func (o scopedOp) CacheMap(ctx context.Context, job solver.JobContext, index int) (*solver.CacheMap, bool, error) {
	m, done, err := o.Op.CacheMap(ctx, job, index)
	if err != nil || m == nil {
		return m, done, err
	}
	own := *m
	own.Digest = digest.FromString(m.Digest.String() + "\x00" + strings.Join(o.spaces, "\x00"))
	return &own, done, nil
}
