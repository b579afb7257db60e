package ecosystem

import (
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// Kept runs a command that only prints, and keeps what it prints as a report.
func Kept(command, report string) string {
	return "code=0; " + command + " > " + report + " 2>&1\n|| code=$?; cat " + report + "; ( exit $code )"
}

// reportFile is a file or directory that a command names right below a directory.
var reportFile = pattern.Lazy(`/reports/[\w-]+/([\w.\[\]-]+)`)

// DistinctReports keeps several runs of one stage from writing one file: a run that names
// a file of an earlier one has a directory of its own.
func DistinctReports(all []Check, dir string) []Check {
	seen := map[string]bool{}
	for i, c := range all {
		var files []string
		for _, m := range reportFile().FindAllStringSubmatch(c.Run, -1) {
			files = append(files, m[1])
		}
		if slices.ContainsFunc(files, func(f string) bool { return seen[f] }) {
			own := dir + "/" + strconv.Itoa(i+1)
			all[i].Run = "mkdir -p " + own + " && " + strings.ReplaceAll(c.Run, dir+"/", own+"/")
		}
		for _, f := range files {
			seen[f] = true
		}
	}
	return all
}
