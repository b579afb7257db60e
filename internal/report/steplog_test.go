package report

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/event"
)

// told is a Plain with a clock, and what it wrote since it was last asked.
type told struct {
	*Plain
	clock *clock
	out   bytes.Buffer
}

func newTold() *told {
	t := &told{clock: newClock()}
	t.Plain = NewPlain(&t.out, t.clock.now)
	return t
}

func (p *told) since() string {
	defer p.out.Reset()
	return p.out.String()
}

// runs begins a step and lets it print.
func (p *told) runs(service, key, stage, text, output string) {
	p.Emit(event.StepStarted{Service: service, Key: key, Stage: stage, Step: text, At: p.clock.now()})
	p.prints(service, key, output)
}

func (p *told) prints(service, key, output string) {
	p.Emit(event.StepLog{Service: service, Key: key, Data: []byte(output)})
}

// waits lets time pass as a screen does, with ticks.
func (p *told) waits(d time.Duration) {
	for end := p.clock.now().Add(d); p.clock.now().Before(end); {
		p.clock.pass(100 * time.Millisecond)
		p.Tick()
	}
}

func (p *told) ends(service, key, stage, text string, took time.Duration, cause string) {
	p.Emit(event.StepFinished{Service: service, Key: key, Stage: stage, Step: text, Duration: took, Err: cause})
}

func (p *told) says(t *testing.T, want string) {
	t.Helper()
	if diff := cmp.Diff(want, p.since()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAHungStepIsSeenHanging(t *testing.T) {
	p := newTold()
	p.runs("web", "1", "builder", "RUN npm test", "fetching\nwaiting for data")
	p.waits(500 * time.Millisecond)
	p.says(t, "")
	p.waits(600 * time.Millisecond)
	p.says(t, "web  builder  | fetching\n")
	p.prints("web", "1", "base\nand then\n")
	p.says(t, "web  builder  | waiting for database\nweb  builder  | and then\n")
	p.waits(14 * time.Second)
	p.says(t, "")
	p.waits(2 * time.Second)
	p.says(t, "still running: web  builder  RUN npm test (16.1s)\n")
	p.waits(28 * time.Second)
	p.says(t, "")
	p.waits(2 * time.Second)
	p.says(t, "still running: web  builder  RUN npm test (46.1s)\n")
	p.Emit(event.Interrupted{})
	p.Emit(event.ServiceFinished{Service: "web", At: p.clock.now(), Err: context.Canceled})
	p.Close()
	p.says(t, "web  interrupted\n") // its lines were seen
}

func TestAFailureIsShownWhenItHappens(t *testing.T) {
	p := newTold()
	p.runs("web", "1", "builder", "RUN tsc", "error TS1005\n")
	p.ends("web", "1", "builder", "RUN tsc", 800*time.Millisecond, "exit code 2")
	p.says(t, "web  builder  RUN tsc … failed after 0.8s\n\n=== web: log of builder  RUN tsc ===\nerror TS1005\n=== web: end of log: exit code 2 ===\n")
	p.Close()
	p.says(t, "")
}

func TestAStreamedFailureIsNotRepeated(t *testing.T) {
	p := newTold()
	p.runs("web", "1", "builder", "RUN tsc", "one\n")
	p.waits(2 * time.Second)
	p.prints("web", "1", "two")
	p.ends("web", "1", "builder", "RUN tsc", 2*time.Second, "exit code 2")
	p.says(t, "web  builder  | one\nweb  builder  | two\n=== web: end of log: exit code 2 ===\nweb  builder  RUN tsc … failed after 2.0s\n")
}

func TestAFailureBetweenLinesOfOthersIsShownWhole(t *testing.T) {
	p := newTold()
	p.runs("web", "1", "builder", "RUN tsc", "one\n")
	p.runs("api", "1", "builder", "RUN go build", "compiling\n")
	p.waits(2 * time.Second)
	p.prints("api", "1", "more\n")
	p.prints("web", "1", "two\n")
	p.since()
	p.ends("web", "1", "builder", "RUN tsc", 2*time.Second, "exit code 2")
	p.says(t, "web  builder  RUN tsc … failed after 2.0s\n\n=== web: log of builder  RUN tsc ===\none\ntwo\n=== web: end of log: exit code 2 ===\n")
}

func TestStepsThatTookNoTimeHaveNoLine(t *testing.T) {
	p := newTold()
	p.runs("web", "1", "builder", "COPY src/ src/", "")
	p.ends("web", "1", "builder", "COPY src/ src/", 20*time.Millisecond, "")
	p.runs("web", "2", "builder", "COPY data/ data/", "")
	p.ends("web", "2", "builder", "COPY data/ data/", 3*time.Second, "")
	p.runs("web", "3", "builder", "RUN true", "quiet\n")
	p.ends("web", "3", "builder", "RUN true", 20*time.Millisecond, "")
	p.says(t, "web  builder  COPY data/ data/ … 3.0s\nweb  builder  RUN true … 0.0s\n")
}

func TestAnInterruptedStepShowsItsLastLines(t *testing.T) {
	for name, view := range map[string]func(*bytes.Buffer, *clock) interface {
		event.Sink
		Close()
	}{
		"plain": func(out *bytes.Buffer, c *clock) interface {
			event.Sink
			Close()
		} {
			return NewPlain(out, c.now)
		},
		"live": func(out *bytes.Buffer, c *clock) interface {
			event.Sink
			Close()
		} {
			return newLive(out, c, 80, 24, "web")
		},
	} {
		for _, interrupted := range []bool{true, false} {
			var out bytes.Buffer
			c := newClock()
			v := view(&out, c)
			v.Emit(event.StepStarted{Service: "web", Key: "1", Stage: "builder", Step: "RUN java -jar app.jar", At: c.now()})
			v.Emit(event.StepLog{Service: "web", Key: "1", Data: []byte(strings.Repeat("old\n", 20) + "started on port 8080")})
			c.pass(900 * time.Millisecond)
			if interrupted {
				v.Emit(event.Interrupted{})
			}
			v.Emit(event.ServiceFinished{Service: "web", At: c.now(), Err: context.Canceled})
			out.Reset()
			v.Close()
			want := "=== web: interrupted after 0.9s in builder  RUN java -jar app.jar; it last printed: ===\n" + strings.Repeat("old\n", 9) + "started on port 8080\n"
			if strings.Contains(out.String(), want) != interrupted {
				t.Errorf("%s, interrupted %v:\n%s", name, interrupted, out.String())
			}
		}
	}
}

func TestAStepThatAnotherServiceRunsIsNotInterrupted(t *testing.T) {
	p := newTold()
	p.runs("web", "1", "dependencies", "RUN npm ci", "x\n")
	p.Emit(event.ServiceFinished{Service: "web", At: p.clock.now()})
	p.Emit(event.Interrupted{})
	p.since()
	p.Close()
	p.says(t, "")
}

func TestPartsOfATransferHaveOneLine(t *testing.T) {
	p := newTold()
	for _, name := range []string{"package a", "package b"} {
		p.Emit(event.Transfer{What: name, Of: "Debian packages of slipway/node:22", Current: 1_000_000, Total: 4_000_000})
		p.clock.pass(time.Second)
		p.Emit(event.Transfer{What: name, Of: "Debian packages of slipway/node:22", Current: 4_000_000, Total: 4_000_000, Done: true})
	}
	p.says(t, "")
	p.waits(15 * time.Second)
	p.says(t, "still running: Debian packages of slipway/node:22  8.0 MB of 8.0 MB  "+Bytes(8_000_000/15)+"/s\n")
	p.Emit(event.Transfer{What: "Debian packages of slipway/node:22", Done: true})
	p.says(t, "Debian packages of slipway/node:22 … 2 files, 8.0 MB in 17.0s\n")
	p.waits(time.Minute)
	p.says(t, "")
}

func TestServicesSayWhatTheyWaitFor(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	l := newLive(&out, c, 80, 24, "web")
	l.Emit(event.ServiceWaits{Service: "web", For: "the base slipway/node:22"})
	if !strings.Contains(out.String(), "· web  waiting for the base slipway/node:22") {
		t.Errorf("%q", out.String())
	}
	c.pass(time.Second)
	out.Reset()
	l.Emit(event.ServiceWaits{Service: "web"})
	if strings.Contains(out.String(), "waiting for") {
		t.Errorf("%q", out.String())
	}
}

func TestAProgressBarIsStreamedLineByLine(t *testing.T) {
	p := newTold()
	p.runs("web", "1", "builder", "RUN x", "10%\r20%\r")
	p.waits(2 * time.Second)
	p.says(t, "web  builder  | 10%\n") // the last return may be the first half of a line end
	p.prints("web", "1", "\nok\n")
	p.says(t, "web  builder  | 20%\nweb  builder  | ok\n")
}
