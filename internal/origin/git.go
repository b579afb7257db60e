package origin

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/quota"
)

// clone fetches one commit of a repository and makes its directory the context.
func (s Source) clone(ctx context.Context, c *Context, g dockerfile.Git) error {
	if _, err := exec.LookPath("git"); err != nil {
		return diag.Fail(diag.ExitUsage, "the program git is missing, and %s is a git repository", c.From).
			WithHint("install git, or clone the repository elsewhere and build its directory")
	}
	sub := strings.Trim(g.SubDir, "/")
	if sub != "" && !filepath.IsLocal(filepath.FromSlash(sub)) {
		return diag.Fail(diag.ExitUsage, "the directory %s is outside of the repository %s", g.SubDir, c.From).WithHint("name a directory of the repository after the colon")
	}
	if err := c.make(g.Name); err != nil {
		return err
	}
	run := repository{ctx: ctx, dir: c.Dir, from: c.From, remote: withoutPassword(g.Remote), written: g.Remote, env: s.gitEnv(g.Remote), room: quota.New(c.maxBytes)}
	if err := run.checkout(g); err != nil {
		return err
	}
	if g.Submodules {
		if err := s.submodules(c, run); err != nil {
			return err
		}
	}
	if !g.KeepGitDir {
		if err := os.RemoveAll(filepath.Join(c.Dir, ".git")); err != nil {
			return err
		}
	}
	if sub == "" {
		return nil
	}
	return c.enter(sub)
}

// enter makes a directory below the context the context.
func (c *Context) enter(sub string) error {
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Stat(filepath.FromSlash(sub)) // does not leave the repository over a link
	if err != nil || !info.IsDir() {
		return diag.Fail(diag.ExitUsage, "the repository %s has no directory %s", c.From, sub).WithHint("name a directory of the repository after the colon")
	}
	c.Dir = filepath.Join(c.Dir, filepath.FromSlash(sub))
	return nil
}

// repository is a checkout that git works on.
type repository struct {
	ctx    context.Context
	dir    string
	from   string // for messages
	remote string // without a password, because arguments of programs are visible to everybody
	// written is the remote as the person wrote it: what it holds is hidden in messages.
	written string
	env     []string
	room    *quota.Quota // for all files, those of submodules too
	hint    string       // about a failure; empty: one that fits git's words
}

// commitID is a complete name of a commit.
func commitID(ref string) bool {
	return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`).MatchString(ref)
}

// checkout fetches what the address names, with as little history as the server
// allows.
func (r repository) checkout(g dockerfile.Git) error {
	ref := g.Ref
	if ref == "" && g.Commit != "" {
		ref = g.Commit
	}
	if ref == "" {
		ref = "HEAD"
	}
	if strings.HasPrefix(ref, "-") {
		return diag.Fail(diag.ExitUsage, "%q is not a branch, tag or commit", ref).WithHint("https://HOST/REPOSITORY.git#BRANCH:DIRECTORY")
	}
	if err := r.git("init", "--quiet"); err != nil {
		return err
	}
	err := r.git("fetch", "--quiet", "--depth=1", "--no-tags", "--", r.remote, ref)
	switch {
	case err == nil:
		ref = "FETCH_HEAD"
	case commitID(ref) || abbreviated(ref): // a server may give commits only with the branches that have them
		if again := r.git("fetch", "--quiet", "--tags", "--", r.remote, "+refs/heads/*:refs/remotes/origin/*"); again != nil {
			return again
		}
	default:
		return err
	}
	if err := r.weigh(ref); err != nil {
		return err
	}
	if err := r.git("checkout", "--quiet", "--detach", ref); err != nil {
		return err
	}
	return r.verify(g.Commit)
}

// weigh counts the files of a commit, by what git's objects say of their sizes, before
// they are written: a pack of a megabyte can hold gigabytes of zeros.
func (r repository) weigh(commit string) error {
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, "git", "ls-tree", "-r", "-l", "-z", commit)
	cmd.Dir, cmd.Env = r.dir, r.env
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	large := r.take(bufio.NewReader(out))
	if large != nil {
		stop()
	}
	err = cmd.Wait()
	switch {
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case large != nil:
		return diag.Fail(diag.ExitUsage, "the repository %s is too large", r.from).Because(large).WithHint("if you trust it, allow more: --max-unpacked 100GB")
	case err != nil:
		return r.failed(errs.String(), "checkout")
	}
	return nil
}

// take reads "MODE TYPE OBJECT SIZE<tab>PATH" of each file.
func (r repository) take(list *bufio.Reader) error {
	for {
		entry, err := list.ReadString(0)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		words, _, _ := strings.Cut(entry, "\t")
		size := int64(0)
		if f := strings.Fields(words); len(f) == 4 && f[3] != "-" { // a submodule has none
			if size, err = strconv.ParseInt(f[3], 10, 64); err != nil {
				return err
			}
		}
		if err := r.room.Take(size); err != nil {
			return err
		}
	}
}

func abbreviated(ref string) bool { return regexp.MustCompile(`^[0-9a-f]{7,}$`).MatchString(ref) }

// verify compares what was checked out with the commit that the address demands.
func (r repository) verify(commit string) error {
	if commit == "" {
		return nil
	}
	out, err := r.output("rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(out); !strings.HasPrefix(got, commit) {
		return diag.Fail(diag.ExitUsage, "the repository %s is at commit %s, not %s", r.from, got, commit).WithHint("check the address; the branch or tag may have moved")
	}
	return nil
}

func (r repository) git(args ...string) error {
	_, err := r.output(args...)
	return err
}

// output runs git, which asks for nothing, and returns what it prints.
func (r repository) output(args ...string) (string, error) {
	cmd := exec.CommandContext(r.ctx, "git", args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case r.ctx.Err() != nil:
		return "", context.Cause(r.ctx)
	}
	return "", r.failed(errs.String(), args[0])
}

// failed explains what git says.
func (r repository) failed(said, step string) error {
	said = strings.TrimSpace(redactText(r.written, said))
	return diag.Fail(diag.ExitUsage, "git cannot get the build context %s", r.from).Because(errors.New(said)).WithHint("%s", cmp.Or(r.hint, hintOf(said, step)))
}

// hintOf says what to do about the words of git.
func hintOf(said, step string) string {
	switch {
	case strings.Contains(said, "could not read Username"), strings.Contains(said, "Authentication failed"), strings.Contains(said, "terminal prompts disabled"):
		return "for a private repository: --secret id=GIT_AUTH_TOKEN,env=VARIABLE, a credential helper of git, or ssh"
	case strings.Contains(said, "Permission denied (publickey"), strings.Contains(said, "Host key verification failed"):
		return "check that `ssh HOST` works without a question: keys in the agent, the host in known_hosts"
	case strings.Contains(said, "couldn't find remote ref"), step == "checkout":
		return "name a branch, tag or commit of the repository after #"
	}
	return "check the address: git ls-remote ADDRESS"
}

// withoutPassword returns an address over HTTP without its user and password, which
// git gets by its environment.
func withoutPassword(remote string) string {
	if u, err := url.Parse(remote); err == nil && u.User != nil && strings.HasPrefix(u.Scheme, "http") {
		u.User = nil
		return u.String()
	}
	return remote
}

// gitEnv is the environment of git: it never waits for a person, runs no hook, and
// has the token of a build secret.
func (s Source) gitEnv(remote string) []string {
	var env []string
	count := 0 // of settings that the person gives by the environment
	for _, e := range s.Environ {
		name, value, _ := strings.Cut(e, "=")
		switch name {
		case "GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE": // of a hook that runs slipway
		case "GIT_CONFIG_COUNT":
			count, _ = strconv.Atoi(value)
		default:
			env = append(env, e)
		}
	}
	env = append(env, "GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never", "LC_ALL=C")
	if !has(s.Environ, "GIT_SSH_COMMAND") && !has(s.Environ, "GIT_SSH") {
		env = append(env, "GIT_SSH_COMMAND=ssh -o BatchMode=yes")
	}
	settings := [][2]string{{"advice.detachedHead", "false"}, {"core.hooksPath", os.DevNull}}
	u, err := url.Parse(remote)
	if err == nil && u.User != nil && strings.HasPrefix(u.Scheme, "http") {
		settings = append(settings, [2]string{"url." + u.Scheme + "://" + u.User.String() + "@" + u.Host + "/.insteadOf", u.Scheme + "://" + u.Host + "/"})
	}
	if err == nil && u.Scheme == "https" && s.Secret != nil {
		key := "http." + u.Scheme + "://" + u.Host + "/.extraHeader"
		if header, ok := s.Secret("GIT_AUTH_HEADER"); ok {
			settings = append(settings, [2]string{key, "Authorization: " + strings.TrimSpace(header)})
		} else if token, ok := s.Secret("GIT_AUTH_TOKEN"); ok {
			basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + strings.TrimSpace(token)))
			settings = append(settings, [2]string{key, "Authorization: basic " + basic})
		}
	}
	env = append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", count+len(settings)))
	for i, kv := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", count+i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", count+i, kv[1]))
	}
	return env
}

// has reports whether an environment sets a variable.
func has(environ []string, name string) bool {
	for _, e := range environ {
		if strings.HasPrefix(e, name+"=") {
			return true
		}
	}
	return false
}
