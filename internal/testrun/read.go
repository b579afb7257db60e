package testrun

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/testreport"
)

// maxRead bounds the files of a run that are looked at: the pages of a coverage report
// are no reports themselves.
const maxRead = 2000

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
	return all.Rerun(last), nil
}

func readReports(dir, stage string) (testreport.Report, error) {
	var r testreport.Report
	root, err := os.OpenRoot(dir)
	if err != nil {
		return r, err
	}
	defer root.Close()
	n := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || path.Base(name) == StatusName || name == SkippedName {
			return err
		}
		if n++; n > maxRead {
			return fs.SkipAll
		}
		content, err := repository.Read(root, name)
		if err != nil {
			r.Problems = append(r.Problems, testreport.Unreadable{Stage: stage, File: name, Text: innermost(err).Error()})
			return nil
		}
		if err := testreport.Read(&r, stage, name, content); err != nil && !errors.Is(err, testreport.ErrUnknown) {
			r.Problems = append(r.Problems, testreport.Unreadable{Stage: stage, File: name, Text: err.Error()})
		}
		return nil
	})
	return r, err
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
