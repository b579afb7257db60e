package rootless

import (
	"strconv"
	"strings"
)

// idMap is one line of a namespace's id table: Count ids, from Inside on, are
// the machine's ids from Outside on.
type idMap struct{ Inside, Outside, Count int64 }

const (
	maxSubIDs = 65536 // as many as useradd gives; images use ids up to 65534
	maxRanges = 300   // the kernel takes 340
)

// mapIDs returns the table in which 0 is the user's own id and 1, 2, … are the
// subordinate ids that a file such as /etc/subuid gives the user, by name or by
// number. Lines that are not well-formed or overlap earlier ones do not count.
func mapIDs(file, name string, uid, own int) []idMap {
	table := []idMap{{Inside: 0, Outside: int64(own), Count: 1}}
	next := int64(1)
	for line := range strings.Lines(file) {
		first, count, ok := parseSubID(strings.TrimSpace(line), name, uid)
		count = min(count, maxSubIDs+1-next)
		if !ok || count <= 0 || len(table) > maxRanges || overlaps(table, first, count) {
			continue
		}
		table = append(table, idMap{Inside: next, Outside: first, Count: count})
		next += count
	}
	return table
}

// parseSubID reads "user:first:count"; ok is false when it is another user's
// or not well-formed.
func parseSubID(line, name string, uid int) (first, count int64, ok bool) {
	fields := strings.Split(line, ":")
	if len(fields) != 3 || fields[0] == "" || (fields[0] != name && fields[0] != strconv.Itoa(uid)) {
		return 0, 0, false
	}
	a, errA := strconv.ParseUint(fields[1], 10, 32)
	n, errN := strconv.ParseUint(fields[2], 10, 32)
	// The last id there is, 2^32-1, means "none".
	if errA != nil || errN != nil || n == 0 || a+n > 1<<32-1 {
		return 0, 0, false
	}
	return int64(a), int64(n), true
}

// freeIDs returns an id from which on no user has subordinate ids.
func freeIDs(file string) int64 {
	free := int64(100000) // where Debian and Fedora begin
	for line := range strings.Lines(file) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, ":")
		if first, count, ok := parseSubID(line, name, -1); ok {
			free = max(free, first+count)
		}
	}
	return free
}

func overlaps(table []idMap, first, count int64) bool {
	for _, m := range table {
		if first < m.Outside+m.Count && m.Outside < first+count {
			return true
		}
	}
	return false
}

// mapArgs is the command line of newuidmap and newgidmap.
func mapArgs(pid int, table []idMap) []string {
	args := []string{strconv.Itoa(pid)}
	for _, m := range table {
		for _, n := range [...]int64{m.Inside, m.Outside, m.Count} {
			args = append(args, strconv.FormatInt(n, 10))
		}
	}
	return args
}

// mapText is the table as the kernel reads it.
func mapText(table []idMap) string {
	var b strings.Builder
	for _, m := range table {
		b.WriteString(strings.Join(mapArgs(int(m.Inside), []idMap{m})[1:], " ") + "\n")
	}
	return b.String()
}
