package origin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	files "github.com/slipway-build/slipway/internal/repository"
)

// question asks git about a repository of this machine that nobody has to trust. Git runs
// programs that a repository's settings name: filters of files, monitors, hooks, whatever
// fetches what a partial clone lacks. A list of them would end with the next version of
// git, so git does not read these settings: it gets a git directory of ours, with links to
// the objects, branches and index of the repository, and the few settings that say how
// they are stored. Nor does git look for the repository itself, because a directory of its
// files can be one too. The settings of the machine and the person hold.
type question struct {
	ctx context.Context
	dir string // where git runs
	env []string
	own *Context // its directory is the git directory
}

// question opens the repository that a directory belongs to. Close it after the answers.
func (s Source) question(ctx context.Context, dir string) (_ *question, err error) {
	dir = files.RealPath(dir)
	top, git, err := gitDirectory(dir)
	if err != nil {
		return nil, err
	}
	common := git
	if text, err := files.ReadFile(git, "commondir"); err == nil { // of a linked work tree
		common = namedIn(git, string(text))
	}
	own, err := s.open()
	if err != nil {
		return nil, fmt.Errorf("making a directory for git: %w", err)
	}
	q := &question{ctx: ctx, dir: dir, own: own, env: append(s.gitEnv(""),
		"GIT_DIR="+own.root, "GIT_WORK_TREE="+top, "GIT_OBJECT_DIRECTORY="+filepath.Join(common, "objects"), "GIT_INDEX_FILE="+filepath.Join(git, "index"),
		"GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none")}
	if err := q.prepare(git, common); err != nil {
		return nil, errors.Join(err, q.close())
	}
	return q, nil
}

func (q *question) close() error { return q.own.Close() }

// gitDirectory finds the repository that a directory belongs to: its top and its git
// directory. A bare repository is none, for it has no files to ask about.
func gitDirectory(dir string) (top, git string, err error) {
	for top = dir; ; top = filepath.Dir(top) {
		git = filepath.Join(top, ".git")
		if info, err := os.Stat(git); err == nil && !info.IsDir() {
			text, err := files.ReadFile(top, ".git")
			to, ok := strings.CutPrefix(string(text), "gitdir: ")
			if err != nil || !ok {
				return "", "", errors.Join(errors.New("not a git repository: "+git+" names none"), err)
			}
			git = namedIn(top, to)
		}
		if _, err := os.Lstat(filepath.Join(git, "HEAD")); err == nil {
			return top, git, nil
		}
		if filepath.Dir(top) == top {
			return "", "", errors.New("not a git repository, nor below one: " + dir)
		}
	}
}

// namedIn is a path that a file of git names, relative to a directory.
func namedIn(dir, text string) string {
	path := filepath.FromSlash(strings.TrimRight(text, "\r\n"))
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// prepare makes the git directory.
func (q *question) prepare(git, common string) error {
	head, err := files.ReadFile(git, "HEAD")
	if err != nil {
		return fmt.Errorf("reading the git directory %s: %w", git, err)
	}
	if err := os.WriteFile(filepath.Join(q.own.root, "HEAD"), head, 0o600); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(q.own.root, "info"), 0o700); err != nil {
		return err
	}
	links := map[string]string{"refs": common, "packed-refs": common, "reftable": common, "shallow": common, "info/exclude": common}
	split, _ := filepath.Glob(filepath.Join(git, "sharedindex.*"))
	for _, path := range split {
		links[filepath.Base(path)] = git
	}
	for name, dir := range links {
		path := filepath.Join(dir, filepath.FromSlash(name))
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue // git would wait for a pipe
		}
		if err := os.Symlink(path, filepath.Join(q.own.root, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return q.settle(git, common)
}

// stored are the settings that say how a repository is stored, and what its files look
// like where git has put them. No value of theirs is a program or a path.
func stored() []string {
	return []string{"core.autocrlf", "core.eol", "core.filemode", "core.ignorecase", "core.precomposeunicode", "core.symlinks", "extensions.objectformat", "extensions.refstorage"}
}

// settle writes the settings of the git directory.
func (q *question) settle(git, common string) error {
	config := filepath.Join(q.own.root, "config")
	if err := os.WriteFile(config, []byte("[core]\n\trepositoryformatversion = 0\n"), 0o600); err != nil {
		return err
	}
	theirs, err := files.Regular(common, "config")
	if err != nil {
		return fmt.Errorf("reading the settings of the repository: %w", err)
	}
	list, err := q.ask("config", "--null", "--list", "--no-includes", "--file", theirs)
	if err != nil {
		return err
	}
	text := "[core]\n\trepositoryformatversion = 1\n"
	word := regexp.MustCompile(`^[a-z0-9]+$`)
	for _, setting := range strings.Split(list, "\x00") {
		key, value, has := strings.Cut(setting, "\n")
		if !has {
			value = "true" // as git reads a name without a value
		}
		if !slices.Contains(stored(), key) || !word.MatchString(strings.ToLower(value)) {
			continue
		}
		if key == "extensions.refstorage" && value != "files" && git != common {
			return fmt.Errorf("the branches of %s are stored as %s, which Slipway cannot read from a linked work tree: run it in the main one", common, value)
		}
		section, name, _ := strings.Cut(key, ".")
		text += "[" + section + "]\n\t" + name + " = " + value + "\n"
	}
	return os.WriteFile(config, []byte(text), 0o600)
}

// command is git with what no setting of the person changes about the answers.
func (q *question) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.pager=cat", "-c", "diff.autoRefreshIndex=false"}, args...)...)
	cmd.Dir, cmd.Env = q.dir, q.env
	return cmd
}

func (q *question) ask(args ...string) (string, error) {
	cmd := q.command(q.ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if q.ctx.Err() != nil {
		return "", context.Cause(q.ctx)
	}
	if err != nil {
		return "", errors.New(strings.TrimSpace(errs.String() + " (" + err.Error() + ")"))
	}
	return out.String(), nil
}
