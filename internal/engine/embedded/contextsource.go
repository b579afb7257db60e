//go:build linux

package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/cache/contenthash"
	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/snapshot"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/source"
	"github.com/moby/buildkit/source/local"
	"github.com/moby/buildkit/util/progress"
	"github.com/tonistiigi/fsutil"

	"github.com/slipway-build/slipway/internal/engine/embedded/treecopy"
)

// contextSource is BuildKit's source of build contexts, except that it copies a
// directory of this machine that it has never had itself; BuildKit then transfers
// what changed.
type contextSource struct {
	source.Source
	cache  cache.Accessor
	shared *contexts
}

func newContextSource(c cache.Accessor, shared *contexts) (source.Source, error) {
	s, err := local.NewSource(local.Opt{CacheAccessor: c})
	if err != nil {
		return nil, fmt.Errorf("preparing the source of build contexts: %w", err)
	}
	return &contextSource{s, c, shared}, nil
}

// Resolve implements source.Source.
func (s *contextSource) Resolve(ctx context.Context, id source.Identifier, sessions *session.Manager, vertex solver.Vertex) (source.SourceInstance, error) {
	of, err := s.Source.Resolve(ctx, id, sessions, vertex)
	if err != nil {
		return nil, err
	}
	what, ok := id.(*local.LocalIdentifier)
	if !ok || what.MetadataOnly || what.Differ != fsutil.DiffMetadata {
		return of, nil
	}
	return &contextInstance{of, s, what, sessions}, nil
}

type contextInstance struct {
	source.SourceInstance
	*contextSource
	what     *local.LocalIdentifier
	sessions *session.Manager
}

// Snapshot implements source.SourceInstance.
func (i *contextInstance) Snapshot(ctx context.Context, job solver.JobContext) (cache.ImmutableRef, error) {
	files := i.shared.get(i.what.SessionID, i.what.Name)
	if files == nil || i.cache.IdentityMapping() != nil {
		return i.SourceInstance.Snapshot(ctx, job)
	}
	caller, err := i.sessions.Get(ctx, i.what.SessionID, true)
	if err != nil || caller == nil {
		return i.SourceInstance.Snapshot(ctx, job)
	}
	key := i.what.Name + ":" + i.what.SharedKeyHint + ":" + caller.SharedKey()
	had, err := i.cache.Search(ctx, sharedKeyIndex+key, false)
	if err != nil {
		return nil, err
	}
	if len(had) > 0 {
		return i.SourceInstance.Snapshot(ctx, job)
	}
	files, err = fsutil.NewFilterFS(files, &fsutil.FilterOpt{IncludePatterns: i.what.IncludePatterns, ExcludePatterns: i.what.ExcludePatterns, FollowPaths: i.what.FollowPaths})
	if err != nil {
		return nil, err
	}
	return i.copy(ctx, files, key)
}

// The name by which BuildKit finds the directory of a context again
// (source/local/source.go, as of 2026-11); with another, each build would copy anew.
const (
	sharedKey      = "local.sharedKey"
	sharedKeyIndex = sharedKey + ":"
)

// copy makes the first snapshot of a context.
func (i *contextInstance) copy(ctx context.Context, files fsutil.FS, key string) (_ cache.ImmutableRef, failed error) {
	ref, err := i.cache.New(ctx, nil, nil, cache.CachePolicyRetain, cache.WithRecordType(bkclient.UsageRecordTypeLocalSource), cache.WithDescription("local source for "+i.what.Name))
	if err != nil {
		return nil, err
	}
	defer func() {
		if failed == nil {
			return
		}
		_ = ref.SetCachePolicyDefault()
		contenthash.ClearCacheContext(ref)
		go func() { _ = ref.Release(context.WithoutCancel(ctx)) }() // the build has its error
	}()
	mount, err := ref.Mount(ctx, false, nil)
	if err != nil {
		return nil, err
	}
	sums, err := contenthash.GetCacheContext(ctx, ref)
	if err != nil {
		return nil, err
	}
	if err := i.fill(ctx, mount, files, sums); err != nil {
		return nil, err
	}
	if err := contenthash.SetCacheContext(ctx, ref, sums); err != nil {
		return nil, err
	}
	if err := ref.SetString(sharedKey, key, sharedKeyIndex+key); err != nil {
		return nil, err
	}
	return ref.Commit(ctx)
}

// fill copies the files, and says how much that was.
func (i *contextInstance) fill(ctx context.Context, mount snapshot.Mountable, files fsutil.FS, sums contenthash.CacheContext) (failed error) {
	at := snapshot.LocalMounter(mount)
	dest, err := at.Mount()
	if err != nil {
		return err
	}
	defer func() {
		if err := at.Unmount(); failed == nil {
			failed = err
		}
	}()
	start := time.Now()
	n, err := treecopy.Into(ctx, dest, files, contenthash.NewFromStat, sums.HandleChange)
	if err != nil {
		return err
	}
	if w, ok, _ := progress.NewFromContext(ctx); ok {
		now := time.Now()
		_ = w.Write("transferring "+i.what.Name+":", progress.Status{Action: "transferring", Current: int(n), Started: &start, Completed: &now})
		_ = w.Close()
	}
	return nil
}
