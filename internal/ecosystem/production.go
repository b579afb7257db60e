package ecosystem

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/terminal"
)

// codeOneLine: a version, licence or description that no label can hold as it is.
const codeOneLine = "SLP520"

// WorkDir is the working directory of every production image, and HomeDir the home
// directory of its account, which is the only one that always belongs to it: tools
// and libraries keep caches and settings there.
const (
	WorkDir = "/app"
	HomeDir = "/home/app"
)

// Image is what a production image needs beyond what the service says.
type Image struct {
	Bases   Bases
	User    config.User
	Dir     string            // the working directory below WorkDir, "" for WorkDir itself
	Layers  []plan.Step       // copies of what runs, from what changes least
	Env     map[string]string // of the language; the service's own wins
	InitWhy string            // why the base's init is process 1
	Start   []string          // exec form

	Writable []string // directories that the program writes to, below WorkDir when relative; see Service.Writable

	Manifest    string // the file that the next three are from
	Version     string // of the service; "" is "0.0.0"
	Description string
	Licence     string // SPDX, "" when unknown
}

// Plan puts a service's plan together from its stages.
func (s *Service) Plan(b Bases, u config.User, stages ...plan.Stage) plan.Service {
	h := s.Want.Health
	h.Health = h.WithDefaults()
	b.Probe = b.probeFor(h)
	return plan.Service{
		Name:         s.Want.Name,
		Dir:          s.Context,
		Type:         s.Want.Type,
		Port:         s.Want.Port,
		MemoryBytes:  s.Want.MemoryBytes,
		User:         fmt.Sprintf("%d:%d", u.UID, u.GID),
		Health:       h,
		Facts:        s.Facts,
		LeftOut:      sortedLeftOut(s.leftOut),
		Reads:        s.variablesRead(),
		Calls:        s.programsCalled(),
		Said:         s.said,
		Connects:     s.serversNeeded(),
		Bases:        b.List(),
		Stages:       s.withWritable(stages),
		DockerIgnore: s.Ignore.Patterns,
	}
}

func sortedLeftOut(all []plan.LeftOut) []plan.LeftOut {
	slices.SortFunc(all, func(a, b plan.LeftOut) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(all, func(a, b plan.LeftOut) bool { return a.Path == b.Path })
}

// CopyDir copies a directory of the context to its own place.
func CopyDir(name string) plan.Step {
	return plan.Step{Op: plan.OpCopy, Args: []string{name + "/", name + "/"}}
}

// Quoted quotes the words that a shell would take apart.
func Quoted(words []string) []string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		if strings.ContainsAny(w, " \t\r\n'\"$`\\*?[]()&|;<>#~!{}") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		out = append(out, w)
	}
	return out
}

// RuntimeTools holds what production needs besides the service: the probe, the
// names of its accounts, and the home directory, which WORKDIR makes as the user
// that USER names. No step of it runs.
func (s *Service) RuntimeTools(b Bases, u config.User) plan.Stage {
	u.Name = Or(u.Name, accountOf(b.Toolchain.Ecosystem))
	st := plan.Stage{
		Name:    plan.StageRuntimeTools,
		Comment: "Health probe, user accounts and home directory for the production image.",
		From:    b.probeFor(s.Want.Health).Ref,
		Steps: []plan.Step{
			{Op: plan.OpCopy, Args: []string{"/etc/passwd"}, Content: fmt.Sprintf("root:x:0:0:root:/root:/usr/sbin/nologin\n%s:x:%d:%d::%s:/usr/sbin/nologin\n", u.Name, u.UID, u.GID, HomeDir)},
			{Op: plan.OpCopy, Args: []string{"/etc/group"}, Content: fmt.Sprintf("root:x:0:\n%s:x:%d:\n", u.Name, u.GID)},
		},
	}
	if s.Want.Shell && b.ShellFrom != "" {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, From: b.ShellFrom, Args: []string{"/usr/bin/dash", "/usr/bin/sh"},
			Comment: "A shell, requested in slipway.yaml."})
	}
	st.Steps = append(st.Steps,
		plan.Step{Op: plan.OpWorkdir, Args: []string{path.Dir(HomeDir)}},
		plan.Step{Op: plan.OpUser, Args: []string{fmt.Sprintf("%d:%d", u.UID, u.GID)}},
		plan.Step{Op: plan.OpWorkdir, Args: []string{HomeDir}, Comment: "WORKDIR creates the home directory as the current user."})
	return st
}

// accountOf names the account of production images where nothing else does: as
// the usual images of Node.js do, and plainly for the others.
func accountOf(ecosystem string) string {
	if ecosystem == "node" {
		return "nodejs"
	}
	return "app"
}

// Production is what ships. Layers go from what changes least to what changes
// most; what differs between two builds of the same sources stands last.
func (s *Service) Production(i Image) plan.Stage {
	st := plan.Stage{
		Name:    plan.StageProduction,
		Comment: "The production image. It only copies files, so other platforms need no emulation.",
		From:    i.Bases.Runtime.Ref,
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{path.Join(WorkDir, i.Dir)}}, // first: after the copies it would be a step of every build
			{Op: plan.OpCopy, Link: true, From: plan.StageRuntimeTools, Args: []string{"/", "/"}},
		},
	}
	add := func(steps ...plan.Step) { st.Steps = append(st.Steps, steps...) }
	add(i.Layers...)
	s.made = writableStage(i.Writable, i.User)
	add(copyWritable(i.Writable)...)
	if env := s.environment(i.Env); len(env) > 0 {
		add(plan.Step{Op: plan.OpEnv, Args: env})
	}
	add(plan.Step{Op: plan.OpUser, Args: []string{fmt.Sprintf("%d:%d", i.User.UID, i.User.GID)}})
	if s.Want.Port > 0 {
		add(plan.Step{Op: plan.OpExpose, Args: []string{fmt.Sprint(s.Want.Port)}})
	}
	if probe := s.probe(); probe != nil {
		add(plan.Step{Op: plan.OpHealthcheck, Args: probe, Health: s.Want.Health.WithDefaults()})
	}
	add(plan.Step{Op: plan.OpStopSignal, Args: []string{"SIGTERM"}})
	if i.Bases.Init != "" {
		add(plan.Step{Op: plan.OpEntrypoint, Args: []string{i.Bases.Init, "--"}, Comment: i.InitWhy})
	}
	add(plan.Step{Op: plan.OpCmd, Args: i.Start})
	add(s.labels(i)...)
	return st
}

// environment is that of the running service.
func (s *Service) environment(language map[string]string) []string {
	all := maps.Clone(language)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, s.Want.Env)
	s.imageSets = slices.Sorted(maps.Keys(all))
	out := make([]string, 0, len(all))
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, k+"="+all[k])
	}
	return out
}

// probe is the command that asks for readiness inside the container. Over TLS the
// certificate is not verified: the service asks itself, and what it has is for
// the name that its clients use.
func (s *Service) probe() []string {
	const bin = "/usr/local/bin/"
	h, at := s.Want.Health, fmt.Sprintf("localhost:%d", s.Want.Port)
	switch {
	case h.GRPC != nil:
		argv := []string{bin + "grpc_health_probe", "-addr=" + at}
		if h.TLS {
			argv = append(argv, "-tls", "-tls-no-verify")
		}
		if *h.GRPC != "" {
			argv = append(argv, "-service="+*h.GRPC)
		}
		return argv
	case h.HTTP != "" && h.TLS:
		return []string{bin + "slipway-probe", "-tls-no-verify", "https://" + at + h.HTTP}
	case h.HTTP != "":
		return []string{bin + "slipway-probe", "http://" + at + h.HTTP}
	case h.TCP:
		return []string{bin + "slipway-probe", "tcp://" + at}
	}
	return h.Command
}

// labels end the production stage: they and the arguments that they take change
// no layer.
func (s *Service) labels(i Image) []plan.Step {
	labels := []string{"org.opencontainers.image.title=" + s.Want.Name}
	description := strings.Join(strings.Fields(i.Description), " ") // which may span lines
	if d := s.oneLine(i.Manifest, "description", description); d != "" {
		labels = append(labels, "org.opencontainers.image.description="+d)
	}
	if l := s.oneLine(i.Manifest, "license", i.Licence); l != "" {
		labels = append(labels, "org.opencontainers.image.licenses="+l)
	}
	labels = append(labels,
		"org.opencontainers.image.version=$VERSION",
		"org.opencontainers.image.revision=$REVISION",
		"service.name="+s.Want.Name,
		"service.version=$VERSION",
	)
	if s.Want.Port > 0 {
		labels = append(labels, fmt.Sprintf("service.port=%d", s.Want.Port))
	}
	return []plan.Step{
		{Op: plan.OpArg, Args: []string{"VERSION=" + Or(s.oneLine(i.Manifest, "version", i.Version), "0.0.0")}, Comment: "Labels come last: a new version or revision changes no layer."},
		{Op: plan.OpArg, Args: []string{"REVISION="}},
		{Op: plan.OpLabel, Args: labels},
	}
}

// maxLabel is the most characters of a manifest's value that a label holds.
const maxLabel = 1000

// oneLine makes a value of a manifest fit for an instruction and a label: one line
// without control characters. What had to change is a warning.
func (s *Service) oneLine(manifest, name, value string) string {
	one := strings.Join(strings.Fields(string(terminal.Spaced([]byte(value)))), " ")
	problem := "spans lines or has control characters"
	if cut := []rune(one); len(cut) > maxLabel {
		one, problem = string(cut[:maxLabel]), fmt.Sprintf("has more than %d characters", maxLabel)
	}
	if one != strings.TrimSpace(value) {
		shown := []rune(one)
		s.Report(diag.Warning, codeOneLine, manifest, 0, "write it as one short line", "the %s %s; the image says %q", name, problem, string(shown[:min(len(shown), 60)]))
	}
	return one
}
