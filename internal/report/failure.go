package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/event"
)

// step names a step among those of all services.
type step struct{ service, key string }

// failures keeps the output of steps until it is known how they end.
type failures struct {
	logs   map[step]*bytes.Buffer
	failed map[string][]failedStep // by service
}

type failedStep struct {
	stage, text, cause string
	log                []byte
}

func newFailures() *failures {
	return &failures{logs: map[step]*bytes.Buffer{}, failed: map[string][]failedStep{}}
}

func (f *failures) take(e event.Event) {
	switch e := e.(type) {
	case event.StepLog:
		at := step{e.Service, e.Key}
		if f.logs[at] == nil {
			f.logs[at] = &bytes.Buffer{}
		}
		f.logs[at].Write(e.Data)
	case event.StepFinished:
		at := step{e.Service, e.Key}
		if e.Err != "" && !strings.Contains(e.Err, "context canceled") {
			failed := failedStep{stage: e.Stage, text: e.Step, cause: e.Err}
			if log := f.logs[at]; log != nil {
				failed.log = log.Bytes()
			}
			f.failed[e.Service] = append(f.failed[e.Service], failed)
		}
		delete(f.logs, at)
	}
}

// write prints the whole log of every failed step with its service and cause.
// What to do about it comes last, with the error of the command.
func (f *failures) write(w io.Writer) {
	for _, service := range slices.Sorted(maps.Keys(f.failed)) {
		for _, s := range f.failed[service] {
			if len(s.log) == 0 {
				continue // the cause stands in the error of the command
			}
			fmt.Fprintf(w, "\n=== %s: log of %s ===\n", clean(service), stageAndStep(s.stage, s.text))
			log := plainText(s.log)
			_, _ = w.Write(log)
			if len(log) > 0 && log[len(log)-1] != '\n' {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "=== %s: end of log: %s ===\n", clean(service), clean(s.cause))
		}
	}
}

// plainText takes escape sequences (ECMA-48, 5.4 and 5.6) and other control
// characters but line ends and tabs out of a log.
func plainText(log []byte) []byte {
	log = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\^_])`).ReplaceAll(log, nil)
	log = bytes.ReplaceAll(log, []byte("\r\n"), []byte("\n"))
	return bytes.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r < ' ' && r != '\n' && r != '\t', r >= 0x7f && r <= 0x9f:
			return -1
		}
		return r
	}, log)
}

// stageAndStep writes where a step is and what it does.
func stageAndStep(stage, text string) string {
	if stage == "" {
		return clean(text)
	}
	return clean(stage) + "  " + clean(text)
}
