package testreport

import (
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

var goBlock = pattern.Lazy(`^(.+\.\w+):(\d+)\.(\d+),(\d+)\.(\d+) (\d+) (\d+)$`)

// readProfile reads what `go test -coverprofile` writes. A file is named by its
// package's import path (Roots.Prefixes turns it into a directory). A block that
// several packages' tests cover comes once for each.
func readProfile(in *intake) error {
	type place struct {
		file     string
		from, to Position
	}
	blocks, order := map[place]Block{}, []place(nil)
	last, bad := 0, 0
	for n, line := range lines(in.content) {
		last = n
		m := goBlock().FindStringSubmatch(line)
		if m == nil {
			if bad == 0 && !strings.HasPrefix(line, "mode: ") && strings.TrimSpace(line) != "" {
				bad = n
			}
			continue
		}
		at := place{m[1], Position{number(m[2]), number(m[3])}, Position{number(m[4]), number(m[5])}}
		b, ok := blocks[at]
		if !ok {
			if len(order) >= maxBlocks {
				return fault(n, "more than %d blocks: the rest was not read", maxBlocks, errLimit)
			}
			order = append(order, at)
		}
		blocks[at] = Block{at.from, at.to, number(m[6]), plus(b.Runs, number(m[7]))}
	}
	for _, at := range order {
		if err := in.block(at.file, blocks[at]); err != nil {
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

const maxBlocks = 1_000_000

// block counts the lines of a block. Where two meet, the line has run as often as
// the one that ran more.
func (in *intake) block(file string, b Block) error {
	f := in.cover(file)
	if b.Statements < 1 || b.From.Line < 1 || b.To.Line < b.From.Line || b.To.Line > maxLine {
		return nil
	}
	b.Statements = min(b.Statements, maxLine)
	f.Blocks = append(f.Blocks, b)
	for n := b.From.Line; n <= b.To.Line; n++ {
		if in.lines++; in.lines > maxLines {
			return fault(0, "coverage of more than %d lines: the rest was not read", maxLines, errLimit)
		}
		f.Lines[n] = max(f.Lines[n], b.Runs)
	}
	return nil
}
