package pipeline

import (
	"fmt"
	"regexp"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/pattern"
)

// seeAbove is the hint of a failed step whose log speaks for itself.
const seeAbove = "see the step's output above"

// advice is what to do about a failed step by what a tool wrote into its log:
// sentences of tools that name no next step.
func advice(log []byte) string {
	if m := missingLibrary().FindSubmatch(log); m != nil {
		if pkg := assets.PackageOfLibrary(string(m[1])); pkg != "" {
			return fmt.Sprintf("write packages: {build: [%s]} for the service in slipway.yaml: it has %s", pkg, m[1])
		}
	}
	for _, known := range []struct {
		sign func() *regexp.Regexp
		hint string // %s is the group of the sign, where it has one
	}{
		{unknownHost, "this machine cannot resolve %s; if the lock file names that host, write the lock file anew with a registry that you reach"},
		{npmCrash, "npm itself crashed, which it does when the registry is slow: build again; and with lock files of npm 6: npm install --package-lock-only with npm 7 or newer writes the current format"},
		{yarnEngine, "%s refuses this Node.js: write version: for the service in slipway.yaml, update the package, or write `ignore-engines true` into .yarnrc"},
		{ownLoopback, "nothing listens on %s in the step, whose network leads out only; what this machine serves is reached with: slipway build --network host"},
	} {
		m := known.sign().FindSubmatch(log)
		switch {
		case m == nil:
		case len(m) > 1:
			return fmt.Sprintf(known.hint, m[1])
		default:
			return known.hint
		}
	}
	return seeAbove
}

// Sentences of tools, each as its version of 2026 writes it: Node.js (npm, Yarn,
// pnpm, Prisma), curl and git, pip, cargo, Go; npm; Yarn 1; the loader of glibc;
// Node.js, Go, curl, urllib3 and libpq about a port where nobody listens.
var (
	missingLibrary = pattern.Lazy(`error while loading shared libraries: (lib[\w.+-]+): cannot open`)
	unknownHost    = pattern.Lazy(`(?:getaddrinfo (?:ENOTFOUND|EAI_AGAIN) |Could not resolve host: |Failed to resolve '|dial tcp: lookup )([A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9])`)
	npmCrash       = pattern.Lazy(`npm error Exit handler never called!`)
	ownLoopback    = pattern.Lazy(`(?:ECONNREFUSED |dial tcp |Failed to connect to |host='|server at "|Connection to )((?:127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)(?::\d+)?)`)
	yarnEngine     = pattern.Lazy(`error (\S+): The engine "node" is incompatible with this module`)
)
