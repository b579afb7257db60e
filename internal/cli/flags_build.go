package cli

import (
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/host"
)

// buildFlags are the flags of `slipway build`.
type buildFlags struct {
	fleetFlags
	dockerFlags
	builder     builderFlags
	parallel    int
	push        bool
	load        bool
	insecure    bool
	json        bool
	dryRun      bool
	keepGoing   bool
	noCache     bool
	force       bool
	maxUnpacked string

	file    string
	target  string
	args    []string
	labels  []string
	secrets []string

	attest  bool // keep provenance
	sign    bool
	key     string
	keyless keylessFlags

	outputs     []string
	to          destination // after applyOutputs
	compression string      // of layers, as --output says
}

func (f *buildFlags) register(cmd *cobra.Command) {
	f.fleetFlags.register(cmd)
	fl := cmd.Flags()
	fl.Lookup("tag").Value = tagFlag{&f.Tag, &f.tags}
	fl.Lookup("tag").Usage = "image tag; for a directory, the image name, which may be repeated"
	f.dockerFlags.register(cmd)
	fl.IntVar(&f.parallel, "parallel", 0, "maximum services built at once; fewer when their recorded memory would not fit (default: the number of cores, at least 2; with --builder, at least 4 per builder, whatever its memory)")
	fl.BoolVar(&f.push, "push", false, "push each image after its build")
	fl.BoolVar(&f.load, "load", false, "load each image into Docker's engine (DOCKER_HOST) after its build")
	fl.VarPF(&attestFlag{&f.attest}, "attest", "", "keep the provenance and SBOM of each image beside it; see slipway evidence").NoOptDefVal = "true"
	for _, name := range []string{"provenance", "sbom"} {
		hidden(fl, fl.VarPF(&attestFlag{&f.attest}, name, "", "the same as --attest")).NoOptDefVal = "true"
	}
	fl.BoolVar(&f.sign, "sign", false, "sign each image, and the statements about it, before a push")
	fl.StringVar(&f.key, "key", "", "private key of --sign: a file, or env://NAME (also $SLIPWAY_KEY)")
	f.keyless.registerSwitch(fl, keylessSwitch)
	fl.BoolVar(&f.insecure, "insecure", false, "allow plain HTTP and unverified TLS to the registry")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print what would be built, without building it")
	fl.BoolVar(&f.keepGoing, "keep-going", false, "continue with the other services when one fails")
	fl.BoolVar(&f.noCache, "no-cache", false, "run every step, ignoring cached results")
	fl.BoolVar(&f.force, "force", false, "run the build even when nothing changed; cached steps stay cached")
	fl.StringVar(&f.maxUnpacked, "max-unpacked", "", "maximum size that an image, an archive of ADD, or an archive or git repository with the build context unpacks to, such as 50GB (default: 20GB, or a tenth of the free disk if that is more)")
	fl.StringVarP(&f.file, "file", "f", "", "Dockerfile to build; - is standard input, and it may be a URL (default: DIR/Dockerfile)")
	fl.StringVar(&f.target, "target", "", "build up to this stage")
	fl.StringArrayVar(&f.args, "build-arg", nil, "build argument NAME=VALUE; NAME alone takes the environment's value, else the default of its ARG")
	fl.StringArrayVar(&f.labels, "label", nil, "set an image label, NAME=VALUE")
	fl.StringArrayVar(&f.secrets, "secret", nil, "secret for steps that mount it: id=NAME,src=FILE or id=NAME,env=VARIABLE; id=NAME alone takes the variable NAME, else the file NAME")
	f.builder.register(cmd)
	fl.StringArrayVarP(&f.outputs, "output", "o", nil, "write the result: type=local|tar|oci|docker,dest=PATH, or a directory; - is a tar file on standard output")
}

// request is what the flags say about every build of the command.
func (a *app) request(f buildFlags) (engine.Request, error) {
	req := engine.Request{Target: f.target, NoCache: f.noCache, NoCacheOf: f.noCacheOf, Pull: f.pull, Compression: f.compression}
	_, err := fleet.ParseScope(a.Getenv("SLIPWAY_CACHE_SCOPE"))
	if err != nil {
		return req, err
	}
	if _, err := host.Trusts(a.Getenv, a.Dir, ""); err != nil {
		return req, err
	}
	if req.Steps, err = a.steps(f.dockerFlags); err != nil {
		return req, err
	}
	if req.Args, err = assignments("--build-arg", f.args, a.lookup); err != nil {
		return req, err
	}
	if req.Labels, err = assignments("--label", f.labels, blank); err != nil {
		return req, err
	}
	req.Secrets, err = a.parseSecrets(f.secrets)
	return req, err
}

// afresh says why earlier builds are not asked for, if so.
func (f buildFlags) afresh() string {
	switch {
	case f.noCache:
		return "--no-cache"
	case f.force:
		return "--force"
	case len(f.builder.cacheTo) > 0:
		return "--cache-to"
	case len(f.noCacheOf) > 0:
		return "--no-cache-filter"
	case f.pull:
		return "--pull"
	case len(f.contexts) > 0:
		return "--build-context" // may hold anything
	}
	return ""
}

// warnUnusedArgs says which build arguments no ARG of the Dockerfile takes.
func (a *app) warnUnusedArgs(given map[string]string, declared []string) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(declared, name) || dockerfile.PredefinedArg(name) {
			continue
		}
		text := fmt.Sprintf("warning: build argument %s is unused: the Dockerfile has no ARG %s", name, name)
		if near := diag.Nearest(name, declared); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		fmt.Fprintln(a.Stderr, text)
	}
}

// assignments parses NAME=VALUE words. NAME alone takes the value that lookup
// finds and is left out when there is none, as with docker build: then the ARG
// has its default.
func assignments(flag string, words []string, lookup func(string) (string, bool)) (map[string]string, error) {
	out := map[string]string{}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if name == "" {
			return nil, diag.Fail(diag.ExitUsage, "%s %q lacks a name", flag, w).WithHint("%s NAME=VALUE", flag)
		}
		if !ok {
			value, ok = lookup(name)
		}
		if ok {
			out[name] = value
		}
	}
	return out, nil
}

// blank finds every name, without a value: a label is not taken from the
// environment.
func blank(string) (string, bool) { return "", true }

// parseSecrets parses --secret id=NAME[,type=file|env][,src=FILE|,env=VARIABLE].
func (a *app) parseSecrets(words []string) ([]engine.Secret, error) {
	var out []engine.Secret
	for _, w := range words {
		s, err := a.parseSecret(w)
		if err != nil {
			return nil, err
		}
		if _, set := a.lookup(s.Env); s.File == "" && !set {
			return nil, diag.Fail(diag.ExitUsage, "secret %s has no value: variable %s is not set", s.ID, s.Env).
				WithHint("set it, or specify a file: --secret id=%s,src=FILE", s.ID)
		}
		out = append(out, s)
	}
	return out, nil
}

func (a *app) parseSecret(word string) (engine.Secret, error) {
	var s engine.Secret
	fields, err := csv.NewReader(strings.NewReader(word)).Read()
	if err != nil {
		return s, badSecret(word)
	}
	kind, source := "", ""
	for _, field := range fields {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "id":
			s.ID = value
		case "src", "source":
			source = value
		case "env":
			s.Env = value
		case "type":
			kind = value
		default:
			return s, badSecret(word)
		}
	}
	if s.ID == "" || !slices.Contains([]string{"", "file", "env"}, kind) || kind == "file" && s.Env != "" {
		return s, badSecret(word)
	}
	switch _, set := a.lookup(s.ID); {
	case source != "" && kind == "env":
		s.Env = source
	case source != "":
		s.File = a.path(source)
	case s.Env != "":
	case set || kind == "env":
		s.Env = s.ID
	default: // docker build takes the file of that name, where there is one
		if _, err := os.Stat(a.path(s.ID)); err == nil || kind == "file" {
			s.File = a.path(s.ID)
		} else {
			s.Env = s.ID
		}
	}
	return s, nil
}

func badSecret(word string) error {
	return diag.Fail(diag.ExitUsage, "invalid --secret %q", redactSecret(word)).
		WithHint("use --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE")
}

// redactSecret keeps the keys of a malformed --secret and hides the rest: the
// secret itself may have been written there.
func redactSecret(word string) string {
	fields := strings.Split(word, ",")
	for i, f := range fields {
		if key, _, ok := strings.Cut(f, "="); ok {
			fields[i] = key + "=…"
		} else {
			fields[i] = "…"
		}
	}
	return strings.Join(fields, ",")
}
