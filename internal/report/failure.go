package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// step names a step among those of all services.
type step struct{ service, key string }

// failures keeps the output of steps until it is known how they end.
type failures struct {
	logs   map[step]*bytes.Buffer
	failed map[string][]failedStep // by service
	errs   map[string]error
}

type failedStep struct {
	stage, text, cause string
	log                []byte
}

func newFailures() *failures {
	return &failures{logs: map[step]*bytes.Buffer{}, failed: map[string][]failedStep{}, errs: map[string]error{}}
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
	case event.ServiceFinished:
		if e.Err != nil {
			f.errs[e.Service] = e.Err
		}
	}
}

// write prints for every failed service the whole log of its failed steps, then
// the cause, then the hint.
func (f *failures) write(w io.Writer) {
	var services []string
	for s := range f.errs {
		services = append(services, s)
	}
	slices.Sort(services)
	for _, service := range services {
		for _, s := range f.failed[service] {
			fmt.Fprintf(w, "\n=== %s: log of %s ===\n", clean(service), stageAndStep(s.stage, s.text))
			log := plainText(s.log)
			_, _ = w.Write(log)
			if len(log) > 0 && log[len(log)-1] != '\n' {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "=== %s: end of log: %s ===\n", clean(service), clean(s.cause))
		}
	}
	for _, service := range services {
		err := f.errs[service]
		if errors.As(err, new(diag.Findings)) {
			fmt.Fprintf(w, "%s: failed:\n%s\n", clean(service), err)
		} else {
			fmt.Fprintf(w, "%s: failed: %s\n", clean(service), strings.TrimSpace(err.Error()))
		}
		if hint := diag.HintOf(err); hint != "" {
			fmt.Fprintf(w, "  hint: %s\n", hint)
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
		case r < ' ' && r != '\n' && r != '\t', r == 0x7f:
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
