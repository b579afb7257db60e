package node

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// prune makes the packages for production. npm's hidden lock file names the
// registry that packages came from, which differs between machines; type
// declarations, source maps and manuals are not read at run time.
func (s *service) prune() plan.Step {
	if s.manager.name != "npm" || s.member != "" {
		return s.installed()
	}
	read := []string{"package.json", s.manager.lock}
	if slices.Contains(s.manager.files, ".npmrc") {
		read = append(read, ".npmrc")
	}
	deps := path.Join(outDeps, s.home)
	copies := []string{"cp -a " + strings.Join(read, " ") + " node_modules " + deps}
	if len(s.local) > 0 {
		copies = append(copies, "cp -a --parents "+strings.Join(ecosystem.Quoted(s.local), " ")+" "+deps)
	}
	commands := slices.Concat([]string{"mkdir -p node_modules " + deps}, copies, s.keepOutside(), []string{
		"cd " + deps,
		s.withoutDev(),
		"rm -rf " + strings.Join(read, " ") + " node_modules/.package-lock.json",
		s.idle(),
		"find . -mindepth 1 -type d -empty -delete",
	})
	step := plan.Step{
		Op: plan.OpRun,
		Comment: "Remove development packages and files that nothing reads at run time. npm's hidden lock file contains the registry's address, " +
			"so it would differ between machines.",
		Shell: strings.Join(commands, " && "),
	}
	if s.oldLock || s.manager.loose {
		step.Mounts = s.manager.caches() // what the old lock file does not say is looked up
	}
	return step
}

// idleFiles deletes what nothing reads at run time.
const idleFiles = `find . -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.md' \)` + "\n" +
	`! -path '*/typescript/*' ! -iname '*licen[cs]e*' ! -iname '*notice*' -delete`

// offline keeps npm from the network, unless package.json names a version by a
// tag such as "latest", which npm looks up whatever the lock file says.
func (s *service) offline() string {
	if s.oldLock || s.manager.loose {
		return "--prefer-offline"
	}
	for _, version := range union(union(s.pkg.Dependencies, s.pkg.OptionalDeps), s.pkg.DevDeps) {
		if tag().MatchString(version) {
			return "--prefer-offline"
		}
	}
	return "--offline"
}

var tag = pattern.Lazy(`^[a-wyzA-WYZ][A-Za-z-]*$`)

// idle deletes what nothing reads at run time, and what compilers left.
func (s *service) idle() string {
	if len(s.compiled) == 0 {
		return idleFiles
	}
	return compileLeftovers + " && " + idleFiles
}

// installed installs the packages for production anew, from what the first
// install has fetched.
func (s *service) installed() plan.Step {
	top, dirs, members := s.manifests()
	if s.manager.bare && !s.manager.nothing {
		top = append(top, s.manager.lock) // which the install has written
	}
	paths := append(top, dirs...)
	gone := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return slices.Contains(s.local, p) })
	deps := path.Join(outDeps, s.home)
	var manifests []string
	for _, m := range members {
		manifests = append(manifests, m+"/package.json")
	}
	commands := []string{
		"mkdir -p " + deps,
		"cp -a --parents " + strings.Join(ecosystem.Quoted(append(slices.Clone(paths), manifests...)), " ") + " " + deps,
	}
	for _, l := range s.outside {
		at := path.Join(s.home, l.dir)
		commands = append(commands, "mkdir -p "+path.Join(outDeps, path.Dir(at)), "cp -a "+path.Join(ecosystem.WorkDir, at)+" "+path.Join(outDeps, at))
	}
	commands = append(commands, "cd "+deps)
	if s.carries {
		commands = append(commands, s.withoutScripts()...)
	}
	if s.manager.name == "berry" && !s.manager.focuses {
		commands = append(append(commands, s.withoutFocus()...), "yarn install --no-immutable")
	} else {
		commands = append(commands, s.manager.production(s.member, s.pkg.Name)...)
	}
	if s.carries {
		commands = append(commands, strings.TrimSpace("node "+carryFile+" "+s.workDir()+" . "+s.member))
	} else if patch := s.patched(false); patch != "" {
		commands = append(commands, patch)
	}
	for _, l := range s.outside {
		if l.pkg == nil || l.copied { // what was copied from it is in node_modules
			commands = append(commands, "rm -rf "+path.Join(outDeps, s.home, l.dir))
		}
	}
	commands = append(commands,
		s.manager.leftovers(),
		"rm -rf "+strings.Join(ecosystem.Quoted(append(gone, manifests...)), " "),
		s.idle(),
		"find . -mindepth 1 -type d -empty -delete",
	)
	return plan.Step{
		Op:      plan.OpRun,
		Comment: "Install without development packages; remove files that nothing reads at run time or that differ between machines.",
		Shell:   strings.Join(commands, " && "),
		Mounts:  s.manager.caches(),
	}
}
