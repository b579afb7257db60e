// Package solve turns a build request into BuildKit's terms, runs it on a client
// of BuildKit and turns what comes back into events, a result and errors that a
// person understands. Both engines use it: embedded with a client to its own
// process, remote with one to another machine. It opens no connection and
// chooses no engine.
//
//	res, err := solve.Build(ctx, solve.Target{Client: c, Images: store}, req, sink)
package solve

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/util/staticfs"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
)

// storeID names the image store in the session.
const storeID = "slipway"

// Target is where builds run.
type Target struct {
	Client *client.Client
	Images content.Store // bases are read from it and images written to it
	Env    []string      // what steps get from this machine: its passwords are hidden in logs
	Hidden []string      // further words that logs do not show
	// Hide is given what hides the secrets of a build, for a log of the engine itself; nil:
	// it has none here.
	Hide func(in func(string) string)
	// Machine names this machine where others share the BuildKit, which would take
	// files of equal path, size and time for the same; empty: nobody shares it.
	Machine string
	// Part says that the platforms of the request are some of those of a larger
	// build: even of one it makes an index, and its steps bear the platform.
	Part bool
	// Share makes the directories of a build known to an engine in this process by the
	// build's session, until the returned function is called; nil: it has none.
	Share func(session string, dirs map[string]fsutil.FS) (end func())
}

// Build runs one build. It is safe for concurrent use.
func Build(ctx context.Context, to Target, req engine.Request, sink event.Sink) (engine.Result, error) {
	start := time.Now()
	if err := refuseForeignSyntax(req.Dockerfile); err != nil {
		return engine.Result{}, err
	}
	solveCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	store, err := secretSources(req)
	if err != nil {
		return engine.Result{}, err
	}
	hidden, err := to.hiding(ctx, store, req)
	if err != nil {
		return engine.Result{}, err
	}
	opt, finish, err := solveOptions(req, to.Images, store, stop)
	if err != nil {
		return engine.Result{}, err
	}
	opt.SharedKey = to.Machine + opt.SharedKey
	if to.Part {
		opt.FrontendAttrs["multi-platform"] = "true"
	}
	if err := addCaches(opt, req); err != nil {
		return engine.Result{}, errors.Join(err, finish(false, nil))
	}
	end, err := shareContexts(ctx, to, opt)
	if err != nil {
		return engine.Result{}, errors.Join(err, finish(false, nil))
	}
	defer end()
	progress := newProgress(req.Name, sink, hidden.logs)
	status := make(chan *client.SolveStatus)
	var resp *client.SolveResponse
	collect := &collector{Collect: req.Collect, hidden: hidden.reports}
	group, groupCtx := errgroup.WithContext(solveCtx)
	group.Go(func() error {
		var err error
		resp, err = collect.solve(groupCtx, to.Client, *opt, status)
		return err
	})
	group.Go(func() error {
		for s := range status {
			progress.update(s)
		}
		return nil
	})
	err = group.Wait()
	if err = finish(err == nil, err); err != nil {
		if ctx.Err() != nil {
			return engine.Result{}, context.Cause(ctx)
		}
		return engine.Result{Collected: collect.done}, progress.explain(err)
	}
	res := engine.Result{Steps: progress.steps(), CachedSteps: progress.cachedSteps(), Duration: time.Since(start), Collected: collect.done}
	if err := describe(&res, resp); err != nil {
		return engine.Result{}, err
	}
	return res, nil
}

// hiding is what the build does not show, which the engine is told too.
func (to Target) hiding(ctx context.Context, store secrets.SecretStore, req engine.Request) (hiding, error) {
	hidden, err := maskedWords(ctx, store, req.Secrets, to.Env, req.Args, to.Hidden)
	if err == nil && to.Hide != nil && hidden.logs != nil {
		to.Hide(hidden.logs.hide)
	}
	return hidden, err
}

// describe adds what the exporter says of the image, if there is one.
func describe(res *engine.Result, resp *client.SolveResponse) error {
	if resp.ExporterResponse[exptypes.ExporterImageDescriptorKey] != "" {
		desc, err := ExportedDescriptor(resp.ExporterResponse)
		if err != nil {
			return err
		}
		res.Digest, res.MediaType, res.SizeBytes = desc.Digest.String(), desc.MediaType, desc.Size
		_ = json.Unmarshal([]byte(resp.ExporterResponse[UnpackedKey]), &res.Unpacked) // without them layers are measured
	}
	return nil
}

// shareContexts gives an engine of this process the directories of a build as BuildKit's
// client sends them: their files belong to root.
func shareContexts(ctx context.Context, to Target, opt *client.SolveOpt) (end func(), err error) {
	if to.Share == nil {
		return func() {}, nil
	}
	if opt.SharedSession, err = session.NewSession(ctx, opt.SharedKey); err != nil {
		return nil, fmt.Errorf("preparing the build: %w", err)
	}
	dirs := make(map[string]fsutil.FS, len(opt.LocalMounts))
	for name, files := range opt.LocalMounts {
		dirs[name], err = fsutil.NewFilterFS(files, &fsutil.FilterOpt{Map: func(_ string, st *fstypes.Stat) fsutil.MapResult {
			st.Uid, st.Gid = 0, 0
			return fsutil.MapResultKeep
		}})
		if err != nil {
			return nil, fmt.Errorf("preparing the directory %q of the build: %w", name, err)
		}
	}
	return to.Share(opt.SharedSession.ID(), dirs), nil
}

// refuseForeignSyntax lets `# syntax=docker/dockerfile:…` pass, which the
// built-in front end serves, and refuses every other front-end image: it would
// be code from a registry with the rights of the engine (CVE-2026-33747).
func refuseForeignSyntax(text []byte) error {
	ref, _, _, ok := parser.DetectSyntax(text)
	if !ok {
		return nil
	}
	name := strings.TrimPrefix(ref, "docker.io/")
	if name == "docker/dockerfile" || strings.HasPrefix(name, "docker/dockerfile:") {
		return nil
	}
	return diag.Fail(diag.ExitUsage, "the Dockerfile requires the foreign front end %q", ref).
		WithHint("remove its `# syntax=` line; slipway has the Dockerfile front end built in")
}

// solveOptions turns a request into BuildKit's terms. The returned function
// ends the output: it keeps a complete file and removes a partial one. A context
// that cannot be read calls stop, for BuildKit waits for it for ever.
func solveOptions(req engine.Request, images content.Store, store secrets.SecretStore, stop context.CancelCauseFunc) (*client.SolveOpt, func(ok bool, err error) error, error) {
	dir, err := contextFS(req.Context)
	if err != nil {
		return nil, nil, diag.Fail(diag.ExitUsage, "the build context %s cannot be read", req.Context).Because(err)
	}
	files := fsutil.FS(dir)
	if req.GitModes {
		if files, err = fsutil.NewFilterFS(files, &fsutil.FilterOpt{Map: gitMode}); err != nil {
			return nil, nil, fmt.Errorf("reading the build context %s: %w", req.Context, err)
		}
	}
	export, endOutput, err := exportEntry(req, images)
	if err != nil {
		return nil, nil, err
	}
	whole := &wholeFS{FS: files, dir: req.Context, stop: stop, close: dir.Close}
	named, err := namedContexts(req.Named, stop)
	if err != nil {
		return nil, nil, endOutput(false, err)
	}
	finish := func(ok bool, err error) error {
		err = endOutput(ok, err)
		for _, w := range append(named.whole, whole) {
			defer w.end()
			if failed := w.failure(); err != nil && failed != nil {
				return failed // BuildKit's error is its echo
			}
		}
		return err
	}
	mounts, err := localMounts(req, whole)
	if err != nil {
		return nil, nil, endOutput(false, err)
	}
	maps.Copy(mounts, named.mounts)
	maps.Copy(named.stores, map[string]content.Store{storeID: images})
	agents, err := sshAgents(req.Steps.SSH)
	if err != nil {
		return nil, nil, endOutput(false, err)
	}
	attrs := frontendAttrs(req)
	maps.Copy(attrs, named.attrs)
	opt := &client.SolveOpt{
		Frontend:            "dockerfile.v0",
		FrontendAttrs:       attrs,
		LocalMounts:         mounts,
		OCIStores:           named.stores,
		SharedKey:           strings.TrimSuffix(req.Context+"#"+req.ContextKey, "#"),
		AllowedEntitlements: entitlements(req.Steps),
		Session: append(agents,
			secretsprovider.NewSecretProvider(store),
			newLogins(),
		),
	}
	if export != nil {
		opt.Exports = []client.ExportEntry{*export}
	}
	return opt, finish, nil
}

// gitMode gives an entry the mode that git keeps: 0755 for directories and what
// is executable, else 0644. A checkout's umask would reach the image otherwise,
// and with 077 the service could not read its own files.
func gitMode(_ string, st *fstypes.Stat) fsutil.MapResult {
	switch mode := fs.FileMode(st.Mode); {
	case mode.IsDir(), mode.IsRegular() && mode&0o111 != 0:
		st.Mode = uint32(mode.Type() | 0o755)
	case mode.IsRegular():
		st.Mode = 0o644
	}
	return fsutil.MapResultKeep
}

func secretSources(req engine.Request) (secrets.SecretStore, error) {
	sources := make([]secretsprovider.Source, 0, len(req.Secrets))
	for _, s := range req.Secrets {
		sources = append(sources, secretsprovider.Source{ID: s.ID, FilePath: s.File, Env: s.Env})
	}
	store, err := secretsprovider.NewStore(sources)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "a build secret cannot be read").Because(err).
			WithHint("--secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE")
	}
	return withCompanions(store, req.Steps.Companions)
}

// localMounts are the directories that the build may read, by name: the context,
// and from memory the Dockerfile with its ignore file and the named contexts.
func localMounts(req engine.Request, whole fsutil.FS) (map[string]fsutil.FS, error) {
	mounts := map[string]fsutil.FS{"context": whole, "dockerfile": memoryFS(map[string][]byte{
		"Dockerfile":              req.Dockerfile,
		"Dockerfile.dockerignore": []byte(strings.Join(req.Ignore, "\n") + "\n"),
	})}
	for name, read := range req.Contexts {
		files, err := read()
		if err != nil {
			return nil, fmt.Errorf("the context %q of the build: %w", name, err)
		}
		mounts[name] = memoryFS(files)
	}
	return mounts, nil
}

// memoryFS serves files from memory. BuildKit takes a file of the same size and
// time for the one that it has, so the time comes from the content.
func memoryFS(files map[string][]byte) fsutil.FS {
	out := staticfs.NewFS()
	for name, data := range files {
		sum := sha256.Sum256(data)
		modified := int64(binary.BigEndian.Uint64(sum[:]) >> 2) // nanoseconds, before 2116
		out.Add(name, &fstypes.Stat{Path: name, Mode: 0o644, Size: int64(len(data)), ModTime: modified}, data)
	}
	return exactFS{out}
}

// exactFS keeps a walk of one file to that file: staticfs takes the target for
// a prefix, so that "Dockerfile" would yield "Dockerfile.dockerignore" too.
type exactFS struct{ *staticfs.FS }

// Walk implements fsutil.FS.
func (f exactFS) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	name := strings.TrimPrefix(target, "/")
	return f.FS.Walk(ctx, target, func(path string, entry fs.DirEntry, err error) error {
		if name != "" && path != name && !strings.HasPrefix(path, name+"/") {
			return nil
		}
		return fn(path, entry, err)
	})
}

// cacheNamespace begins the identity of each cache mount of a build
// (frontend/dockerui/config.go, as of 0.33). A Dockerfile cannot set it.
const cacheNamespace = "build-arg:BUILDKIT_CACHE_MOUNT_NS"

func frontendAttrs(req engine.Request) map[string]string {
	attrs := map[string]string{
		"filename": "Dockerfile",
		"cmdline":  "dockerfile.v0", // the built-in front end, whatever `# syntax=` says
		"target":   req.Target,
	}
	if scope := cmp.Or(req.CacheScope, req.Repository); scope != "" {
		attrs[cacheNamespace] = scope
	}
	for k, v := range req.Args {
		attrs["build-arg:"+k] = v
	}
	if _, ok := req.Args["SOURCE_DATE_EPOCH"]; !ok {
		attrs["build-arg:SOURCE_DATE_EPOCH"] = strconv.FormatInt(epochSeconds(req.Epoch), 10)
	}
	for k, v := range req.Labels {
		attrs["label:"+k] = v
	}
	for name, at := range req.Bases {
		if strings.HasPrefix(at, "sha256:") {
			at = "oci-layout://" + storeID + "@" + at
		}
		attrs["context:"+contextName(name)] = at
	}
	for name := range req.Contexts {
		attrs["context:"+name] = "local:" + name
	}
	if len(req.Platforms) > 0 {
		attrs["platform"] = strings.Join(req.Platforms, ",")
	}
	if len(req.Platforms) > 1 {
		attrs["multi-platform"] = "true"
	}
	if len(req.NoCacheOf) > 0 {
		attrs["no-cache"] = strings.Join(req.NoCacheOf, ",")
	}
	if req.NoCache {
		attrs["no-cache"] = ""
	}
	if req.Pull {
		attrs["image-resolve-mode"] = "pull"
	}
	stepAttrs(attrs, req.Steps)
	return attrs
}

// contextName returns the name by which BuildKit looks for a named context: the
// familiar form, without the tag "latest".
func contextName(name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return strings.TrimSuffix(reference.FamiliarString(ref), ":latest")
}

func epochSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
