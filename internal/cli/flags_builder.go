package cli

import (
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine/remote"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/ram"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/state"
)

// builderFlags choose where builds run and which caches in registries they use.
type builderFlags struct {
	addresses          []string
	certs              string
	cacheFrom, cacheTo []string
}

func (f *builderFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.addresses, "builder", nil, "build on a remote BuildKit: unix://, tcp://, docker-container:// or kube-pod://; repeat it for a pool (default: $SLIPWAY_BUILDER)")
	fl.StringVar(&f.certs, "builder-certs", "", "directory with ca.pem, cert.pem and key.pem for tcp:// (default: $SLIPWAY_BUILDER_CERTS)")
	fl.StringArrayVar(&f.cacheFrom, "cache-from", nil, "import a build cache: type=registry,ref=REF or type=local,src=DIR; {service} is replaced by the service's name")
	fl.StringArrayVar(&f.cacheTo, "cache-to", nil, "export a build cache: type=registry,ref=REF,mode=max, type=local,dest=DIR or type=inline")
}

// registerPrediction registers what decides what a build would find changed: where
// it runs. Certificates and caches do not.
func (f *builderFlags) registerPrediction(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.addresses, "builder", nil, "predict a build on this BuildKit, without connecting to it (default: $SLIPWAY_BUILDER)")
}

// check refuses what is not the address of a builder, as opening it would.
func (f builderFlags) check() error {
	for _, text := range f.addresses {
		if _, err := remote.ParseAddress(text, f.certs); err != nil {
			return err
		}
	}
	return nil
}

// elsewhere tells whether a command with the flags builds on other BuildKits.
func (a *app) elsewhere(f builderFlags) bool { return len(a.builders(f).Addresses) > 0 }

// builders returns the BuildKits that flags or the environment name; none means the
// embedded engine.
func (a *app) builders(f builderFlags) state.Builders {
	b := state.Builders{Addresses: f.addresses, Certs: f.certs}
	if len(b.Addresses) == 0 {
		for _, s := range strings.Split(a.Getenv("SLIPWAY_BUILDER"), ",") {
			if s = strings.TrimSpace(s); s != "" {
				b.Addresses = append(b.Addresses, s)
			}
		}
	}
	if b.Certs == "" {
		b.Certs = a.Getenv("SLIPWAY_BUILDER_CERTS")
	}
	if b.Certs != "" {
		b.Certs = a.path(b.Certs)
	}
	return b
}

// addCaches gives each job its caches. Two services cannot write to one. Machines that
// use one cache agree on the names of cache mounts, which are part of the keys of
// steps: the cache stands for the path of the repository.
func (a *app) addCaches(root string, jobs []pipeline.Job, f builderFlags) error {
	const mark = "{service}"
	for _, to := range f.cacheTo {
		if len(jobs) > 1 && !strings.Contains(to, mark) {
			return diag.Fail(diag.ExitUsage, "--cache-to %s would keep only the cache of the last of %d services", to, len(jobs)).
				WithHint("include %s, such as type=registry,ref=registry.example/cache:%s", mark, mark)
		}
	}
	scope := ""
	if all := append(slices.Clone(f.cacheFrom), f.cacheTo...); len(all) > 0 {
		scope = repository.IDOf("cache", cacheName(all[0]), repository.Origin(root))
	}
	for i := range jobs {
		req := &jobs[i].Request
		if req.Repository != "" { // else all share
			req.CacheScope = scope
		}
		for _, from := range f.cacheFrom {
			req.CacheFrom = append(req.CacheFrom, a.cachePath(strings.ReplaceAll(from, mark, req.Name)))
		}
		for _, to := range f.cacheTo {
			req.CacheTo = append(req.CacheTo, a.cachePath(strings.ReplaceAll(to, mark, req.Name)))
		}
	}
	return nil
}

// cacheName is where a cache is, however it is used: its reference in a registry, or
// its directory.
func cacheName(cache string) string {
	for _, field := range strings.Split(cache, ",") {
		if key, value, ok := strings.Cut(field, "="); ok && slices.Contains([]string{"ref", "src", "dest"}, strings.TrimSpace(key)) {
			return value
		}
	}
	return cache
}

// cachePath makes the directory of a local cache absolute.
func (a *app) cachePath(cache string) string {
	fields := strings.Split(cache, ",")
	if !slices.Contains(fields, "type=local") {
		return cache
	}
	for i, field := range fields {
		if key, value, ok := strings.Cut(field, "="); ok && (key == "src" || key == "dest") {
			fields[i] = key + "=" + a.path(value)
		}
	}
	return strings.Join(fields, ",")
}

// parallel returns the number of services to build at once: on machines that are
// there to build, four each.
func (a *app) parallel(f buildFlags) int {
	if f.parallel > 0 {
		return f.parallel
	}
	return max(2, runtime.NumCPU(), 4*len(a.builders(f.builder).Addresses))
}

// memoryToBuild finds out how many bytes services may take which build at once:
// four fifths of what is free, for the engine itself and what else runs need some
// too. It is nil for builders elsewhere, whose memory is theirs.
func (a *app) memoryToBuild(f builderFlags) func() int64 {
	if a.elsewhere(f) {
		return nil
	}
	return func() int64 { return ram.Available(os.DirFS("/")) / 5 * 4 }
}
