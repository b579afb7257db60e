package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

var exactVersion = pattern.Lazy(`^\d{1,4}(\.\d{1,6}){0,2}(-[0-9A-Za-z.-]{1,40})?$`)

// decideVersion decides on the version of the manager: the named one where it
// reads the lock file, else one that does. It returns why.
func (s *service) decideVersion(version, lock string) string {
	m := &s.manager
	if oldYarn := strings.HasPrefix(version, "1.") || version == "1"; m.name == "yarn" && !oldYarn || m.name == "berry" && oldYarn {
		version = "" // of another Yarn than that of the lock file
	}
	known := pins(m.name)
	switch major, isRange := chooseOf(version, known); {
	case known[number(version)] != "":
		m.version = known[number(version)]
		return "version from packageManager"
	case exactVersion().MatchString(version):
		m.version = version
		return "version from packageManager"
	case version != "" && isRange:
		m.version = known[major]
		return fmt.Sprintf("packageManager (%q)", version)
	case version != "":
		s.Unwise(codeManager, s.topFile("package.json"), s.topManifest().line("packageManager"), fmt.Sprintf("write \"packageManager\": \"%s@%s\"", m.word(), known[usual(m.name)]),
			"%q is not a version of %s", version, m.word())
	}
	var why string
	m.version, why = s.managerVersion(lock)
	return why
}

// number is a text that is a number, else -1.
func number(text string) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return -1
}

// managerVersion is the version for a repository whose packageManager names none.
func (s *service) managerVersion(lock string) (version, why string) {
	m, top := s.manager, s.topManifest()
	known := pins(m.name)
	if v := top.Volta[m.word()]; exactVersion().MatchString(v) {
		return v, "version from volta"
	}
	format := s.lockFormat(lock)
	if text := top.Engines[m.word()]; text != "" {
		if spans, err := spansOf(text); err == nil {
			for _, major := range []int{majorOf(format), usual(m.name)} {
				if known[major] != "" && slices.ContainsFunc(spans, func(s span) bool { return s.touches(major) }) {
					return ecosystem.Or(format, known[major]), fmt.Sprintf("engines (%q)", text)
				}
			}
			if major, ok := chooseOf(text, known); ok && format == "" {
				return known[major], fmt.Sprintf("engines (%q)", text)
			}
		}
	}
	if format != "" {
		return format, "version for its format"
	}
	return known[usual(m.name)], "default version"
}

var (
	lockVersion = pattern.Lazy(`(?m)^lockfileVersion: '?"?(\d+)`)
	yarnFormat  = pattern.Lazy(`__metadata:\s+version: "?(\d+)"?(?:\s+cacheKey: "?(\d+))?`)
)

// lockFormat is the version of the manager that writes the lock file's format: a
// newer one would write it anew. "" says nothing. The formats of Yarn are those
// that its releases wrote on 2026-11-29.
func (s *service) lockFormat(lock string) string {
	known := pins(s.manager.name)
	switch s.manager.name {
	case "pnpm":
		f := lockVersion().FindStringSubmatch(lock)
		switch {
		case f == nil:
		case f[1] == "5":
			return known[7] // which reads 5.3 too; pnpm 6 fails on Node.js 20 and later
		case f[1] == "6":
			return known[8]
		case f[1] == "9" && s.scriptsNeedOldPnpm(lock):
			return known[9]
		}
	case "berry":
		f := yarnFormat().FindStringSubmatch(lock)
		if f == nil {
			return ""
		}
		switch format := number(f[1]); {
		case format < 4, format == 4 && f[2] == "7":
			return known[2]
		case format == 4:
			return "3.0.2"
		case format == 5:
			return "3.1.1"
		case format == 6:
			return known[3]
		case format <= 8:
			return "4.13.0"
		case format == 9:
			return "4.14.1"
		}
	}
	return ""
}

// scriptsNeedOldPnpm reports packages that compile themselves in a repository that
// allows no scripts: pnpm 9 runs those of every package, later ones only of those
// that the repository names (https://pnpm.io/settings#onlybuiltdependencies).
func (s *service) scriptsNeedOldPnpm(lock string) bool {
	if !compileSigns().MatchString(lock) {
		return false
	}
	settings, _ := ecosystem.Read(s.top, "pnpm-workspace.yaml")
	text := string(settings) + string(s.topManifest().data)
	return !slices.ContainsFunc([]string{"onlyBuiltDependencies", "allowBuilds", "ignoredBuiltDependencies", "dangerouslyAllowAllBuilds"}, func(key string) bool { return strings.Contains(text, key) })
}

// majorOf is the first number of a version, 0 without one.
func majorOf(version string) int {
	first, _, _ := strings.Cut(version, ".")
	return max(number(first), 0)
}

// chooseOf returns the highest major of those known that a range allows.
func chooseOf(text string, known map[int]string) (int, bool) {
	spans, err := spansOf(text)
	if text == "" || err != nil {
		return 0, false
	}
	best := 0
	for major := range known {
		if slices.ContainsFunc(spans, func(s span) bool { return s.touches(major) }) {
			best = max(best, major)
		}
	}
	return best, best > 0
}
