package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

// The files of a log, in its directory. The head is a copy of the last record, written
// before the record itself: what a crash leaves half written is completed from it.
const (
	logFile         = "log.jsonl"
	checkpointsFile = "checkpoints.jsonl" // copies of the checkpoints in the log
	headFile        = "head.json"
	keyFile         = "key.pem"
	lockFile        = "lock"
)

const (
	every    = 20               // records from one checkpoint to the next
	patience = 10 * time.Second // of one command for another one that writes
)

// Log is a log in a directory, which several processes may use at once. It holds nothing
// open. It is not safe for concurrent use within a process.
type Log struct {
	dir    string
	now    func() time.Time
	actor  Actor
	secret redactor
	every  uint64
}

// Open returns the log of a directory, and makes the directory. It completes what a crash
// left half written, and refuses a log whose end somebody changed: nothing may be done
// that cannot be recorded afterwards.
func Open(dir string) (*Log, error) {
	l, err := Unsettled(dir)
	if err != nil {
		return nil, err
	}
	return l, l.locked(func() error {
		_, err := l.settle()
		return err
	})
}

// Unsettled is Open for a log that may be damaged, to renew it.
func Unsettled(dir string) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	return &Log{dir: dir, now: time.Now, actor: Me(), every: every}, nil
}

// Hide makes every later record have "[secret]" in place of these values, whatever they
// look like.
func (l *Log) Hide(values ...string) { l.secret.add(values...) }

// Append writes a record to the disk before it returns. It waits for another process that
// writes, and for nothing else: what ends because it was interrupted is recorded too.
func (l *Log) Append(r Record) error {
	switch r.Action {
	case "", CheckpointMade, LogRecovered, LogRenewed:
		return fmt.Errorf("recording %q: the log itself writes such records", r.Action)
	}
	return l.locked(func() error {
		last, err := l.settle()
		if err != nil {
			return err
		}
		if last, err = l.write(last, r); err != nil {
			return err
		}
		if last.Seq%l.every == 0 {
			return l.checkpoint(last, nil)
		}
		return nil
	})
}

// Checkpoint signs all records up to now, with the key of this machine if none is given,
// and returns what somebody else may keep.
func (l *Log) Checkpoint(key *attest.Signer) (head Point, err error) {
	err = l.locked(func() error {
		last, err := l.settle()
		if err != nil {
			return err
		}
		if err := l.checkpoint(last, key); err != nil {
			return err
		}
		if last, err = l.settle(); err == nil {
			head = last.Point
		}
		return err
	})
	return head, err
}

func (l *Log) checkpoint(last end, key *attest.Signer) (err error) {
	if key == nil {
		if key, err = l.machineKey(); err != nil {
			return err
		}
	}
	if err := l.keepPublic(key.Verifier); err != nil {
		return fmt.Errorf("keeping the public key of the audit log: %w", err)
	}
	r := l.next(last, Record{Action: CheckpointMade})
	if err := sign(&r, key); err != nil {
		return err
	}
	_, err = l.keep(r)
	return err
}

// Renew moves a log that was changed aside, and starts a new one, whose first record says
// so. It returns the directory of the old one.
func (l *Log) Renew(reason string) (aside string, err error) {
	err = l.locked(func() error {
		files, err := read(l.dir)
		if err != nil {
			return err
		}
		found := files.Verify(Trust{})
		why := ""
		if _, refused := l.settle(); refused != nil {
			why = refused.Error()
		}
		if len(found.Problems) > 0 {
			why = found.Problems[0].String()
		}
		if why == "" {
			return diag.Fail(diag.ExitUsage, "the audit log is whole: there is no reason to start a new one").WithHint("slipway audit verify")
		}
		if aside, err = l.moveAside(); err != nil {
			return err
		}
		_, err = l.write(end{}, Record{Action: LogRenewed, Details: map[string]string{
			"reason": reason, "moved_to": filepath.Base(aside), "log_sha256": hashOf(files.log), "head": found.Head.String(), "problem": why,
		}})
		return err
	})
	return aside, err
}

// moveAside moves the files of a log into a directory beside them. The head is copied, and
// replaced with the first record of the new log: a crash in between leaves a log that is
// refused.
func (l *Log) moveAside() (string, error) {
	aside := fmt.Sprintf("damaged-%d", l.now().UnixMilli())
	if err := os.Mkdir(l.path(aside), 0o700); err != nil {
		return "", err
	}
	if head, err := os.ReadFile(l.path(headFile)); err == nil {
		if err := l.put(filepath.Join(aside, headFile), head); err != nil {
			return "", err
		}
	}
	torn, err := filepath.Glob(l.path("torn-*"))
	if err != nil {
		return "", err
	}
	for _, name := range append(torn, logFile, checkpointsFile) {
		name = filepath.Base(name)
		if err := os.Rename(l.path(name), l.path(filepath.Join(aside, name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return l.path(aside), nil
}

func (l *Log) path(name string) string { return filepath.Join(l.dir, name) }

// locked keeps other processes away while do runs.
func (l *Log) locked(do func() error) (err error) {
	lock := flock.New(l.path(lockFile), flock.SetPermissions(0o600))
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	held, err := lock.TryLockContext(ctx, 20*time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) {
		return diag.Fail(diag.ExitUnexpected, "another command has kept the audit log %s locked for %s", l.dir, patience).
			WithHint("wait until it ends, and try again")
	}
	if err != nil || !held {
		return fmt.Errorf("locking the audit log: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	return do()
}

// end is the last record of a log; the zero value is that of an empty one.
type end struct {
	Point
	line []byte
}

// next completes a record.
func (l *Log) next(last end, r Record) Record {
	r = l.secret.record(r)
	r.Schema, r.Seq, r.Prev, r.At, r.Actor, r.Signature = schema, last.Seq+1, last.Hash, l.now().UTC().Truncate(time.Millisecond), l.actor, nil
	if last.Seq == 0 {
		r.Prev = none
	}
	return r
}

func (l *Log) write(last end, r Record) (end, error) { return l.keep(l.next(last, r)) }

// keep writes a complete record: to the head, to the log, and to the checkpoints if it is
// one.
func (l *Log) keep(r Record) (end, error) {
	line := encode(r)
	if len(line) > maxLine {
		return end{}, fmt.Errorf("recording %s: the record has %d bytes, more than %d", r.Action, len(line), maxLine)
	}
	made := end{Point{r.Seq, hashOf(line)}, line}
	err := l.put(headFile, ended(line))
	if err == nil {
		err = l.add(logFile, ended(line))
	}
	if err == nil && r.Action == CheckpointMade {
		err = l.add(checkpointsFile, ended(line))
	}
	if err != nil {
		return made, fmt.Errorf("recording %s in the audit log: %w", r.Action, err)
	}
	return made, nil
}

func ended(line []byte) []byte { return append(bytes.Clone(line), '\n') }

// add appends to a file, durably.
func (l *Log) add(name string, data []byte) error {
	f, err := os.OpenFile(l.path(name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(data)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil || info.Size() > 0 {
		return err
	}
	return syncDir(l.dir) // it is new
}
