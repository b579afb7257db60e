package testrun

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/testreport"
)

// maxRead bounds the files of a run that are read, and maxSeen those that are looked at.
const (
	maxRead = 2000
	maxSeen = 200_000
)

// pages are the extensions of what coverage reports and browsers leave beside reports.
func pages() []string {
	return []string{".html", ".htm", ".css", ".js", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".woff", ".woff2", ".ttf", ".webm", ".mp4", ".zip", ".gz"}
}

// Report reads what a run reports. What failed in an earlier attempt and passed in the
// last is flaky.
func (k Kept) Report() (testreport.Report, error) {
	var all testreport.Report
	for _, dir := range k.EarlierDirs() {
		r, err := readReports(dir, k.Stage)
		if err != nil {
			return all, err
		}
		r.Coverage, r.Findings, r.Problems = nil, nil, nil
		all = all.Rerun(r)
	}
	last, err := readReports(k.Dir, k.Stage)
	if err != nil {
		return all, err
	}
	all = all.Rerun(last)
	if k.Passed && len(k.EarlierDirs()) > 0 {
		all = all.Settled(last)
	}
	return all, nil
}

func readReports(dir, stage string) (testreport.Report, error) {
	var r testreport.Report
	root, err := os.OpenRoot(dir)
	if err != nil {
		return r, err
	}
	defer root.Close()
	names, cut, err := candidates(root.FS())
	if err != nil {
		return r, err
	}
	if cut > 0 {
		r.Problems = append(r.Problems, testreport.Unreadable{Stage: stage, File: ".", Text: fmt.Sprintf("%d files were not read: the stage left more than %d", cut, maxRead)})
	}
	for _, name := range names {
		content, err := repository.Read(root, name)
		if err != nil {
			r.Problems = append(r.Problems, testreport.Unreadable{Stage: stage, File: name, Text: innermost(err).Error()})
			continue
		}
		if err := testreport.Read(&r, stage, name, content); err != nil && !errors.Is(err, testreport.ErrUnknown) {
			r.Problems = append(r.Problems, testreport.Unreadable{Stage: stage, File: name, Text: err.Error()})
		}
	}
	return r, nil
}

// candidates are the files of a run that may be reports, in the order of their names, and
// how many more there are. Of too many, those stay whose names promise a report, then
// those that are in the fewest directories.
func candidates(dir fs.FS) (names []string, cut int, err error) {
	seen := 0
	err = fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || path.Base(name) == StatusName || name == SkippedName {
			return err
		}
		if seen++; seen > maxSeen {
			cut++
			return nil
		}
		if testreport.Named(name) || !slices.Contains(pages(), strings.ToLower(path.Ext(name))) {
			names = append(names, name)
		}
		return nil
	})
	if len(names) <= maxRead {
		return names, cut, err
	}
	rank := func(name string) int {
		if testreport.Named(name) {
			return 0
		}
		return 1 + strings.Count(name, "/")
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	cut += len(names) - maxRead
	names = names[:maxRead]
	slices.Sort(names)
	return names, cut, err
}

// SkippedName is the file in which a stage that ran nothing says why.
const SkippedName = "skipped"

// Skipped is why a stage ran nothing; empty: it ran.
func (k Kept) Skipped() string {
	data, err := repository.ReadFile(k.Dir, SkippedName)
	if err != nil {
		return ""
	}
	return cmp.Or(strings.TrimSpace(string(data[:min(len(data), 1000)])), "it says no reason")
}

// innermost is the cause of an error about a path.
func innermost(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}
