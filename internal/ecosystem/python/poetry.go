package python

import (
	"maps"
	"slices"
)

// poetry lets pip install what poetry.lock pins, and that only: extras may ask for
// packages that the lock file leaves out, as Poetry itself does. Without a lock file that fits, it
// installs what the manifest asks for: Poetry resolves with an interface of
// indexes that mirrors rarely have.
func (s *service) poetry([]byte) bool {
	if s.stale {
		s.locals = nil
		s.manager = manager{name: "Poetry", manifests: []string{"pyproject.toml"}, script: poetryScript, cache: pipCache, open: true,
			install: []string{"python3 " + scriptFile + " > " + exported, s.withResources(pipInstall + exported)}}
		return s.takeLocals(s.placed(s.project.locals())) && s.poetryGit()
	}
	s.manager = manager{name: "Poetry", manifests: []string{"pyproject.toml", "poetry.lock"}, tool: poetryTool, cache: pipCache}
	flags := ""
	if s.git.Package != "" {
		flags = "--without-hashes " // pip takes nothing from git beside digests
	}
	s.manager.install = []string{tools + "/bin/poetry export --only main " + flags + "--output " + exported, pipInstall + exported + " --no-deps"}
	if len(s.locals) > 0 {
		s.manager.install = slices.Insert(s.manager.install, 1, "sed -i -E '/^(-e )?file:|@ file:/d; s/^-e //' "+exported)
		s.manager.first = true
	}
	return true
}

// poetryGit has git in the toolchain for what Poetry's manifest takes from it.
func (s *service) poetryGit() bool {
	if s.project.Tool.Poetry == nil {
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(s.project.Tool.Poetry.Dependencies)) {
		for _, t := range tables(s.project.Tool.Poetry.Dependencies[name]) {
			if address, ok := t["git"].(string); ok && !s.needGit(name, address, "pyproject.toml", s.project.line(name)) {
				return false
			}
		}
	}
	return true
}

// poetryScript writes what a project of Poetry depends on, in the terms of pip. Of
// alternatives it takes the last.
const poetryScript = tomlModule + `import re


def comparisons(text):
    for part in re.findall(r"(\^|~=|~|===?|[<>!]=|[<>=])?\s*([\w.*+-]+)", text.split("||")[-1]):
        op, version = part
        numbers = [int(n) for n in re.match(r"[\d.]*", version)[0].split(".") if n]
        if version == "*":
            continue
        if op in ("^", "~"):
            at = min(1, len(numbers) - 1) if op == "~" else next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
            yield ">=", version
            yield "<", ".".join(map(str, numbers[:at] + [numbers[at] + 1]))
        else:
            yield "==" if op in ("", "=") else op, version


def requirement(name, p):
    text = name + ("[" + ",".join(p["extras"]) + "]" if "extras" in p else "")
    if "git" in p:
        text += " @ git+" + p["git"] + "@" + (p.get("rev") or p.get("tag") or p.get("branch") or "HEAD")
    elif "url" in p:
        text += " @ " + p["url"]
    else:
        text += ",".join(op + version for op, version in comparisons(p.get("version", "*")))
    markers = ["python_full_version " + op + ' "' + version + '"' for op, version in comparisons(p.get("python", "*"))]
    markers += ["(" + p["markers"] + ")"] if "markers" in p else []
    markers += ['sys_platform == "' + p["platform"] + '"'] if "platform" in p else []
    return text + (" ; " + " and ".join(markers) if markers else "")


project = tomllib.load(open("pyproject.toml", "rb"))
for line in project.get("project", {}).get("dependencies", []):
    print(line)
standard = [re.sub(r"[-_.]+", "-", re.match(r"[\w.-]*", line)[0]).lower() for line in project.get("project", {}).get("dependencies", [])]
for name, wanted in project.get("tool", {}).get("poetry", {}).get("dependencies", {}).items():
    for p in wanted if isinstance(wanted, list) else [wanted]:
        p = p if isinstance(p, dict) else {"version": p}
        if name != "python" and re.sub(r"[-_.]+", "-", name).lower() not in standard and not {"path", "file"} & set(p) and not p.get("optional"):
            print(requirement(name, p))
`
