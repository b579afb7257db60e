package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// scripts finds what generates and builds, and what install scripts do.
func (s *service) scripts() {
	all := s.pkg.Scripts
	if text, ok := all[s.building]; ok {
		s.build = s.building
		s.outDir = s.outputDir(text)
		s.Fact("build", "npm run "+s.build, fmt.Sprintf("%q", text), "package.json", s.pkg.line("scripts", s.build))
	} else if s.Want.Build != "" {
		s.OnConfig(codeNoBuild, "build: is one of its scripts: "+strings.Join(slices.Sorted(maps.Keys(all)), ", "), "package.json has no script %q", s.building)
	}
	s.findGenerator()
	s.lifecycleScripts()
}
