//go:build linux

package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	ctdmetadata "github.com/containerd/containerd/v2/core/metadata"
	ctdsnapshots "github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/diff/walking"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/executor/resources"
	"github.com/moby/buildkit/executor/runcexecutor"
	containerdsnapshot "github.com/moby/buildkit/snapshot/containerd"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/moby/buildkit/util/network"
	"github.com/moby/buildkit/util/winlayers"
	"github.com/moby/buildkit/worker/base"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/semaphore"
)

// snapshotter names the snapshots, and with "runc-" before it their directory.
const snapshotter = "overlayfs"

// namespace separates BuildKit's content from what others could keep in the same
// containerd metadata.
const namespace = "buildkit"

// workerOptions wires up the worker as worker/runc.NewWorkerOpt does: overlayfs
// snapshots and runc; steps have networks of their own. That function makes a
// provider for proxied networks besides, which nobody asks for here and whose RSA
// key takes 20 to 500 ms of processor time at each start.
func workerOptions(ctx context.Context, o Options, steps network.Provider) (base.WorkerOpt, error) {
	root := filepath.Join(o.StateDir, "runc-"+snapshotter)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return base.WorkerOpt{}, err
	}
	networks := map[pb.NetMode]network.Provider{pb.NetMode_UNSET: steps, pb.NetMode_HOST: network.NewHostProvider(), pb.NetMode_NONE: network.NewNoneProvider()}
	limits := newStepLimits(os.DirFS("/"), o)
	for mode, p := range networks {
		networks[mode] = limited{p, limits}
	}
	monitor, err := resources.NewMonitor()
	if err != nil {
		return base.WorkerOpt{}, fmt.Errorf("watching resources: %w", err)
	}
	executor, err := runcexecutor.New(runcexecutor.Opt{
		Root: filepath.Join(root, "executor"), CommandCandidates: []string{o.Runc}, Rootless: o.Rootless,
		ProcessMode: oci.ProcessSandbox, ResourceMonitor: monitor,
	}, networks)
	if err != nil {
		return base.WorkerOpt{}, fmt.Errorf("preparing runc: %w", err)
	}
	db, err := openMetadata(ctx, root, o)
	if err != nil {
		return base.WorkerOpt{}, err
	}
	content := containerdsnapshot.NewContentStore(db.ContentStore(), namespace)
	id, err := base.ID(root)
	if err != nil {
		return base.WorkerOpt{}, fmt.Errorf("naming the worker: %w", err)
	}
	records, err := openRecords(filepath.Join(root, "metadata_v2.db"), o.unsynced)
	if err != nil {
		return base.WorkerOpt{}, fmt.Errorf("opening the records of the cache: %w", err)
	}
	if err := forgetDigests(records); err != nil {
		return base.WorkerOpt{}, fmt.Errorf("reading the records of the cache: %w", err)
	}
	return base.WorkerOpt{
		ID: id, Root: root, MetadataStore: records, NetworkProviders: networks, Executor: executor,
		Snapshotter:     containerdsnapshot.NewSnapshotter(snapshotter, db.Snapshotter(snapshotter), namespace, nil),
		ContentStore:    content,
		Applier:         newBoundedApplier(content, o.MaxUnpacked),
		Differ:          winlayers.NewWalkingDiffWithWindows(content, walking.NewWalkingDiff(content)),
		Platforms:       []ocispecs.Platform{platforms.Normalize(platforms.DefaultSpec())},
		LeaseManager:    leaseutil.WithNamespace(ctdmetadata.NewLeaseManager(db), namespace),
		GarbageCollect:  db.GarbageCollect,
		ParallelismSem:  semaphore.NewWeighted(int64(o.parallel())),
		MountPoolRoot:   filepath.Join(root, "cachemounts"),
		ResourceMonitor: monitor,
		RegistryHosts:   registryHosts(),
		GCPolicy:        []client.PruneInfo{{All: true, MaxUsedSpace: o.maxCacheSize()}},
	}, nil
}

// openMetadata opens containerd's metadata with the snapshots and the content
// that it is about. A process that was killed may have left the directory of a
// snapshot that the metadata do not know; the next one would get its name.
func openMetadata(ctx context.Context, root string, o Options) (*ctdmetadata.DB, error) {
	snapshots, err := overlay.NewSnapshotter(filepath.Join(root, "snapshots"), overlay.AsynchronousRemove)
	if err != nil {
		return nil, fmt.Errorf("opening the snapshots: %w", err)
	}
	o.files.add(snapshots)
	if cleaner, ok := snapshots.(ctdsnapshots.Cleaner); ok && o.abandoned {
		if err := cleaner.Cleanup(ctx); err != nil && !errdefs.IsNotFound(err) { // killed before the first snapshot
			return nil, fmt.Errorf("clearing snapshots of a killed build: %w", err)
		}
	}
	content, err := local.NewStore(filepath.Join(root, "content"))
	if err != nil {
		return nil, fmt.Errorf("opening the content: %w", err)
	}
	file, err := bolt.Open(filepath.Join(root, "containerdmeta.db"), 0o644, &bolt.Options{FreelistType: bolt.FreelistMapType, NoSync: o.unsynced, NoGrowSync: o.unsynced})
	if err != nil {
		return nil, fmt.Errorf("opening the metadata of snapshots: %w", err)
	}
	o.files.add(file)
	db := ctdmetadata.NewDB(transactor{file, watchful{o.broken}}, content, map[string]ctdsnapshots.Snapshotter{snapshotter: snapshots})
	if err := db.Init(ctx); err != nil {
		return nil, fmt.Errorf("reading the metadata of snapshots: %w", err)
	}
	return db, nil
}
