package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// settle returns the last record. What a crash left half written at the end is moved
// aside, the record completed from the head, and a record notes it. An end that no crash
// leaves is refused.
func (l *Log) settle() (end, error) {
	left, err := filepath.Glob(l.path("." + headFile + "-*")) // of killed processes
	if err != nil {
		return end{}, err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			return end{}, err
		}
	}
	last, err := l.head()
	if err != nil {
		return end{}, err
	}
	if last.Seq > 0 {
		if err := l.completeLog(last); err != nil {
			return end{}, err
		}
		if err := l.completeCheckpoints(last); err != nil {
			return end{}, err
		}
	}
	return l.noteTorn(last)
}

// head reads the copy of the last record.
func (l *Log) head() (end, error) {
	data, err := os.ReadFile(l.path(headFile))
	if errors.Is(err, fs.ErrNotExist) {
		for _, other := range []string{logFile, checkpointsFile, "damaged-*"} {
			if found, _ := filepath.Glob(l.path(other)); len(found) > 0 {
				return end{}, l.changed("its copy of the last record, %s, is gone", headFile)
			}
		}
		return end{}, nil
	}
	if err != nil {
		return end{}, fmt.Errorf("reading the audit log: %w", err)
	}
	line, whole := bytes.CutSuffix(data, []byte("\n"))
	r, err := decode(line)
	if err != nil || !whole {
		return end{}, l.changed("its copy of the last record, %s, is damaged", headFile)
	}
	return end{Point{r.Seq, hashOf(line)}, line}, nil
}

func (l *Log) changed(format string, args ...any) error {
	return diag.Fail(diag.ExitGate, "the audit log %s was changed: %s", l.dir, fmt.Sprintf(format, args...)).
		WithHint("slipway audit verify says where; slipway audit renew --reason TEXT keeps it aside and starts a new one")
}

// completeLog makes the log end with the last record.
func (l *Log) completeLog(last end) error {
	want := ended(last.line)
	tail, start, err := l.tail(logFile, 2*maxLine)
	if err != nil {
		return err
	}
	if bytes.HasSuffix(tail, want) {
		return nil
	}
	at, ok := unfinished(tail, start == 0, last)
	if !ok {
		return l.changed("it does not end with record %d, as %s has it", last.Seq, headFile)
	}
	// The mark stays until a record has noted it, whenever the next crash comes.
	mark := fmt.Sprintf("torn-%d.new", last.Seq)
	if _, err := os.Lstat(l.path(mark)); errors.Is(err, fs.ErrNotExist) { // else this was interrupted before
		err = l.put(mark, tail[at:])
		if err != nil {
			return err
		}
	}
	return l.replaceEnd(logFile, start+int64(at), want)
}

// unfinished tells where an append began that did not end: after the record before the
// last one. What is there may be a part of the record or, after a power cut, anything as
// long as it.
func unfinished(tail []byte, whole bool, last end) (at int, ok bool) {
	r, err := decode(last.line)
	if err != nil {
		return 0, false
	}
	for at = len(tail); at >= max(0, len(tail)-len(last.line)-1); at-- {
		if r.Seq == 1 {
			if at == 0 && whole {
				return 0, true
			}
			continue
		}
		before, complete := bytes.CutSuffix(tail[:at], []byte("\n"))
		if complete && hashOf(before[bytes.LastIndexByte(before, '\n')+1:]) == r.Prev {
			return at, true
		}
	}
	return 0, false
}

// completeCheckpoints makes the checkpoints end with the last record, if it is one.
func (l *Log) completeCheckpoints(last end) error {
	r, err := decode(last.line)
	if err != nil || r.Action != CheckpointMade {
		return err
	}
	want := ended(last.line)
	tail, start, err := l.tail(checkpointsFile, 2*maxLine)
	if err != nil || bytes.HasSuffix(tail, want) {
		return err
	}
	at := bytes.LastIndexByte(tail, '\n') + 1
	if !bytes.HasPrefix(want, tail[at:]) && len(bytes.Trim(tail[at:], "\x00")) > 0 {
		return l.changed("%s does not end with the checkpoint %d", checkpointsFile, last.Seq)
	}
	return l.replaceEnd(checkpointsFile, start+int64(at), want)
}

// tail reads the end of a file, and where it begins. A file that does not exist is empty.
func (l *Log) tail(name string, most int64) (data []byte, start int64, err error) {
	f, err := os.Open(l.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	start = max(0, info.Size()-most)
	data = make([]byte, info.Size()-start)
	if _, err := f.ReadAt(data, start); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	return data, start, nil
}

// replaceEnd cuts a file and appends to it.
func (l *Log) replaceEnd(name string, size int64, data []byte) error {
	if err := os.Truncate(l.path(name), size); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return l.add(name, data)
}

// noteTorn records what completeLog moved aside.
func (l *Log) noteTorn(last end) (end, error) {
	marks, err := filepath.Glob(l.path("torn-*.new"))
	if err != nil {
		return last, err
	}
	for _, mark := range marks {
		piece, err := os.ReadFile(mark)
		if err != nil {
			return last, err
		}
		name := strings.TrimSuffix(filepath.Base(mark), ".new")
		last, err = l.write(last, Record{Action: LogRecovered, Result: OK, Details: map[string]string{
			"record": strings.TrimPrefix(name, "torn-"), "bytes": strconv.Itoa(len(piece)), "sha256": hashOf(piece), "moved_to": name,
		}})
		if err != nil {
			return last, err
		}
		if err := os.Rename(mark, l.path(name)); err != nil {
			return last, err
		}
	}
	return last, nil
}
