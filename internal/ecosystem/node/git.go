package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// gitSources are the packages of the service that come from git, and the hosts that
// their addresses name by SSH. The zero value has none.
type gitSources struct {
	name  string // of the first
	hosts map[string]bool
}

var (
	// gitSpec is a version in package.json that npm fetches with git
	// (https://docs.npmjs.com/cli/configuring-npm/package-json#git-urls-as-dependencies).
	gitSpec   = pattern.Lazy(`^(?:git\+|git:|git@|ssh:|github:|gitlab:|bitbucket:|gist:)|^https?://[^#]*\.git(?:#|$)|^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+(?:#|$)`)
	gitSSH    = pattern.Lazy(`(?:ssh://git@([A-Za-z0-9.-]+)/|(?:^|[\s"'+@/:])git@([A-Za-z0-9.-]+):[^\d/])`)
	gitSigned = pattern.Lazy(`(?:git\+(?:ssh|https?|file)|git|ssh)://|git@[\w.-]+[:/]|\.git[#"]|\btype: git\b|@(?:github|gitlab|bitbucket):|#commit=`)
)

// noteGit notes a package that an address of git names.
func (s *service) noteGit(name, address string) {
	s.git.name = ecosystem.Or(s.git.name, name)
	if s.git.hosts == nil {
		s.git.hosts = map[string]bool{}
	}
	for _, m := range gitSSH().FindAllStringSubmatch(address, -1) {
		s.git.hosts[m[1]+m[2]] = true
	}
}

// gitInLock notes the packages of git in a lock file that is read as text. What most
// lock files lack is looked for first: expressions are slow.
func (s *service) gitInLock(data []byte) {
	text := string(data)
	if strings.Contains(text, "git") && gitSigned().MatchString(text) {
		s.noteGit("a package of "+s.manager.lock, text)
	}
}

// findGit notes the packages of git that manifests name, and gives the install what
// it fetches them with: git, and HTTPS in place of SSH, for which a build has no key.
func (s *service) findGit() (needs []ecosystem.Need) {
	all := s.manifestsRead()
	file, line, asked := s.topFile(s.manager.lock), 0, ""
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		m := all[dir]
		deps := union(union(m.DevDeps, m.OptionalDeps), m.Dependencies)
		for _, name := range slices.Sorted(maps.Keys(deps)) {
			if !strings.ContainsAny(deps[name], ":/") || !gitSpec().MatchString(deps[name]) {
				continue
			}
			s.noteGit(name, deps[name])
			if asked == "" {
				asked = name
				file, line = s.topFile(manifestIn(dir)), max(m.line("dependencies", name), m.line("devDependencies", name), m.line("optionalDependencies", name))
			}
		}
	}
	if s.git.name == "" {
		return nil
	}
	name := ecosystem.Or(asked, s.git.name)
	hosts := slices.Sorted(maps.Keys(s.git.hosts))
	if s.manager.name == "npm" && len(hosts) == 0 {
		hosts = []string{"github.com"} // npm tries SSH whatever the manifest says
	}
	s.installEnv = append(s.installEnv, gitRewrites(hosts)...)
	if len(s.git.hosts) > 0 {
		s.Report(diag.Info, codeGit, file, line, "for a private repository, depend on a version that a registry or an archive in the repository has: the build has no SSH key",
			"the install fetches %s from %s by HTTPS, not by SSH", name, strings.Join(hosts, ", "))
	}
	return []ecosystem.Need{{Package: name, File: file, Line: line, System: ecosystem.System{
		Build: []string{"git"}, Why: "git, because its repository is its source", Source: "https://docs.npmjs.com/cli/configuring-npm/package-json#git-urls-as-dependencies",
	}}}
}

func manifestIn(dir string) string { return strings.TrimPrefix(dir+"/package.json", "./") }

// gitRewrites are the variables that make git take HTTPS for SSH
// (https://git-scm.com/docs/git-config#ENVIRONMENT).
func gitRewrites(hosts []string) []string {
	var out []string
	for _, host := range hosts {
		for _, ssh := range []string{"ssh://git@" + host + "/", "git@" + host + ":"} {
			n := len(out) / 2
			out = append(out, fmt.Sprintf("GIT_CONFIG_KEY_%d=url.https://%s/.insteadOf", n, host), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n, ssh))
		}
	}
	if out == nil {
		return nil
	}
	return append([]string{fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(out)/2)}, out...)
}
