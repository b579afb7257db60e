package ecosystem

import (
	"strconv"
	"strings"
)

// Kept runs a command that only prints, and keeps what it prints as a report.
func Kept(command, report string) string {
	return "code=0; " + command + " > " + report + " 2>&1\n|| code=$?; cat " + report + "; ( exit $code )"
}

// DistinctReports keeps several runs of one tool from writing one file.
func DistinctReports(all []Check, dir string) []Check {
	seen := map[string]int{}
	for i, c := range all {
		if seen[c.Tool]++; seen[c.Tool] > 1 {
			own := dir + "/" + strconv.Itoa(seen[c.Tool])
			all[i].Run = "mkdir -p " + own + " && " + strings.ReplaceAll(c.Run, dir+"/", own+"/")
		}
	}
	return all
}
