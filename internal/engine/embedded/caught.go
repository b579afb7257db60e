package embedded

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"
)

// panicked is a panic that was caught.
type panicked struct {
	value any
	stack []byte
}

func (e *panicked) Error() string {
	text, _, _ := strings.Cut(fmt.Sprint(e.value), "\n")
	return "internal error: " + text
}

// caught runs what may panic on a damaged database.
func caught(run func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{r, debug.Stack()}
		}
	}()
	return run()
}

// openFiles are the databases that BuildKit leaves open.
type openFiles struct{ files []io.Closer }

func (o *openFiles) add(c io.Closer) { o.files = append(o.files, c) }

// close closes them, and tells whether all are. A transaction that a panic left
// open would keep it waiting for ever.
func (o *openFiles) close(limit time.Duration) bool {
	done := make(chan bool, 1)
	go func() {
		ok := true
		for _, c := range o.files {
			ok = caught(c.Close) == nil && ok
		}
		done <- ok
	}()
	select {
	case ok := <-done:
		return ok
	case <-time.After(limit):
		return false
	}
}
