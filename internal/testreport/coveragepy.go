package testreport

import (
	"bytes"
	"slices"
)

// isCoveragePy recognises the JSON of coverage.py by the keys of its root.
func isCoveragePy(in *intake) bool {
	keys := in.keys()
	return slices.Contains(keys, "meta") && (slices.Contains(keys, "files") || bytes.Contains(in.head(), []byte(`"branch_coverage"`)))
}

// readCoveragePy reads `coverage json`. It says which lines ran and not how often.
func readCoveragePy(in *intake) error {
	type branch [2]int
	d := in.document()
	file := func(name string) error {
		var lines struct {
			Executed        []int    `json:"executed_lines"`
			Missing         []int    `json:"missing_lines"`
			ExecutedBranch  []branch `json:"executed_branches"`
			MissingBranches []branch `json:"missing_branches"`
		}
		if err := d.Decode(&lines); err != nil {
			return err
		}
		f := in.cover(name)
		f.Branches += len(lines.ExecutedBranch) + len(lines.MissingBranches)
		f.BranchesTaken += len(lines.ExecutedBranch)
		for runs, numbers := range [][]int{lines.Missing, lines.Executed} {
			for _, n := range numbers {
				if err := in.line(f, n, runs); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return d.whole(func() error {
		return d.object(func(key string) func() error {
			if key != "files" {
				return nil
			}
			return func() error {
				return d.object(func(name string) func() error { return func() error { return file(name) } })
			}
		})
	})
}
