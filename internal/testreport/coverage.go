package testreport

import (
	"maps"
	"slices"
	"sort"
	"strings"
)

// Coverage sums lines that can run and those that did. In sources of Go, where the tool
// counts statements, the first two are statements; a change's are lines everywhere.
type Coverage struct {
	Lines         int      `json:"lines"`
	Covered       int      `json:"covered"`
	Branches      int      `json:"branches,omitempty"`
	BranchesTaken int      `json:"branches_taken,omitempty"`
	Missed        []Missed `json:"missed,omitempty"` // files with lines that did not run, most lines first
}

// Missed is a file and its lines that did not run, in order.
type Missed struct {
	Path  string `json:"path"`
	Lines []int  `json:"lines"`
}

// Percent is 0 to 100, and 100 where there is no line that can run: then nothing was
// missed. Lines tells the two apart.
func (c Coverage) Percent() float64 {
	if c.Lines == 0 {
		return 100
	}
	return 100 * float64(c.Covered) / float64(c.Lines)
}

// Covered returns the coverage of everything that the report covers.
func (r Report) Covered() Coverage {
	var out Coverage
	for _, f := range r.Coverage {
		before := out
		out.add(f, slices.Collect(maps.Keys(f.Lines)))
		if len(f.Blocks) > 0 {
			out.Lines, out.Covered = before.Lines, before.Covered
		}
		for _, b := range f.Blocks {
			out.Lines += b.Statements
			if b.Runs > 0 {
				out.Covered += b.Statements
			}
		}
		out.Branches += f.Branches
		out.BranchesTaken += f.BranchesTaken
	}
	out.sort()
	return out
}

// CoveredChange returns the coverage of the changed lines that can run. Files that no
// report covers, such as documents, do not count; neither do comments. The paths of
// both have to be relative to the same directory (Relocate).
func (r Report) CoveredChange(changed map[string][]int) Coverage {
	var out Coverage
	for _, f := range r.Coverage {
		out.add(f, changed[f.Path])
	}
	out.sort()
	return out
}

func (c *Coverage) add(f File, numbers []int) {
	var missed []int
	seen := map[int]bool{}
	for _, n := range numbers {
		runs, can := f.Lines[n]
		if !can || seen[n] {
			continue
		}
		seen[n] = true
		c.Lines++
		if runs > 0 {
			c.Covered++
		} else {
			missed = append(missed, n)
		}
	}
	if len(missed) > 0 {
		sort.Ints(missed)
		c.Missed = append(c.Missed, Missed{f.Path, missed})
	}
}

func (c *Coverage) sort() {
	slices.SortFunc(c.Missed, func(a, b Missed) int {
		if len(a.Lines) != len(b.Lines) {
			return len(b.Lines) - len(a.Lines)
		}
		return strings.Compare(a.Path, b.Path)
	})
}
