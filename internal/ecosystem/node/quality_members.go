package node

import (
	"io/fs"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// memberTests are the unit tests of the members of the workspace that the service is
// made of, which no other service need run.
func (s *service) memberTests() []ecosystem.Check {
	var out []ecosystem.Check
	for _, m := range s.needed {
		dir, err := fs.Sub(s.top, m.dir)
		if err != nil || s.member == "" {
			continue
		}
		one := *s
		one.Dir, one.member, one.pkg = dir, m.dir, m.pkg
		up := strings.Repeat("../", strings.Count(s.member, "/")+1)
		for _, c := range one.scriptChecks(plan.StageUnitTests, &ecosystem.Proof{Missing: map[string]string{}}) {
			at := path.Join(s.workDir(), m.dir)
			run := "( cd " + at + " && " + c.Run + " )"
			if dir := plan.ReportsOf(plan.StageUnitTests); strings.Contains(c.Run, "lcov") { // its paths are relative to the member
				run = "code=0; " + run + "\n|| code=$?; for f in " + dir + "/lcov.info " + dir + "/coverage/lcov.info; do test ! -f $f || sed -i 's|^SF:\\([^/]\\)|SF:" + at + "/\\1|' $f; done; ( exit $code )"
			}
			c.Run, c.File = run, up+m.dir+"/package.json"
			out = append(out, c)
		}
	}
	return out
}
