// Package origin brings build contexts that are no directory here into one: a git
// repository, an archive or Dockerfile at a URL, and what standard input holds. It
// runs `git` for repositories, as the person would, with their keys and settings;
// submodules come without these unless the person trusts the repository. It asks for
// no password. It builds nothing, and its messages hold no credentials.
//
//	from := origin.Source{Dir: stateDir + "/contexts", Stdin: os.Stdin}
//	c, err := from.Fetch(ctx, "https://git.example/acme/web.git#main:api")
//	defer c.Close()
//	// build c.Dir
package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
)

// Stdin is the word that names standard input.
const Stdin = "-"

// Source is where contexts come from.
type Source struct {
	Dir     string       // contexts are directories below it
	Stdin   io.Reader    // of this process
	Client  *http.Client // nil: one with the machine's proxy and certificates
	Environ []string     // of git
	// Secret returns a build secret: GIT_AUTH_TOKEN and GIT_AUTH_HEADER let git read
	// private repositories over https, as with docker build. May be nil.
	Secret func(id string) (string, bool)
	// MaxBytes bounds what an archive unpacks to, and what is checked out of a repository
	// with its submodules; 0: no limit.
	MaxBytes int64
	// Trusted reports whether the submodules of the repository at an address are fetched
	// with the person's keys and logins; nil: those of none are.
	Trusted func(address string) (bool, error)
	// Outside reports whether an address is none of this machine's. Submodules of other
	// repositories come from such addresses only; nil: there is none.
	Outside func(context.Context, netip.AddrPort) bool
}

// Context is a directory to build from. Close it after the build.
type Context struct {
	Dir        string
	Dockerfile []byte // what came instead of a context: then Dir is empty; else nil
	From       string // the word that it came from, without credentials
	Git        bool   // a checkout: the modes of files are those of this process's umask

	root     string
	lock     *flock.Flock
	maxBytes int64
}

// Is reports whether a word is one that Fetch takes: standard input or an address.
// github.com/acme/web is an address where no directory has that name.
func Is(word string, isDir func(string) bool) bool {
	if word == Stdin || isURL(word) {
		return true
	}
	g, is, _ := dockerfile.ParseGit(word)
	return is && !(g.LikeAPath && isDir(word))
}

func isURL(word string) bool {
	return strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://")
}

// Fetch brings a context here.
func (s Source) Fetch(ctx context.Context, word string) (_ *Context, err error) {
	c, err := s.open()
	if err != nil {
		return nil, fmt.Errorf("making a directory for the build context: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	c.From, c.maxBytes = Redacted(word), s.MaxBytes
	git, is, err := dockerfile.ParseGit(word)
	switch {
	case word == Stdin:
		c.From = "standard input"
		return c, c.unpack("context", s.Stdin)
	case is && err != nil:
		return c, diag.Fail(diag.ExitUsage, "invalid address of a git repository: %s", c.From).Because(redactedIn(word, err)).
			WithHint("https://HOST/REPOSITORY.git#BRANCH:DIRECTORY")
	case is:
		c.Git = true
		return c, s.clone(ctx, c, git)
	}
	body, err := s.get(ctx, word)
	if err != nil {
		return c, err
	}
	defer body.Close()
	return c, c.unpack(nameOf(word), body)
}

// Dockerfile reads the Dockerfile that standard input or a URL holds.
func (s Source) Dockerfile(ctx context.Context, word string) ([]byte, error) {
	in := s.Stdin
	if word != Stdin {
		body, err := s.get(ctx, word)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		in = body
	}
	text, err := readDockerfile(in)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "the Dockerfile cannot be read from %s", says(word)).Because(err)
	}
	return text, nil
}

// says names a word in messages.
func says(word string) string {
	if word == Stdin {
		return "standard input"
	}
	return Redacted(word)
}

// open makes the directory of a context. A lock beside it is held as long as the
// context is used, so that what killed processes left is removed by the next.
func (s Source) open() (*Context, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	s.clear()
	root, err := os.MkdirTemp(s.Dir, "c")
	if err != nil {
		return nil, err
	}
	c := &Context{root: root, lock: flock.New(root + ".lock")}
	if _, err := c.lock.TryLock(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	return c, nil
}

// clear removes the contexts of processes that were killed.
func (s Source) clear() {
	locks, _ := filepath.Glob(filepath.Join(s.Dir, "c*.lock"))
	for _, path := range locks {
		lock := flock.New(path)
		if free, err := lock.TryLock(); err == nil && free {
			_ = os.RemoveAll(strings.TrimSuffix(path, ".lock"))
			_ = os.Remove(path)
		}
		_ = lock.Close()
	}
}

// Close removes the directory; nil has none.
func (c *Context) Close() error {
	if c == nil {
		return nil
	}
	err := os.RemoveAll(c.root)
	_ = os.Remove(c.lock.Path())
	return errors.Join(err, c.lock.Close())
}

// make creates the directory of the context under a name, which the image gets.
func (c *Context) make(name string) error {
	c.Dir = filepath.Join(c.root, fit(name))
	return os.Mkdir(c.Dir, 0o755)
}

// fit keeps a name to one element of a path.
func fit(name string) string {
	name = filepath.Base(filepath.Clean("/" + name))
	if name == "/" || name == "." {
		return "context"
	}
	const longest = 100 // names of files end at 255 bytes
	return name[:min(len(name), longest)]
}

// nameOf is the name of what a URL holds.
func nameOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "context"
	}
	name, _, _ := strings.Cut(filepath.Base(u.Path), ".")
	return name
}

// Redacted returns an address without its credentials: no user, password or
// parameter that a server may take for a key.
func Redacted(word string) string {
	u, err := url.Parse(word)
	if err != nil || u.Scheme == "" || u.Host == "" {
		if _, rest, ok := strings.Cut(word, "://"); ok && strings.Contains(rest, "@") {
			return "(an address)"
		}
		return word
	}
	if u.User != nil && (u.Scheme != "ssh" || isSet(u.User)) {
		u.User = nil
	}
	q := u.Query()
	for key := range q {
		switch key {
		case "ref", "tag", "branch", "subdir", "checksum", "commit", "submodules", "keep-git-dir":
		default:
			q.Set(key, "…")
		}
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "%E2%80%A6", "…")
	return u.String()
}

// isSet reports whether a user of an address comes with a password.
func isSet(user *url.Userinfo) bool {
	_, has := user.Password()
	return has
}

// redactedIn returns an error without the credentials of an address.
func redactedIn(word string, err error) error {
	return errors.New(redactText(word, err.Error()))
}

// redactText hides the credentials of an address in a text of another program.
func redactText(word, text string) string {
	text = strings.ReplaceAll(text, word, Redacted(word))
	u, err := url.Parse(word)
	if err != nil || u.User == nil {
		return text
	}
	hidden := []string{u.User.String() + "@"}
	if password, ok := u.User.Password(); ok && password != "" {
		hidden = append(hidden, password, url.QueryEscape(password), url.PathEscape(password))
	}
	if name := u.User.Username(); u.Scheme != "ssh" && len(name) > 8 { // a token
		hidden = append(hidden, name)
	}
	for _, h := range hidden {
		text = strings.ReplaceAll(text, h, "")
	}
	return text
}
