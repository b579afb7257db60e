package internal_test

import (
	"go/ast"
	"path"
	"strings"
	"testing"
)

// opensItself lists who opens files without package repository: because what it opens
// is Slipway's own state, the kernel's, or the machine owner's. A file of a
// repository or of an image is read through repository.ReadFile, Open or FS, which
// follow no link out of it and wait for no pipe.
func opensItself() map[string]string {
	return map[string]string{
		"internal/repository":               "the one place",
		"internal/account/*":                "the kernel's files",
		"internal/advisory/osv/*":           "the state directory, and files that the person names",
		"internal/audit/*":                  "the state directory, the kernel's files, and a log that the person names",
		"internal/baseimage/*":              "the state directory, and settings of the machine",
		"internal/bench/change.go":          "regular files of its own copy",
		"internal/cli/cmd_doctor_linux.go":  "the kernel's files",
		"internal/cli/cmd_evidence.go":      "a file that the person names",
		"internal/cli/cmd_logs.go":          "the state directory",
		"internal/cli/cmd_host.go":          "the program itself",
		"internal/cli/cmd_supervise.go":     "the state directory",
		"internal/cli/flags_builder.go":     "the kernel's files",
		"internal/cli/flags_context.go":     "a secret that the person names",
		"internal/cli/cmd_version.go":       "the program itself",
		"internal/crash/crash.go":           "the state directory",
		"internal/netns/*":                  "the kernel's files",
		"internal/evidence/keys.go":         "keys that the person names",
		"internal/companions/template.go":   "the kernel's files",
		"internal/deploy/acme/*":            "the state directory",
		"internal/deploy/host/*":            "the state directory",
		"internal/engine/conformance/*":     "what its tests wrote",
		"internal/engine/embedded/*":        "the state directory, and the kernel's files",
		"internal/engine/remote/*":          "the state directory, and certificates that the person names",
		"internal/resident/*":               "the state directory, and the kernel's files",
		"internal/engine/solve/settings.go": "an image layout that the person names",
		"internal/fingerprint/disk/*":       "links of the last element are refused, pipes are not waited for (disk_linux.go)",
		"internal/fleet/directory.go":       "asks for names alone",
		"internal/fleet/target.go":          "asks for names alone",
		"internal/history/prints.go":        "the state directory",
		"internal/hosting/*":                "the state directory",
		"internal/host/*":                   "settings of the machine",
		"internal/image/*":                  "the state directory",
		"internal/logfile/logfile.go":       "logs of the state directory",
		"internal/localrun/names/system.go": "settings of the machine",
		"internal/localrun/oci/*":           "the state directory, and the kernel's files",
		"internal/registry/registry.go":     "the state directory",
		"internal/rootless/*":               "the kernel's files, and settings of the machine",
		"internal/scan/external.go":         "what it wrote itself",
		"internal/state/*":                  "the state directory",
		"internal/testrun/*":                "the state directory",
	}
}

func TestFilesOfOthersAreOpenedWithCare(t *testing.T) {
	h := open(t)
	used := map[string]bool{}
	for _, pkg := range h.packages() {
		if strings.HasPrefix(pkg, "cmd/") {
			continue // the probe runs in containers
		}
		h.each(pkg, func(n ast.Node) {
			call := calls(n, "os.Open", "os.OpenFile", "os.ReadFile", "os.DirFS")
			if call == nil {
				return
			}
			at := h.files.Position(call.Pos())
			file := pkg + "/" + path.Base(strings.ReplaceAll(at.Filename, `\`, "/"))
			for _, name := range []string{file, pkg, pkg + "/*", path.Dir(pkg) + "/*"} {
				if opensItself()[name] != "" {
					used[name] = true
					return
				}
			}
			t.Errorf("%s: %s: a file of a repository or image is opened by package repository; other files: enter the place in opensItself, with what it opens", at, nameOf(call))
		})
	}
	for name := range opensItself() {
		if !used[name] {
			t.Errorf("%s opens nothing any more: remove it from opensItself", name)
		}
	}
}
