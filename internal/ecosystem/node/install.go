package node

import (
	"fmt"
	"path"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// caches mount what the manager keeps between builds; no part of any layer.
func (m manager) caches() []plan.Mount {
	npm := plan.Mount{Type: "cache", Target: "/root/.npm"}
	at := map[string]string{"pnpm": "/root/.pnpm-store", "yarn": "/root/.cache/yarn", "berry": "/root/.yarn-berry", "bun": "/root/.bun-cache"}[m.name]
	if at == "" {
		return []plan.Mount{npm}
	}
	mount := plan.Mount{Type: "cache", Target: at}
	if m.name == "yarn" {
		mount.Sharing = "locked" // Yarn 1 breaks when two of it fill one cache
	}
	return []plan.Mount{mount}
}

// environment keeps the manager quiet and its files where the cache is mounted.
func (m manager) environment() []string {
	quiet := []string{"NPM_CONFIG_AUDIT=false", "NPM_CONFIG_FUND=false", "NPM_CONFIG_UPDATE_NOTIFIER=false"}
	if m.release {
		quiet = append(quiet, "YARN_IGNORE_PATH=1") // it is installed by its version or copied elsewhere
	}
	own := map[string][]string{
		"pnpm":  {"CI=true"},
		"yarn":  {"YARN_CACHE_FOLDER=/root/.cache/yarn"},
		"berry": {"YARN_ENABLE_TELEMETRY=0", "YARN_ENABLE_GLOBAL_CACHE=true", "YARN_GLOBAL_FOLDER=/root/.yarn-berry", "YARN_NODE_LINKER=node-modules"},
		"bun":   {"BUN_INSTALL_CACHE_DIR=/root/.bun-cache"},
	}[m.name]
	if m.name == "berry" && majorOf(m.version) >= 4 {
		own = append(own, "YARN_ENABLE_HARDENED_MODE=0") // which earlier ones refuse
	}
	return append(quiet, own...)
}

// setUp are the steps that bring the manager into the stage.
func (s *service) setUp() []plan.Step {
	m := s.manager
	if m.name == "npm" {
		return nil
	}
	if m.tool != "" {
		to := "/usr/local/lib/" + path.Base(m.tool)
		return []plan.Step{
			{Op: plan.OpCopy, Args: []string{s.fromTop(m.tool), to}},
			{Op: plan.OpRun, Shell: `printf '#!/bin/sh\nexec node ` + to + ` "$@"\n' >/usr/local/bin/yarn && chmod 755 /usr/local/bin/yarn`, Comment: "The Yarn release committed to the repository."},
		}
	}
	name := map[string]string{"berry": "@yarnpkg/cli-dist"}[m.name]
	return []plan.Step{{Op: plan.OpRun, Shell: "npm install --global " + ecosystem.Or(name, m.name) + "@" + m.version, Mounts: []plan.Mount{{Type: "cache", Target: "/root/.npm"}}}}
}

// install is the command that installs every package of the lock file for a
// service; member is its directory in a workspace, "" outside of one. A loose one
// brings the lock file up to date.
func (m manager) install(member, name string) string {
	frozen := func(is, not string) string {
		if m.loose {
			return not
		}
		return is
	}
	switch m.name {
	case "pnpm":
		return "pnpm install " + frozen("--frozen-lockfile", "--no-frozen-lockfile") + " --store-dir=/root/.pnpm-store --config.package-import-method=copy" + filter(name, member, " --filter=. --filter=%s...")
	case "yarn":
		return "yarn install" + frozen(" --frozen-lockfile", "") + " --non-interactive" + m.engines()
	case "berry":
		if m.bare {
			return "touch yarn.lock && yarn install --no-immutable" // it marks the top of the project
		}
		return "yarn install " + frozen("--immutable", "--no-immutable")
	case "bun":
		if m.nothing {
			return "mkdir -p node_modules"
		}
		return "bun install" + frozen(" --frozen-lockfile", "") + " --backend=copyfile"
	}
	return "npm " + frozen("ci", "install --package-lock") + filter(member, member, " --workspace=%s --include-workspace-root")
}

func (m manager) engines() string {
	if m.lenient {
		return " --ignore-engines"
	}
	return ""
}

func filter(value, member, format string) string {
	if member == "" {
		return ""
	}
	return fmt.Sprintf(format, value)
}

// production are the commands that leave the packages for production alone in
// the working directory, where the manifests lie and, with keep, all packages.
func (m manager) production(member, name string) []string {
	switch m.name {
	case "pnpm":
		return []string{"pnpm install --prod --frozen-lockfile --prefer-offline --store-dir=/root/.pnpm-store --config.package-import-method=copy" + filter(name, member, " --filter=%s...")}
	case "yarn":
		return []string{"yarn install --production --frozen-lockfile --non-interactive --prefer-offline" + m.engines()}
	case "berry":
		return []string{"yarn workspaces focus --production" + filter(name, member, " %s")}
	case "bun":
		if m.nothing {
			return nil
		}
		return []string{"bun install --production --frozen-lockfile --backend=copyfile"}
	}
	if member == "" {
		return []string{"npm prune --omit=dev --offline --ignore-scripts"}
	}
	return []string{"npm ci --omit=dev --prefer-offline --workspace=" + member}
}

// leftovers are files that the manager writes into node_modules for itself:
// they name the machine's registry or the time, so that equal inputs would give
// different images.
func (m manager) leftovers() string {
	switch m.name {
	case "pnpm":
		return "rm -rf node_modules/.modules.yaml node_modules/.pnpm/lock.yaml node_modules/.pnpm-workspace-state*.json && find . -type d -name .bin -prune -exec rm -rf {} +"
	case "yarn":
		return "rm -f node_modules/.yarn-integrity"
	case "berry":
		return "rm -rf node_modules/.yarn-state.yml .yarn"
	case "bun":
		return "rm -rf node_modules/.cache"
	}
	return "rm -f node_modules/.package-lock.json"
}
