package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// manifestsStage holds what the install reads in a stage of its own, so that a
// build may lay normalised manifests over it; see Manifests.
func (s *service) manifestsStage() plan.Stage {
	top, _, _ := s.manifests()
	return plan.Stage{
		Name: plan.StageManifests,
		Comment: "The manifests that the install reads. `slipway build` replaces this stage with copies that lack name, version and scripts, " +
			"so that services with identical dependencies share one install.",
		From:  plan.Scratch,
		Steps: []plan.Step{{Op: plan.OpCopy, Args: append(top, "/")}},
	}
}

// sharesInstall tells whether services with equal dependencies can share an
// install. They cannot where the place of a manifest means something
// (workspaces), where the lock file has to fit the package's name (bun and newer
// yarns), where whole directories are read (patches), and where the install runs
// a script of the service that is not among those that lifecycle moves to later.
func (s *service) sharesInstall() bool {
	_, dirs, _ := s.manifests()
	for _, script := range []string{"prepublish", "preprepare", "postprepare", "pnpm:devPreinstall"} {
		if s.pkg.Scripts[script] != "" {
			return false
		}
	}
	return s.member == "" && s.home == "" && len(dirs) == 0 && s.pkg.Workspaces == nil && slices.Contains([]string{"npm", "pnpm", "yarn"}, s.manager.name)
}

// ownManifests are those that Manifests changes; the builder works with the
// service's own.
func (s *service) ownManifests() []string {
	if s.manager.name == "npm" && !s.manager.bare {
		return []string{"package.json", s.manager.lock}
	}
	return []string{"package.json"}
}

// Manifests reads manifests of a directory as an install needs them: without
// what differs between services though their packages are the same. What a
// package's install script may look up stays: all but what describes the service.
// With npm's lock file comes the script that starts from an earlier install.
func Manifests(dir fs.FS, names []string) (map[string][]byte, error) {
	files := make(map[string][]byte, len(names))
	for _, name := range names {
		data, err := ecosystem.Read(dir, name)
		if err != nil {
			return nil, fmt.Errorf("reading the manifest: %w", err)
		}
		switch name {
		case "package.json":
			data = leaveOut(data, "name", "version", "description", "keywords", "homepage", "bugs", "license", "author", "contributors", "funding",
				"repository", "main", "scripts")
		case "package-lock.json", "npm-shrinkwrap.json":
			data = normalLock(data)
			files[installFile] = []byte(installScript)
		}
		files[name] = data
	}
	return files, nil
}

// normalLock leaves the name, version and licence of the service out of npm's lock file.
func normalLock(data []byte) []byte {
	data = leaveOut(data, "name", "version")
	var lock, packages map[string]json.RawMessage
	if json.Unmarshal(data, &lock) != nil || json.Unmarshal(lock["packages"], &packages) != nil || packages[""] == nil {
		return data
	}
	packages[""] = leaveOut(packages[""], "name", "version", "license")
	lock["packages"] = encode(packages, lock["packages"])
	return encode(lock, data)
}

// leaveOut returns a JSON object without some of its members, in the order of
// their names. What is no object stays as it is: the install reports it better.
func leaveOut(data []byte, names ...string) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return data
	}
	for _, name := range names {
		delete(object, name)
	}
	return encode(object, data)
}

// encode writes an object, or returns what it was read from.
func encode(object map[string]json.RawMessage, from []byte) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(object) != nil {
		return from
	}
	return out.Bytes()
}
