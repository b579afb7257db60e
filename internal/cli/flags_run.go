package cli

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dotenv"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/repository"
)

// runFlags are the flags of `slipway run`.
type runFlags struct {
	fleetFlags
	publish      []string
	env          []string
	envFiles     []string
	memory       string
	pids         int64
	rawSockets   bool
	name         string
	untilHealthy bool
	detach       bool
	timeout      time.Duration
	maxUnpacked  string
	raw          bool
}

func (f *runFlags) register(cmd *cobra.Command) {
	f.fleetFlags.register(cmd)
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.publish, "publish", "p", nil, "publish a port, [SERVICE=][IP:]HOST:CONTAINER; may be repeated")
	fl.StringArrayVarP(&f.env, "env", "e", nil, "set a variable, [SERVICE:]NAME=VALUE; NAME alone takes this shell's value, if it is set; may be repeated")
	fl.StringArrayVar(&f.envFiles, "env-file", nil, "read variables from [SERVICE:]FILE, NAME=VALUE lines; --env overrides it; may be repeated")
	fl.StringVar(&f.memory, "memory", "", "memory limit per service, such as 512Mi; overrides slipway.yaml (default: the machine's memory less a tenth)")
	fl.Int64Var(&f.pids, "pids-limit", 0, "maximum processes and threads per service (default 4096)")
	fl.BoolVar(&f.rawSockets, "raw-sockets", false, "let services that run as root open raw and packet sockets (CAP_NET_RAW)")
	fl.StringVar(&f.name, "name", "", "group name (default: the fleet's or the first image's)")
	fl.BoolVar(&f.untilHealthy, "until-healthy", false, "wait until every service is healthy")
	fl.BoolVar(&f.raw, "raw", false, "print the services' output unchanged, with all control characters; by default only colours are kept")
	fl.BoolVarP(&f.detach, "detach", "d", false, "run in the background")
	fl.StringVar(&f.maxUnpacked, "max-unpacked", "", "maximum size that an image unpacks to, such as 50GB (default: 20GB, or a tenth of the free disk if that is more)")
	fl.DurationVar(&f.timeout, "timeout", 0, "maximum wait of --until-healthy (default: until each service is healthy or unhealthy, one minute without a health check)")
}

// check refuses flags that cannot be meant.
func (f *runFlags) check() error {
	switch {
	case f.timeout < 0:
		return diag.Fail(diag.ExitUsage, "--timeout %s is negative", f.timeout).WithHint("--timeout 2m")
	case f.pids < 0:
		return diag.Fail(diag.ExitUsage, "--pids-limit %d is negative", f.pids).WithHint("--pids-limit 10000")
	case len(f.Platforms) > 1:
		return diag.Fail(diag.ExitUsage, "a run takes one platform, not %d", len(f.Platforms)).WithHint("--platform %s", f.Platforms[0])
	}
	return nil
}

// variables reads --env-file and --env, in this order: the later ones win.
func (a *app) variables(f runFlags, services []localrun.Spec) ([]localrun.Variable, error) {
	var out []localrun.Variable
	for _, text := range f.envFiles {
		list, err := a.envFile(text, services)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	for _, text := range f.env {
		v, err := localrun.ParseVariable(text, a.lookup)
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "--env").Because(err).WithHint("--env NAME=VALUE, or for one service: --env SERVICE:NAME=VALUE")
		}
		out = append(out, v)
	}
	return out, nil
}

// envFile reads a file of --env-file, [SERVICE:]FILE.
func (a *app) envFile(text string, services []localrun.Spec) ([]localrun.Variable, error) {
	service, name, named := strings.Cut(text, ":")
	if !named || !slices.ContainsFunc(services, func(s localrun.Spec) bool { return s.Name == service }) {
		service, name = "", text
	}
	data, err := repository.ReadNamed(a.path(name), a.Dir)
	if err != nil {
		f := diag.Fail(diag.ExitUsage, "reading --env-file %s", name).Because(err)
		if named && service == "" && errors.Is(err, fs.ErrNotExist) {
			return nil, f.WithHint("no file and no service has that name; use --env-file SERVICE:FILE")
		}
		return nil, f
	}
	list, findings := dotenv.Parse(name, data)
	if err := findings.Errors(); err != nil {
		return nil, err
	}
	env := map[string]string{}
	dotenv.Apply(env, list, a.lookup)
	var out []localrun.Variable
	for name, value := range env {
		out = append(out, localrun.Variable{Service: service, Name: name, Value: value})
	}
	return out, nil
}

// lookup reads a variable of this process; unset and empty differ.
func (a *app) lookup(name string) (string, bool) {
	if a.LookupEnv != nil {
		return a.LookupEnv(name)
	}
	value := a.Getenv(name)
	return value, value != ""
}

// warnUnserved warns of variables that name a host that nobody serves.
func (a *app) warnUnserved(ctx context.Context, store *image.Store, g localrun.Group) {
	const patience = time.Second // for all look-ups together
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	envs := map[string]map[string]string{}
	for _, s := range g.Services {
		env := map[string]string{}
		for _, e := range imageConfig(ctx, store, s.Image, s.Platform).Env {
			name, value, _ := strings.Cut(e, "=")
			env[name] = value
		}
		for name, value := range s.Env {
			env[name] = value
		}
		for _, name := range s.Unset {
			delete(env, name)
		}
		envs[s.Name] = env
	}
	a.warn(localrun.Unserved(g, envs, func(host string) bool { return resolves(ctx, host) }))
}

// resolves reports whether a name is found. One with a dot is taken for found
// unless a name server says that it does not exist: the machine may be offline.
func resolves(ctx context.Context, host string) bool {
	_, err := net.DefaultResolver.LookupHost(ctx, host)
	if err == nil {
		return true
	}
	missing := (*net.DNSError)(nil)
	return strings.Contains(host, ".") && !(errors.As(err, &missing) && missing.IsNotFound)
}

// imageConfig is that of an image; empty when it cannot be read, as starting it
// will say.
func imageConfig(ctx context.Context, store *image.Store, name, platform string) v1.Config {
	img, err := store.Image(ctx, name, platform)
	if err != nil {
		return v1.Config{}
	}
	file, err := img.ConfigFile()
	if err != nil || file == nil {
		return v1.Config{}
	}
	return file.Config
}
