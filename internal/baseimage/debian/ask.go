package debian

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// test answers test(1), of which scripts use the simple forms.
func (r *scriptReader) test(args []string) status {
	for _, op := range []string{"-o", "-a"} { // -a binds closer
		if i := slices.Index(args, op); i > 0 && i < len(args)-1 && !(len(args) == 3 && i == 1 && op == "-o") {
			left, right := r.test(args[:i]), r.test(args[i+1:])
			if op == "-a" {
				return statusOf(left == success && right == success)
			}
			return statusOf(left == success || right == success)
		}
	}
	switch {
	case len(args) > 1 && args[0] == "!":
		return statusOf(r.test(args[1:]) != success)
	case len(args) == 1:
		return statusOf(args[0] != "")
	case len(args) == 2:
		return r.unary(args[0], args[1])
	case len(args) == 3:
		return compare(args[0], args[1], args[2])
	}
	return failure
}

func (r *scriptReader) unary(op, arg string) status {
	switch op {
	case "-n":
		return statusOf(arg != "")
	case "-z":
		return statusOf(arg == "")
	case "-d":
		return statusOf(r.files.Dir(arg))
	case "-f", "-s", "-r", "-x", "-e":
		known := op == "-x" && slices.Contains(registering(), path.Base(arg))
		return statusOf(known || r.files.Exists(arg) && (op == "-e" || op == "-r" || op == "-x" || !r.files.Dir(arg)))
	case "-h", "-L":
		return failure // those that a script asks for are of earlier versions
	}
	return failure
}

func compare(a, op, b string) status {
	switch op {
	case "=", "==":
		return statusOf(a == b)
	case "!=":
		return statusOf(a != b)
	}
	n, err1 := strconv.Atoi(a)
	m, err2 := strconv.Atoi(b)
	if err1 != nil || err2 != nil {
		return failure
	}
	switch op {
	case "-eq":
		return statusOf(n == m)
	case "-ne":
		return statusOf(n != m)
	case "-lt":
		return statusOf(n < m)
	case "-le":
		return statusOf(n <= m)
	case "-gt":
		return statusOf(n > m)
	case "-ge":
		return statusOf(n >= m)
	}
	return failure
}

// registering are the programs whose calls are followed: scripts look for some first.
func registering() []string {
	return []string{"update-alternatives", "adduser", "useradd", "addgroup", "groupadd", "systemd-sysusers", "ucf"}
}

// question answers programs that scripts ask about the system. It is false for
// others.
func (r *scriptReader) question(name string, args []string) (status, bool) {
	has := func(flag string) bool { return slices.Contains(args, flag) }
	switch {
	case (name == "command" || name == "which" || name == "type") && len(args) > 0:
		program := args[len(args)-1]
		for _, dir := range []string{"/usr/bin/", "/usr/sbin/"} {
			if slices.Contains(registering(), program) || r.files.Exists(dir+program) {
				r.print("echo", []string{dir + program})
				return success, true
			}
		}
		return failure, true
	case name == "update-alternatives" && !has("--install"): // asks, sets or removes
		return statusOf(has("--remove") || has("--remove-all") || has("--auto")), true
	case name == "dpkg" && has("--print-architecture"):
		r.print("echo", []string{r.arch})
		return success, true
	case name == "dpkg" && len(args) == 4 && args[0] == "--compare-versions":
		return compareVersions(args[1], args[2], args[3]), true
	case name == "dpkg-architecture":
		r.print("echo", []string{map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[r.arch]})
		return success, true
	case name == "basename" && len(args) > 0:
		base := path.Base(args[0])
		if len(args) == 2 {
			base = strings.TrimSuffix(base, args[1])
		}
		r.print("echo", []string{base})
		return success, true
	case name == "dirname" && len(args) == 1:
		r.print("echo", []string{path.Dir(args[0])})
		return success, true
	case name == "mountpoint":
		return success, true
	case name == "getent" || name == "id" || strings.HasPrefix(name, "dpkg"): // nothing is there yet
		return failure, true
	case strings.HasPrefix(name, "db_") || strings.HasPrefix(name, "deb-systemd-") || name == "chmod" || name == "chown" || name == "rm" || name == "touch" || name == "ucfr":
		return success, true
	}
	return success, false
}

// compareVersions answers dpkg --compare-versions. A version that is missing, which is
// the one before a first installation, is earlier than any, or later with "-nl".
func compareVersions(a, op, b string) status {
	base, later := strings.CutSuffix(op, "-nl")
	if a == "" && b != "" {
		if later {
			return statusOf(base == "gt" || base == "ge" || base == "ne")
		}
		return statusOf(base == "lt" || base == "le" || base == "ne")
	}
	relations := map[string]string{"lt": "<<", "le": "<=", "eq": "=", "ge": ">=", "gt": ">>"}
	v, ok := parsed(a)
	if !ok || relations[base] == "" {
		return failure
	}
	return statusOf(relation{op: relations[base], version: b}.satisfied(v))
}
