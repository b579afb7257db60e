package testreport

import (
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

var goBlock = pattern.Lazy(`^(.+\.(?:go|s|y|rl)):(\d+)\.\d+,(\d+)\.\d+ (\d+) (\d+)$`)

// readProfile reads what `go test -coverprofile` writes. A file is named by its
// package's import path (Roots.Prefixes turns it into a directory). A block that
// several packages' tests cover comes once for each.
func readProfile(in *intake) error {
	type span struct {
		file     string
		from, to int
	}
	blocks, order := map[string]int{}, []string(nil)
	spans := map[string]span{}
	last, bad := 0, 0
	for n, line := range lines(in.content) {
		m := goBlock().FindStringSubmatch(line)
		last = n
		switch {
		case m != nil:
			key := line[:strings.LastIndexByte(line, ' ')]
			if _, ok := spans[key]; !ok {
				if len(order) >= maxCases*5 {
					return fault(n, "more than %d blocks: the rest was not read", maxCases*5, errLimit)
				}
				order = append(order, key)
				spans[key] = span{m[1], number(m[2]), number(m[3])}
			}
			blocks[key] = plus(blocks[key], number(m[5]))
			if m[4] == "0" {
				blocks[key] = -1
			}
		case strings.HasPrefix(line, "mode: ") || strings.TrimSpace(line) == "":
		case bad == 0:
			bad = n
		}
	}
	for _, key := range order {
		s := spans[key]
		if blocks[key] < 0 { // without statements
			continue
		}
		if err := in.block(s.file, s.from, s.to, blocks[key]); err != nil {
			return err
		}
	}
	if bad > 0 && bad == last {
		return fault(bad, "the file ends in the middle of a line")
	}
	if bad > 0 {
		return fault(bad, "the line is no block of a cover profile")
	}
	return nil
}

// block counts the lines of a block. Where two meet, the line has run as often as
// the one that ran more.
func (in *intake) block(file string, from, to, runs int) error {
	f := in.cover(file)
	if from < 1 || to < from || to > maxLine {
		return nil
	}
	for n := from; n <= to; n++ {
		if in.lines++; in.lines > maxLines {
			return fault(0, "coverage of more than %d lines: the rest was not read", maxLines, errLimit)
		}
		f.Lines[n] = max(f.Lines[n], runs)
	}
	return nil
}
