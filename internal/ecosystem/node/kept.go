package node

import (
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// installFile is the name of installScript among the manifests.
const installFile = "install.mjs"

// keepsTree tells whether the packages of one install can be the start of the next:
// those of registries, pinned by a lock file of npm 7 or newer.
func (s *service) keepsTree() bool {
	return s.manager.name == "npm" && !s.manager.bare && !s.manager.loose && !s.oldLock && !s.mixed && s.sharesInstall()
}

// elsewhere reports a package of a lock file that is of no registry.
func (p lockPackage) elsewhere(at string) bool {
	return p.Link || !strings.HasPrefix(at, "node_modules/") || strings.HasPrefix(p.Resolved, "git") || strings.HasPrefix(p.Resolved, "file:")
}

// noteScript notes whether a package has an install script that does something. npm ci
// removes an optional package whose script fails, npm rebuild leaves it there.
func (s *service) noteScript(runs, optional bool) {
	s.scripted = s.scripted || runs
	s.mixed = s.mixed || runs && optional
}

// keptInstall are the steps of such an install. Install scripts run in a step of their
// own: the trees are not mounted there, so that no script can change them.
func (s *service) keptInstall(without []string, comment string) []plan.Step {
	const from = "/run/manifests"
	install := "if [ -e " + from + "/" + installFile + " ]; then node " + from + "/" + installFile + "; else npm ci --ignore-scripts; fi"
	steps := []plan.Step{{
		Op: plan.OpRun, Shell: strings.Join(append(without, install), " && "), Comment: strings.TrimSpace("`slipway build` starts from the packages of an earlier install. " + comment),
		Mounts: append(s.manager.caches(), plan.Mount{Type: "cache", Target: "/root/.npm-trees"}, plan.Mount{Type: "bind", From: plan.StageManifests, Target: from}),
	}}
	if s.scripted {
		steps = append(steps, plan.Step{Op: plan.OpRun, Shell: "npm rebuild", Mounts: s.manager.caches(), Comment: "Install scripts of packages."})
	}
	return steps
}

// withoutDev is the command that removes development packages. Where the lock file
// lists all that is installed, it is enough to delete them and the links to their
// programs: npm takes a second for it.
func (s *service) withoutDev() string {
	if s.carries || !s.keepsTree() {
		return "npm prune --omit=dev " + s.offline() + " --ignore-scripts"
	}
	return "node -e " + ecosystem.Quoted([]string{`const { packages } = require("./` + s.manager.lock + `"); for (const p in packages) if (packages[p].dev || packages[p].extraneous) fs.rmSync(p, { recursive: true, force: true })`})[0] +
		` && find node_modules -type l -path '*/.bin/*' ! -exec test -e {} \; -delete`
}
