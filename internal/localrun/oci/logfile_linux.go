package oci

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/logfile"
	"github.com/slipway-build/slipway/internal/pattern"
)

const (
	maxLogLine  = 64 << 10
	maxLogBytes = 32 << 20
	keepLines   = 20 // for explanations
)

// serviceLog takes what a container writes, line by line.
type serviceLog struct {
	mu     sync.Mutex
	file   *logfile.File
	last   []string
	frame  string // the first of the frames that the last line stands for
	frames int
	done   chan struct{} // closed when every writer has gone
}

// openLog returns a log and the end of a pipe to write into. The caller closes
// that end when the container has its copy.
func openLog(dir string, each func(line []byte)) (*serviceLog, *os.File, error) {
	file, err := logfile.Create(filepath.Join(dir, logFile), maxLogBytes)
	if err != nil {
		return nil, nil, fmt.Errorf("opening a log: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening a log: %w", err), file.Close())
	}
	l := &serviceLog{file: file, done: make(chan struct{})}
	go l.copy(r, each)
	return l, w, nil
}

func (l *serviceLog) copy(r *os.File, each func(line []byte)) {
	defer close(l.done)
	defer r.Close()
	in := bufio.NewReaderSize(r, maxLogLine)
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			text := line
			if text[len(text)-1] == '\n' {
				text = text[:len(text)-1]
			}
			l.add(text)
			each(text)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (l *serviceLog) add(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.file.Write(append(line[:len(line):len(line)], '\n')) // a full disk must not stop the service
	l.keep(strings.TrimRight(string(line), "\r"))
}

// stackFrame is a line of a stack trace of the JVM or of Node.js, or one that
// stands for several.
var stackFrame = pattern.Lazy(`^\s+at \S.*|^\s*\.\.\. \d+ (?:more|common frames omitted)\s*$`)

// keep notes a line for explanations. Of the frames of a stack trace it keeps the
// first: a chain of causes is longer than what is kept, and the one that matters
// often comes first.
func (l *serviceLog) keep(line string) {
	frame := stackFrame().MatchString(line)
	if frame {
		if l.frames++; l.frames > 1 && len(l.last) > 0 {
			l.last[len(l.last)-1] = l.frame + fmt.Sprintf(" … %d more", l.frames-1)
			return
		}
		l.frame = line
	} else {
		l.frames = 0
	}
	l.last = append(l.last, line)
	if len(l.last) > keepLines {
		l.last = l.last[1:]
	}
}

// lastLines returns the last n lines.
func (l *serviceLog) lastLines(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.last[max(0, len(l.last)-n):]...)
}

func (l *serviceLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
