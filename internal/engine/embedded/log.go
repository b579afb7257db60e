//go:build linux

package embedded

import (
	"os"
	"path/filepath"
	"sync"
)

// engineLog is BuildKit's own log, which names steps that fail with their arguments. It
// goes to a file in the state directory, cut when it grows beyond 4 MB, and not to the
// terminal. It is safe for concurrent use.
type engineLog struct {
	file   *os.File
	mu     sync.Mutex
	hidden []func(string) string // of each build that had secrets; a cancelled one may still log
}

func openLog(dir string) (*engineLog, error) {
	path := filepath.Join(dir, "engine.log")
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > 4e6 {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	return &engineLog{file: f}, err
}

// hide takes what hides the secrets of a build in a text.
func (l *engineLog) hide(in func(string) string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hidden = append(l.hidden, in)
}

// forget drops what hides the secrets of builds that have ended, with all their steps.
func (l *engineLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hidden = nil
}

// Write takes whole entries.
func (l *engineLog) Write(entry []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := string(entry)
	for _, hide := range l.hidden {
		text = hide(text)
	}
	if _, err := l.file.WriteString(text); err != nil {
		return 0, err
	}
	return len(entry), nil
}

func (l *engineLog) Close() error { return l.file.Close() }
