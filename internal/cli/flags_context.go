package cli

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/crash"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine/embedded/outbound"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/host"
	"github.com/slipway-build/slipway/internal/origin"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/state"
)

// source is what a build reads: services of a fleet, or one directory, which may
// come from elsewhere. Close it after the build.
type source struct {
	fleet.Loader
	fleet.Target
	text    *fleet.Text // Dockerfile that is no file
	history string      // key of earlier builds
	at      string      // address that it was fetched from
	id      string      // of a repository that is no directory of this machine
	git     bool        // a checkout, in which only the modes that git knows count
	named   map[string]string
	opened  []*origin.Context
}

// Close removes what came from elsewhere.
func (s *source) Close() error {
	var err error
	for _, c := range s.opened {
		err = errors.Join(err, c.Close())
	}
	return err
}

// source finds what the words of a command line mean: a directory or address as
// with docker build, or services of a fleet.
func (a *app) source(ctx context.Context, args []string, f buildFlags) (_ *source, err error) {
	s := &source{Loader: a.fleets()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if len(args) > 1 && f.file != "" {
		return nil, diag.Fail(diag.ExitUsage, "-f applies to one directory, not to %d", len(args)).WithHint("slipway build -f %s DIR", f.file)
	}
	if len(args) > 1 && slices.ContainsFunc(args, a.isAddress) {
		return nil, diag.Fail(diag.ExitUsage, "slipway builds one address at once, beside no other directory").WithHint("run slipway build for each")
	}
	if len(args) == 1 && args[0] == origin.Stdin && f.file == origin.Stdin {
		return nil, diag.Fail(diag.ExitUsage, "standard input cannot be both the Dockerfile and the build context").WithHint("slipway build - < Dockerfile, or slipway build -f - DIR < Dockerfile")
	}
	from := a.origins(f)
	if from.MaxBytes, err = a.state.UnpackLimit(f.maxUnpacked); err != nil {
		return nil, err
	}
	if err := a.nameContexts(ctx, s, from, f.contexts); err != nil {
		return nil, err
	}
	remote := len(args) == 1 && a.isAddress(args[0])
	switch {
	case remote:
		err = a.fetch(ctx, s, from, args[0], f)
	case f.file == "":
		s.Target, err = s.Resolve(args)
	default:
		s.Target, err = a.directory(args, f.file)
	}
	if err == nil && (f.file == origin.Stdin || isURL(f.file)) {
		s.text = &fleet.Text{Name: "Dockerfile from standard input"}
		if f.file != origin.Stdin {
			s.text.Name = origin.Redacted(f.file)
		}
		s.text.Content, err = from.Dockerfile(ctx, f.file)
	}
	if s.history == "" {
		s.history = s.Root
	}
	return s, err
}

func isURL(word string) bool {
	return strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://")
}

// isAddress reports whether a word is no directory or service, but an address or
// standard input.
func (a *app) isAddress(word string) bool {
	return origin.Is(word, func(dir string) bool {
		info, err := os.Stat(a.path(dir))
		return err == nil && info.IsDir()
	})
}

// origins is where contexts come from.
func (a *app) origins(f buildFlags) origin.Source {
	return origin.Source{
		Dir: filepath.Join(a.state.Path, "contexts"), Stdin: a.Stdin, Environ: os.Environ(),
		Trusted: func(address string) (bool, error) { return host.Trusts(a.Getenv, "", address) },
		Outside: func(ctx context.Context, to netip.AddrPort) bool {
			_, ok := outbound.Guard{}.Place(ctx, to)
			return ok
		},
		Secret: func(id string) (string, bool) {
			for _, word := range f.secrets {
				s, err := a.parseSecret(word)
				if err != nil || s.ID != id {
					continue
				}
				if s.File == "" {
					return a.lookup(s.Env)
				}
				data, err := os.ReadFile(s.File)
				return string(data), err == nil
			}
			return "", false
		},
	}
}

// directory is the target of one directory whose Dockerfile is named.
func (a *app) directory(args []string, file string) (fleet.Target, error) {
	dir := a.Dir
	if len(args) == 1 {
		dir = a.path(args[0])
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fleet.Target{}, diag.Fail(diag.ExitUsage, "directory not found: %s", args[0]).WithHint("slipway build -f %s DIR", file)
	}
	return fleet.Target{Root: dir, OwnDockerfile: true, Named: true}, nil
}

// fetch brings a context here. What lies in it is built as if it were a directory
// of this machine: from its Dockerfile, its slipway.yaml, or a plan.
func (a *app) fetch(ctx context.Context, s *source, from origin.Source, word string, f buildFlags) error {
	c, err := from.Fetch(ctx, word)
	if err != nil {
		return err
	}
	s.opened = append(s.opened, c)
	s.Dir, s.history, s.git = c.Dir, c.From, c.Git
	s.at, s.id = word, a.idOf(word, f)
	s.Target = fleet.Target{Root: c.Dir, OwnDockerfile: true, Named: true}
	switch {
	case c.Dockerfile != nil && f.file != "":
		return diag.Fail(diag.ExitUsage, "%s is a Dockerfile, so -f names a second one", c.From).WithHint("remove -f, or give an archive as the build context")
	case c.Dockerfile != nil:
		s.text = &fleet.Text{Name: "Dockerfile from " + c.From, Content: c.Dockerfile}
		if word != origin.Stdin {
			s.text.Name = c.From
		}
	case f.file == "":
		s.Target, err = s.Resolve(nil)
	}
	return err
}

// idOf names the repository at an address: the same at all of its branches. What
// standard input holds says nothing of where it comes from, so where it is built and
// as what has to do.
func (a *app) idOf(word string, f buildFlags) string {
	if word == origin.Stdin {
		return repository.IDOf("standard input", append([]string{a.Dir, f.Tag}, f.tags...)...)
	}
	if git, is, err := dockerfile.ParseGit(word); is && err == nil {
		return repository.IDOf("git", plaintext.WithoutLogins(git.Remote))
	}
	return repository.IDOf("address", origin.Redacted(word))
}

// nameContexts reads --build-context NAME=DIR|ADDRESS. Images are for the engine to
// read; repositories and archives come here first.
func (a *app) nameContexts(ctx context.Context, s *source, from origin.Source, words []string) error {
	for _, w := range words {
		name, at, ok := strings.Cut(w, "=")
		if !ok || name == "" || at == "" {
			return diag.Fail(diag.ExitUsage, "invalid --build-context %q", origin.Redacted(w)).WithHint("--build-context NAME=DIR, or NAME=docker-image://IMAGE, oci-layout://DIR, a git repository, a URL")
		}
		layout, isLayout := strings.CutPrefix(at, "oci-layout://")
		switch {
		case strings.HasPrefix(at, "docker-image://"):
		case isLayout:
			at = "oci-layout://" + a.path(layout)
		case at != origin.Stdin && a.isAddress(at):
			c, err := from.Fetch(ctx, at)
			if err != nil {
				return err
			}
			s.opened = append(s.opened, c)
			if c.Dockerfile != nil {
				return diag.Fail(diag.ExitUsage, "the build context %s is one file, not an archive: %s", name, c.From).WithHint("ADD in the Dockerfile downloads one file")
			}
			at = c.Dir
		default:
			at = a.path(strings.TrimPrefix(at, "local:"))
			if info, err := os.Stat(at); err != nil || !info.IsDir() {
				return diag.Fail(diag.ExitUsage, "the directory of --build-context %s was not found", w).WithHint("--build-context %s=DIR", name)
			}
		}
		if s.named == nil {
			s.named = map[string]string{}
		}
		s.named[strings.ToLower(name)] = at // as BuildKit writes the names of stages
	}
	return nil
}

// file is the path of the Dockerfile that -f names: relative to this directory, or
// to the root of a context from elsewhere. It is empty for the directory's own.
func (a *app) file(s *source, file string) string {
	switch {
	case file == "" || s.text != nil:
		return ""
	case s.Dir != a.Dir && !filepath.IsAbs(file):
		return filepath.Join(s.Dir, file)
	}
	return a.path(file)
}

// engine is where the repository is built; it opens when it is needed, or at once
// where steps of a killed build may still run, though nothing may have to be built.
func (a *app) engine(ctx context.Context, src *source, f buildFlags, sink event.Sink) (*state.LazyEngine, error) {
	trusted, err := host.Trusts(a.Getenv, src.Root, src.at)
	if err != nil {
		return nil, err
	}
	b := a.builders(f.builder)
	b.Steps = state.StepRights{HostNetwork: f.hostNetwork(), Trusted: trusted, MaxUnpacked: f.maxUnpacked}
	eng := &state.LazyEngine{Open: func() (state.Engine, error) {
		if a.Kept == nil { // else the process that asked for the command says that this one has died
			crash.Watch(a.state.Path) // goroutines of BuildKit may panic
		}
		collectOften()
		return a.state.Open(ctx, b, sink)
	}}
	if !a.elsewhere(f.builder) && a.state.Abandoned() {
		_, err = eng.Get()
	}
	return eng, err
}

// collectOften saves a fifth of the memory of a fleet's build for a hundredth of its time:
// the garbage of several layers that are compressed and read at the same time.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(60)
	}
}

// namedBy is the repository whose files say what the images of jobs are called;
// empty where the command line does, or the owner of the machine trusts it.
func (a *app) namedBy(src *source, jobs []pipeline.Job, f buildFlags) string {
	trusted, err := host.Trusts(a.Getenv, src.Root, src.at)
	if len(jobs) == 0 || err == nil && trusted || src.OwnDockerfile && f.Tag != "" {
		return ""
	}
	return jobs[0].Request.Repository
}
