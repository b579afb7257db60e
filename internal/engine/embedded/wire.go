//go:build linux

package embedded

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/moby/buildkit/cache/remotecache"
	inlinecache "github.com/moby/buildkit/cache/remotecache/inline"
	localcache "github.com/moby/buildkit/cache/remotecache/local"
	registrycache "github.com/moby/buildkit/cache/remotecache/registry"
	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/frontend"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway/forwarder"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	httpsource "github.com/moby/buildkit/source/http"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/resolver"
	"github.com/moby/buildkit/worker"
	"github.com/moby/buildkit/worker/base"
	bolt "go.etcd.io/bbolt"

	"github.com/slipway-build/slipway/internal/engine/embedded/outbound"
	"github.com/slipway-build/slipway/internal/httplimit"
)

// newController wires BuildKit together. Every constructor of BuildKit whose
// signature changes between releases is called here and nowhere else.
func newController(ctx context.Context, o Options) (*control.Controller, error) {
	sessions, err := session.NewManager()
	if err != nil {
		return nil, fmt.Errorf("making the session manager: %w", err)
	}
	w, err := newWorker(ctx, o)
	if err != nil {
		return nil, err
	}
	workers := &worker.Controller{}
	if err := workers.Add(w); err != nil {
		return nil, fmt.Errorf("adding the worker: %w", err)
	}
	cacheStore, err := bboltcachestorage.NewStore(filepath.Join(o.StateDir, "cache.db"))
	if err != nil {
		return nil, fmt.Errorf("opening the build cache: %w", err)
	}
	historyDB, err := boltutil.SafeOpen(filepath.Join(o.StateDir, "history.db"), 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	none := int64(0)
	return control.NewController(control.Opt{
		SessionManager:   sessions,
		WorkerController: workers,
		Frontends: map[string]frontend.Frontend{
			"dockerfile.v0": forwarder.NewGatewayForwarder(workers.Infos(), dockerfile.Build),
		},
		ResolveCacheExporterFuncs: map[string]remotecache.ResolveCacheExporterFunc{
			"registry": registrycache.ResolveCacheExporterFunc(sessions, registryHosts()),
			"local":    localcache.ResolveCacheExporterFunc(sessions),
			"inline":   inlinecache.ResolveCacheExporterFunc(),
		},
		ResolveCacheImporterFuncs: map[string]remotecache.ResolveCacheImporterFunc{
			"registry": registrycache.ResolveCacheImporterFunc(sessions, w.ContentStore(), registryHosts()),
			"local":    localcache.ResolveCacheImporterFunc(sessions),
		},
		CacheManager:   solver.NewCacheManager(ctx, "local", cacheKeys{cacheStore, watchful{o.broken}}, worker.NewCacheResultStorage(workers)),
		HistoryDB:      historyDB,
		CacheStore:     cacheStore,
		LeaseManager:   w.LeaseManager(),
		ContentStore:   w.ContentStore(),
		HistoryConfig:  &config.HistoryConfig{MaxEntries: &none},
		GarbageCollect: w.GarbageCollect,
		GracefulStop:   ctx.Done(),
		Entitlements:   []string{"network.host", "security.insecure"}, // a build gets what its command line allows
	})
}

// newWorker makes the worker, with what every step gets from this machine.
func newWorker(ctx context.Context, o Options) (*exportMemo, error) {
	networks := &outbound.Networks{Guard: outbound.Guard{Reachable: o.Reachable}, Note: o.note}
	steps := &outside{Networks: networks, warn: o.note}
	opt, err := workerOptions(ctx, o, steps)
	if err != nil {
		return nil, fmt.Errorf("preparing the worker: %w", err)
	}
	groups, err := os.ReadFile("/proc/self/gid_map")
	if err != nil {
		return nil, fmt.Errorf("reading the groups of this process: %w", err)
	}
	resolvConf, err := writeResolvConf(o.StateDir)
	if err != nil {
		return nil, err
	}
	opt.Executor = injector{Executor: opt.Executor, running: o.steps, network: steps, resolvConf: resolvConf, caFile: o.CAFile, env: o.StepEnv, files: o.StepFiles, logins: newLogins(o), ttyGroup: hasGroup(string(groups), 5), groups: !o.Rootless}
	w, err := base.NewWorker(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("starting the worker: %w", err)
	}
	downloads := http.DefaultTransport
	if !o.HostNetwork {
		downloads = networks.Transport()
	}
	w.HTTPSource, err = httpsource.NewSource(httpsource.Opt{CacheAccessor: w.CacheMgr, Transport: httplimit.New(downloads, httplimit.Default())})
	if err != nil {
		return nil, fmt.Errorf("preparing downloads: %w", err)
	}
	w.SourceManager.Register(w.HTTPSource)
	files, err := newContextSource(w.CacheMgr, o.contexts)
	if err != nil {
		return nil, err
	}
	w.SourceManager.Register(files)
	memo := newExportMemo(ctx, w, filepath.Join(o.StateDir, "exports"), filepath.Join(opt.Root, "content", "blobs"), o.ImageDir)
	memo.opened, memo.maxUnpacked, memo.beside, memo.keeping = o.opened, o.MaxUnpacked, o.beside, o.keeping
	if !o.HostNetwork {
		memo.guard = &networks.Guard
		memo.git = &gitNetwork{steps: steps, start: o.Outbound, dir: filepath.Join(o.StateDir, "git"), stateDir: filepath.Dir(o.StateDir), resolvConf: resolvConf}
	}
	if o.Layer != nil {
		memo.keep = &keeper{o.Layer}
	}
	return memo, nil
}

// registryHosts resolves image names as `docker pull` does: HTTPS, and plain
// HTTP for this machine. It bounds how long a registry may keep a build waiting.
func registryHosts() docker.RegistryHosts {
	all := resolver.NewRegistryConfig(nil)
	return func(host string) ([]docker.RegistryHost, error) {
		hosts, err := all(host)
		for i, h := range hosts {
			if h.Client == nil {
				continue
			}
			bounded := *h.Client
			bounded.Transport = httplimit.New(h.Client.Transport, httplimit.Default())
			hosts[i].Client = &bounded
		}
		return hosts, err
	}
}
