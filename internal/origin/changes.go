package origin

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	files "github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/testreport"
)

// maxUntracked is how many new files count as changed.
const maxUntracked = 5000

// Changes returns the numbers of the lines below a directory that differ from where its
// branch left a base, such as "main" or a commit, by path relative to the directory.
// Files that git does not know yet are changed as a whole. No program runs that the
// repository's settings name.
func (s Source) Changes(ctx context.Context, dir, base string) (_ map[string][]int, err error) {
	if strings.HasPrefix(base, "-") || base == "" {
		return nil, diag.Fail(diag.ExitUsage, "invalid --since %q", base).WithHint("--since main names a branch, a tag or a commit")
	}
	if _, err := exec.LookPath("git"); err != nil {
		return nil, diag.Fail(diag.ExitUsage, "the program git is missing, and --since asks it for the changed lines").WithHint("install git, or remove --since")
	}
	q, err := s.question(ctx, dir)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "git does not tell what changed since %s", base).Because(err).WithHint("--since needs a directory of a git repository")
	}
	defer func() { err = errors.Join(err, q.close()) }()
	fork, err := q.ask("merge-base", base, "HEAD")
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "git does not tell where %s was branched off", base).Because(err).
			WithHint("git fetch origin %s brings it here; a shallow clone needs its history: git fetch --unshallow", base)
	}
	diff, err := q.ask("diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--relative", "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all", strings.TrimSpace(fork), "--", ".")
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "git does not tell what changed since %s", base).Because(err).WithHint("git diff %s; in a partial clone that fetches what is missing", base)
	}
	changed, err := testreport.Changed([]byte(diff))
	if err != nil {
		return nil, err
	}
	names, err := q.ask("ls-files", "-z", "--others", "--exclude-standard", "--", ".")
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "git does not tell which files are new since %s", base).Because(err).WithHint("git status")
	}
	for i, name := range strings.Split(strings.TrimSuffix(names, "\x00"), "\x00") {
		if i == maxUntracked || name == "" {
			break
		}
		if data, err := files.ReadFile(dir, name); err == nil { // what is no file has no lines
			for n := range bytes.Count(data, []byte("\n")) + 1 {
				changed[name] = append(changed[name], n+1)
			}
		}
	}
	return changed, nil
}
