package cli

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/image"
)

// dockerFlags are the flags that `slipway build` shares with `docker build`, beyond
// those that fleets need.
type dockerFlags struct {
	tags      []string // further names of the image
	contexts  []string
	ssh       []string
	hosts     []string
	ulimits   []string
	noCacheOf []string
	allow     []string
	limits    map[string]string // by the names of BuildKit's front end

	network, shmSize, cgroupParent string
	iidFile, metadataFile          string
	progress                       string
	pull, quiet                    bool
}

func (f *dockerFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.contexts, "build-context", nil, "further build context NAME=DIR, or an address: docker-image://, oci-layout://, a git repository, a URL")
	fl.StringArrayVar(&f.ssh, "ssh", nil, "SSH agent or keys for steps that mount them: default, or ID=SOCKET|KEY[,KEY]")
	fl.StringSliceVar(&f.hosts, "add-host", nil, "line of /etc/hosts in every step, NAME:ADDRESS")
	fl.StringVar(&f.network, "network", "", "network of steps: none, or host for the one of this machine; by default their own, which leads out only")
	fl.StringVar(&f.shmSize, "shm-size", "", "size of /dev/shm in steps, such as 256m")
	fl.StringArrayVar(&f.ulimits, "ulimit", nil, "limit of steps, such as nofile=1024:2048")
	fl.StringVar(&f.cgroupParent, "cgroup-parent", "", "control group above those of steps")
	fl.StringSliceVar(&f.allow, "allow", nil, "let steps ask for network.host or security.insecure")
	fl.StringSliceVar(&f.noCacheOf, "no-cache-filter", nil, "run every step of these stages, ignoring cached results")
	fl.BoolVar(&f.pull, "pull", false, "ask registries for newer images, whatever the cache has")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print only the image ID; with --load, the ID that Docker uses")
	fl.StringVar(&f.progress, "progress", "auto", "progress output: auto, plain, tty or quiet")
	fl.StringVar(&f.iidFile, "iidfile", "", "write the image ID to FILE")
	fl.StringVar(&f.metadataFile, "metadata-file", "", "write digest, size and names of the image to FILE as JSON")
	fl.Var(&limitFlag{f, ""}, "resource", "limit of steps: memory=2g, cpu-quota=50000 and others")
	for _, name := range []string{"memory", "memory-swap", "cpu-shares", "cpu-period", "cpu-quota", "cpuset-cpus", "cpuset-mems"} {
		short := map[string]string{"memory": "m", "cpu-shares": "c"}[name]
		hidden(fl, fl.VarPF(&limitFlag{f, name}, name, short, "limit of steps; --resource "+name+"=VALUE is the same"))
	}
	for _, name := range []string{"compress", "rm", "force-rm", "disable-content-trust"} { // of builders before BuildKit
		hidden(fl, fl.VarPF(&uselessFlag{}, name, "", "accepted for docker build; has no effect")).NoOptDefVal = "true"
	}
	for _, r := range refusals() {
		flag := hidden(fl, fl.VarPF(r, r.name, r.short, "refused: "+r.why))
		if r.toggle {
			flag.NoOptDefVal = "true"
		}
	}
}

// hidden leaves a flag out of the help.
func hidden(fl *pflag.FlagSet, flag *pflag.Flag) *pflag.Flag {
	_ = fl.MarkHidden(flag.Name) // it was just made
	return flag
}

// uselessFlag is a flag of docker build that changes nothing there either.
type uselessFlag struct{}

// String implements pflag.Value.
func (uselessFlag) String() string { return "" }

// Set implements pflag.Value.
func (uselessFlag) Set(string) error { return nil }

// Type implements pflag.Value.
func (uselessFlag) Type() string { return "bool" }

// refusedFlag is a flag of docker build that Slipway refuses, with its reason and what
// to use, unless its value asks for nothing.
type refusedFlag struct {
	name, short  string
	why, instead string
	nothing      func(value string) bool // nil: every value asks for something
	toggle       bool                    // needs no value
}

// String implements pflag.Value.
func (r refusedFlag) String() string { return "" }

// Type implements pflag.Value.
func (r refusedFlag) Type() string { return "string" }

// Set implements pflag.Value.
func (r refusedFlag) Set(value string) error {
	if r.nothing != nil && r.nothing(value) {
		return nil
	}
	return diag.Fail(diag.ExitUsage, "--%s is not supported: %s", r.name, r.why).WithHint("%s", r.instead)
}

func off(value string) bool { return value == "false" || value == "0" }

// refusals are the flags of docker build and of builders before it that ask for
// what Slipway does not do.
func refusals() []refusedFlag {
	is := func(want string) func(string) bool { return func(v string) bool { return v == want || v == "" } }
	return []refusedFlag{
		{name: "annotation", why: "Slipway writes no annotations", instead: "--label NAME=VALUE sets a label, which tools read as well"},
		{name: "call", why: "Slipway evaluates Dockerfiles only to build them", instead: "slipway build --dry-run checks the Dockerfile and lists its stages", nothing: is("build")},
		{name: "print", why: "Slipway evaluates Dockerfiles only to build them", instead: "slipway build --dry-run checks the Dockerfile and lists its stages"},
		{name: "check", why: "Slipway has no rules for Dockerfiles of your own", instead: "slipway build --dry-run checks the syntax, bases and stages", nothing: off, toggle: true},
		{name: "debug", short: "D", why: "Slipway writes no debug log", instead: "--progress plain prints the output of steps; --trace FILE writes what took how long", nothing: off, toggle: true},
		{name: "policy", why: "Slipway evaluates no policies of buildx", instead: "check the Dockerfile before the build, for example with conftest"},
		{name: "squash", why: "BuildKit cannot squash layers", instead: "copy the result into a last stage: FROM scratch, COPY --from=…", nothing: off, toggle: true},
		{name: "security-opt", why: "BuildKit ignores it", instead: "RUN --security=insecure in the Dockerfile, with --allow security.insecure"},
		{name: "isolation", why: "only Windows has isolation modes", instead: "remove it", nothing: is("default")},
	}
}

// limitFlag collects limits of memory and processors.
type limitFlag struct {
	to   *dockerFlags
	name string // empty: the value has it
}

// String implements pflag.Value.
func (l *limitFlag) String() string { return "" }

// Type implements pflag.Value.
func (l *limitFlag) Type() string { return "string" }

// Set implements pflag.Value.
func (l *limitFlag) Set(value string) error {
	if l.name != "" {
		return l.to.limit(l.name, value)
	}
	for _, field := range strings.Split(value, ",") {
		name, v, _ := strings.Cut(field, "=")
		if err := l.to.limit(name, v); err != nil {
			return err
		}
	}
	return nil
}

// limit notes one limit by BuildKit's name for it (frontend/dockerui/config.go).
func (f *dockerFlags) limit(name, value string) error {
	key, ok := map[string]string{
		"memory": "memory", "memory-swap": "memswap", "cpu-shares": "cpushares", "cpu-period": "cpuperiod",
		"cpu-quota": "cpuquota", "cpuset-cpus": "cpusetcpus", "cpuset-mems": "cpusetmems",
	}[name]
	if !ok || value == "" {
		return diag.Fail(diag.ExitUsage, "invalid --resource %q", name+"="+value).
			WithHint("use memory, memory-swap, cpu-shares, cpu-period, cpu-quota, cpuset-cpus or cpuset-mems, such as memory=2g")
	}
	if strings.HasPrefix(name, "memory") && value != "-1" {
		bytes, err := units.RAMInBytes(value)
		if err != nil || bytes <= 0 {
			return diag.Fail(diag.ExitUsage, "invalid size %q of --%s", value, name).WithHint("--%s 2g", name)
		}
		value = strconv.FormatInt(bytes, 10)
	}
	if f.limits == nil {
		f.limits = map[string]string{}
	}
	f.limits[key] = value
	return nil
}

// tagFlag is --tag of `slipway build`: the first value is the tag or name, others
// are further names of the image of a directory.
type tagFlag struct {
	first *string
	more  *[]string
}

// String implements pflag.Value.
func (t tagFlag) String() string {
	if t.first == nil {
		return ""
	}
	return *t.first
}

// Type implements pflag.Value.
func (t tagFlag) Type() string { return "string" }

// Set implements pflag.Value.
func (t tagFlag) Set(value string) error {
	if *t.first == "" {
		*t.first = value
	} else {
		*t.more = append(*t.more, value)
	}
	return nil
}

// names completes the further names of an image.
func (f *buildFlags) names(directory string) ([]string, error) {
	var out []string
	for _, tag := range f.tags {
		name := string(image.Complete(f.Registry, tag, directory))
		if err := image.CheckName(name); err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}

// steps is what the flags say about every step.
func (a *app) steps(f dockerFlags) (engine.StepSettings, error) {
	s := engine.StepSettings{CgroupParent: f.cgroupParent, Limits: f.limits}
	switch f.network {
	case "", "default", "bridge":
	case "none", "host":
		s.Network = f.network
	default:
		return s, diag.Fail(diag.ExitUsage, "unknown network %q", f.network).WithHint("use --network none or --network host; Docker's own networks exist only in Docker")
	}
	for _, h := range f.hosts {
		line, err := hostLine(h)
		if err != nil {
			return s, err
		}
		s.Hosts = append(s.Hosts, line)
	}
	if f.shmSize != "" {
		bytes, err := units.RAMInBytes(f.shmSize)
		if err != nil || bytes <= 0 {
			return s, diag.Fail(diag.ExitUsage, "invalid --shm-size %q", f.shmSize).WithHint("--shm-size 256m")
		}
		s.ShmSizeBytes = bytes
	}
	for _, u := range f.ulimits {
		if _, err := units.ParseUlimit(u); err != nil {
			return s, diag.Fail(diag.ExitUsage, "invalid --ulimit %q", u).Because(err).WithHint("--ulimit nofile=1024:2048")
		}
		s.Ulimits = append(s.Ulimits, u)
	}
	for _, e := range f.allow {
		if !slices.Contains([]string{"network.host", "security.insecure"}, e) {
			return s, diag.Fail(diag.ExitUsage, "unknown entitlement %q of --allow", e).WithHint("use network.host or security.insecure")
		}
		s.Allow = append(s.Allow, e)
	}
	var err error
	s.SSH, err = a.sshAgents(f.ssh)
	return s, err
}

// hostNetwork reports whether steps may have the machine's network.
func (f dockerFlags) hostNetwork() bool {
	return f.network == "host" || slices.Contains(f.allow, "network.host")
}

// hostLine reads NAME:ADDRESS or NAME=ADDRESS.
func hostLine(word string) (string, error) {
	at := strings.IndexAny(word, ":=")
	if at <= 0 {
		return "", badHost(word)
	}
	name, address := word[:at], strings.Trim(word[at+1:], "[]")
	if address == "host-gateway" {
		return "", diag.Fail(diag.ExitUsage, "--add-host %s: build steps cannot reach this machine, because their network leads out only", word).
			WithHint("give them the machine's network: --network host --add-host %s:127.0.0.1", name)
	}
	if net.ParseIP(address) == nil {
		return "", badHost(word)
	}
	return name + "=" + address, nil
}

func badHost(word string) error {
	return diag.Fail(diag.ExitUsage, "invalid --add-host %q", word).WithHint("--add-host NAME:ADDRESS, such as db.internal:10.0.0.5")
}

// sshAgents parses --ssh default|ID[=SOCKET|KEY[,KEY]].
func (a *app) sshAgents(words []string) ([]engine.SSHAgent, error) {
	var out []engine.SSHAgent
	for _, w := range words {
		id, paths, ok := strings.Cut(w, "=")
		agent := engine.SSHAgent{ID: id}
		if ok && paths != "" {
			for _, p := range strings.Split(paths, ",") {
				agent.Paths = append(agent.Paths, a.path(p))
			}
		} else if a.Getenv("SSH_AUTH_SOCK") == "" {
			return nil, diag.Fail(diag.ExitUsage, "--ssh %s requires an SSH agent: SSH_AUTH_SOCK is not set", w).
				WithHint("eval $(ssh-agent) && ssh-add, or name a key: --ssh %s=KEY", w)
		}
		for _, p := range agent.Paths {
			if _, err := os.Stat(p); err != nil {
				return nil, diag.Fail(diag.ExitUsage, "the socket or key of --ssh %s cannot be read", id).Because(err).WithHint("--ssh %s=SOCKET or --ssh %s=KEY", id, id)
			}
		}
		out = append(out, agent)
	}
	return out, nil
}
