package origin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// Added are lines that a commit adds to a file, one after another.
type Added struct {
	Commit, Author, Email, Date string // Date as in RFC 3339
	File                        string // relative to the directory
	Line                        int    // of the first one
	Text                        []byte // until the next call
}

// Walked says how much of a history was read.
type Walked struct {
	Commits int  `json:"commits"`
	Cut     bool `json:"cut,omitempty"`     // there is more than was asked for
	Shallow bool `json:"shallow,omitempty"` // the repository has no more
}

// Limits of a history.
const (
	maxHistoryBytes = 4 << 30
	maxHistoryLine  = 1 << 20
	maxBlock        = 8 << 20
)

// Commits calls each with the lines that commits added below a directory, the newest
// commit first: those of all branches, tags and the last stash, the newest `most` ones. Of a
// merge they are the lines that no parent has. No program runs that the repository's
// settings name.
func (s Source) Commits(ctx context.Context, dir string, most int, each func(Added) error) (_ Walked, err error) {
	if _, err := exec.LookPath("git"); err != nil {
		return Walked{}, diag.Fail(diag.ExitUsage, "the program git is missing, and --history asks it for the commits").WithHint("install git, or remove --history")
	}
	q, err := s.question(ctx, dir)
	if err != nil {
		return Walked{}, diag.Fail(diag.ExitUsage, "git cannot read the history of %s", dir).Because(err).WithHint("--history needs a directory of a git repository")
	}
	defer func() { err = errors.Join(err, q.close()) }()
	state, err := q.ask("rev-parse", "--is-shallow-repository", "--show-prefix")
	if err != nil {
		return Walked{}, diag.Fail(diag.ExitUsage, "git cannot read the history of %s", dir).Because(err).WithHint("--history needs a directory of a git repository")
	}
	word, prefix, _ := strings.Cut(strings.TrimSuffix(state, "\n"), "\n")
	w := &walk{each: each, prefix: prefix, Walked: Walked{Shallow: word == "true"}}
	err = q.log(most+1, w)
	switch {
	case errors.Is(err, errEnough):
		w.Cut = true
	case ctx.Err() != nil:
		return Walked{}, context.Cause(ctx)
	case err != nil:
		return Walked{}, diag.Fail(diag.ExitUsage, "git cannot read the history of %s", dir).Because(err).WithHint("git fsck finds damaged objects; a partial clone has no history to read: clone it without --filter")
	}
	if w.Commits > most {
		w.Commits, w.Cut = most, true
	}
	return w.Walked, nil
}

// emptyTree has no .gitattributes, which would say of texts that they have no difference to
// show. Git knows GIT_ATTR_SOURCE since 2.43.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// errEnough ends a walk.
var errEnough = errors.New("the history is longer than what is read of it")

// log has git print commits with their differences, and reads them as they come.
func (q *question) log(most int, w *walk) error {
	ctx, stop := context.WithCancel(q.ctx)
	defer stop()
	cmd := q.command(ctx, "-c", "core.quotePath=false", "-c", "log.showSignature=false", "-c", "log.showRoot=true",
		"log", "--all", "--max-count="+strconv.Itoa(most), "--format=%x00%H%x00%an%x00%ae%x00%aI", "--patch", "--cc", "--unified=0", "--full-history", "--no-color", "--no-ext-diff", "--no-textconv",
		"--no-renames", "--no-notes", "--no-mailmap", "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all", "--", ".")
	cmd.Env = append(slices.Clone(q.env), "GIT_ATTR_SOURCE="+emptyTree)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	read := w.read(bufio.NewReaderSize(out, 1<<20))
	if read != nil {
		stop()
	}
	if err := cmd.Wait(); read == nil && err != nil {
		return errors.New(strings.TrimSpace(errs.String() + " (" + err.Error() + ")"))
	}
	return read
}

// walk is the reading of what git prints.
type walk struct {
	Walked
	each   func(Added) error
	prefix string // of the directory in the repository; combined differences ignore --relative
	bytes  int64

	at      Added
	columns int // of signs before a line, one for each parent; 0: outside of a hunk
	next    int // number of the next line
	block   []byte
}

func (w *walk) read(r *bufio.Reader) error {
	for {
		line, err := w.line(r)
		if len(line) > 0 || err == nil {
			if err := w.take(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return w.flush()
		}
		if err != nil {
			return err
		}
		if w.bytes > maxHistoryBytes {
			return errors.Join(w.flush(), errEnough)
		}
	}
}

// line reads one line without its end; of a very long one its beginning.
func (w *walk) line(r *bufio.Reader) ([]byte, error) {
	var out []byte
	for {
		part, err := r.ReadSlice('\n')
		w.bytes += int64(len(part))
		if room := maxHistoryLine - len(out); room > 0 {
			out = append(out, part[:min(room, len(part))]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSuffix(out, []byte("\n")), err
		}
	}
}

// take reads a line of a commit, a file, a hunk or a content.
func (w *walk) take(line []byte) error {
	switch {
	case len(line) > 0 && line[0] == 0:
		if err := w.flush(); err != nil {
			return err
		}
		part := strings.Split(string(line[1:]), "\x00")
		if len(part) != 4 {
			return errors.New("git prints a commit that cannot be read")
		}
		w.at, w.columns = Added{Commit: part[0], Author: part[1], Email: part[2], Date: part[3]}, 0
		w.Commits++
	case bytes.HasPrefix(line, []byte("diff --")):
		w.columns = 0
		return w.flush()
	case bytes.HasPrefix(line, []byte("@@")):
		return w.hunk(line)
	case w.columns == 0 && bytes.HasPrefix(line, []byte("+++ ")):
		w.at.File = strings.TrimPrefix(target(string(line[len("+++ "):])), w.prefix)
	case w.columns > 0 && signs(line, w.columns):
		return w.content(line)
	}
	return nil
}

// signs reports a line of a content: "+", "-" or " " for each parent.
func signs(line []byte, columns int) bool {
	return len(line) >= columns && strings.Trim(string(line[:columns]), "+- ") == ""
}

// target is the path in "b/path".
func target(text string) string {
	text = strings.TrimSuffix(text, "\t")
	if strings.HasPrefix(text, `"`) {
		if plain, err := strconv.Unquote(text); err == nil {
			text = plain
		}
	}
	return strings.TrimPrefix(text, "b/")
}

// hunk reads "@@ -1,2 +3,4 @@"; a merge has a sign and a range more for each parent.
func (w *walk) hunk(line []byte) error {
	if err := w.flush(); err != nil {
		return err
	}
	signs := len(line) - len(bytes.TrimLeft(line, "@"))
	_, after, _ := bytes.Cut(line, []byte(" +"))
	number, _, _ := strings.Cut(string(bytes.SplitN(after, []byte(" "), 2)[0]), ",")
	n, err := strconv.Atoi(number)
	if err != nil || signs < 2 {
		return errors.New("git prints a difference that cannot be read")
	}
	w.columns, w.next = signs-1, n
	return nil
}

// content reads a line of a hunk.
func (w *walk) content(line []byte) error {
	sign := line[:w.columns]
	switch {
	case bytes.IndexByte(sign, '-') >= 0:
		return nil
	case bytes.IndexByte(sign, ' ') >= 0:
		w.next++
		return w.flush()
	}
	if len(w.block) > maxBlock {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if len(w.block) == 0 {
		w.at.Line = w.next
	}
	w.next++
	w.block = append(append(w.block, line[w.columns:]...), '\n')
	return nil
}

// flush hands over the lines that are complete.
func (w *walk) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	w.at.Text = w.block
	err := w.each(w.at)
	w.block = w.block[:0]
	return err
}
