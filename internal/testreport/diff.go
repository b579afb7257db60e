package testreport

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

var hunk = pattern.Lazy(`^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

// Changed reads what `git diff --unified=0` prints, with git's default prefixes a/ and
// b/ or those of diff.mnemonicPrefix, and returns the numbers of the added and
// changed lines by path. Context lines are no changes, so any other --unified works
// too. A diff that ends in the middle is an error: its coverage would be too good.
func Changed(diff []byte) (map[string][]int, error) {
	out := map[string][]int{}
	file, next, removed, added := "", 0, 0, 0
	for n, line := range lines(diff) {
		if removed > 0 || added > 0 {
			switch {
			case strings.HasPrefix(line, "+"):
				if file != "" && len(out[file]) < maxLines {
					out[file] = append(out[file], next)
				}
				next, added = next+1, added-1
			case strings.HasPrefix(line, "-"):
				removed--
			case strings.HasPrefix(line, " ") || line == "":
				next, removed, added = next+1, removed-1, added-1
			case strings.HasPrefix(line, `\`):
			default:
				return nil, fmt.Errorf("reading the diff: line %d is in the middle of a change and begins with none of +, - and space", n)
			}
			continue
		}
		if strings.HasPrefix(line, "diff ") {
			file = ""
		}
		if name, ok := strings.CutPrefix(line, "+++ "); ok {
			file = target(name)
			continue
		}
		m := hunk().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		removed, next, added = size(m[1]), number(m[2]), size(m[3])
	}
	if removed > 0 || added > 0 {
		return nil, fmt.Errorf("reading the diff: it ends in the middle of the change of %q", file)
	}
	return out, nil
}

// size is the length of a hunk, 1 where it is left out.
func size(s string) int {
	if s == "" {
		return 1
	}
	return number(s)
}

// target is the path after +++, which git quotes as C does if it has to; empty for a
// file that was deleted.
func target(name string) string {
	name, _, _ = strings.Cut(name, "\t")
	if strings.HasPrefix(name, `"`) {
		if plain, err := strconv.Unquote(name); err == nil {
			name = plain
		}
	}
	if name == "/dev/null" {
		return ""
	}
	if len(name) > 2 && name[1] == '/' && strings.ContainsRune("abciwo", rune(name[0])) {
		name = name[2:]
	}
	return tidy(name)
}
