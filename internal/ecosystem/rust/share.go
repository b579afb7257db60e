package rust

import (
	"strings"

	"github.com/slipway-build/slipway/internal/plan"
)

// sharedDir is a cache mount with compiled dependencies, which one step at a time
// may have. Cargo finds there what services built before have compiled.
const sharedDir = "/target-shared"

// shareScript compiles dependencies in the shared cache and copies those of
// this service out of it. Crates of a registry never change, and cargo keeps them
// apart by version, features, profile and compiler. It does not look at the rest of
// the toolchain and at the environment of build scripts: when these differ from those
// that filled the cache, the cache is emptied. The programs in place of the sources
// do not stay there, because cargo compares packages of a repository by time alone.
// Every file of a compiled crate has a hash in its name, which cargo prints.
const shareScript = `#!/bin/sh
set -eu
state=$({ env; rustc -vV; cat /var/lib/dpkg/status /var/lib/dpkg/status.d/* 2>/dev/null || true; } | sha256sum)
if [ "$state" != "$(cat {shared}/state 2>/dev/null)" ]; then
    find {shared} -mindepth 1 -delete
    echo "$state" > {shared}/state
fi
export CARGO_TARGET_DIR={shared}
{build} --message-format=json-render-diagnostics > /tmp/built
{clean}
tr '"/' '\n\n' < /tmp/built | sed -nE 's/.*-([0-9a-f]{16})(\..*)?$/\1/p' | sort -u > /tmp/hashes
mkdir -p {target}
cd {shared}
find release -mindepth 2 -maxdepth 2 | sed -nE 's/^(.*-([0-9a-f]{16})(\..*)?)$/\2 \1/p' | sort \
    | join -o 2.2 /tmp/hashes - | xargs -r cp -a --parents -t {target}
rm /tmp/built /tmp/hashes
`

// shares reports dependencies that services compile once for all of them: they come
// from a registry, and nothing of the repository decides how they are compiled.
// Alpine's tools lack options that the script needs.
func (s *service) shares() bool {
	return s.lock != nil && !s.resolves && !s.vendored && !s.fromGit() && len(s.rootFile.Patch) == 0 && s.conf == "" &&
		(s.debian() || s.family == "official")
}

// compileShared are the steps that compile dependencies in the shared cache of the
// services with the same toolchain.
func (s *service) compileShared(toolchain, stand, build, clean string) []plan.Step {
	return []plan.Step{
		{Op: plan.OpCopy, Args: []string{"/share.sh"}, Content: script(sharedDir, targetDir, build, clean)},
		{
			Op: plan.OpRun, Shell: stand + " && sh /share.sh",
			Mounts:  append(s.caches(), plan.Mount{Type: "cache", Target: sharedDir, ID: sharedDir + "/" + toolchain, Sharing: "locked"}),
			Comment: "Compile the dependencies with empty programs in place of the sources, then remove those programs. Services compile a dependency once for all of them.",
		},
	}
}

// script completes shareScript with two directories and two commands, whose lines go on.
func script(shared, target, build, clean string) string {
	onward := strings.NewReplacer("\n", " \\\n    ")
	return strings.NewReplacer("{shared}", shared, "{target}", target, "{build}", onward.Replace(build), "{clean}", onward.Replace(clean)).Replace(shareScript)
}
