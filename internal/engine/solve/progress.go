package solve

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/pattern"
)

// maxStepLog bounds the log that is kept of one step, in bytes; of a longer one
// the end is kept, because errors are there.
const maxStepLog = 4 << 20

// PeakMemory is the name of a status by which an engine tells how many bytes the
// processes of a step held at most.
const PeakMemory = "slipway: peak memory"

// OutOfPIDs and OutOfMemory are the names of statuses by which an engine tells that a
// step met a limit.
const (
	OutOfPIDs   = "slipway: no more processes"
	OutOfMemory = "slipway: no more memory"
)

// progress turns BuildKit's status stream into events, counts steps, and keeps
// each step's log until it is known to be good. One goroutine feeds it.
type progress struct {
	service string
	sink    event.Sink
	hidden  *wordList // what no log or name of a step may show
	seen    map[digest.Digest]*step
	peaks   map[digest.Digest]int64 // bytes
	limits  map[string]string       // that steps met, by their keys
	failed  *step
}

// step is one vertex of the build.
type step struct {
	stepName
	key           string
	internal      bool
	started, done bool
	cached        bool
	log           bytes.Buffer
	firstStart    time.Time
	masks         [2]masker // of standard output and error
}

func newProgress(service string, sink event.Sink, hidden *wordList) *progress {
	return &progress{service: service, sink: sink, hidden: hidden, seen: map[digest.Digest]*step{}, peaks: map[digest.Digest]int64{}, limits: map[string]string{}}
}

// update takes one message of the stream.
func (p *progress) update(s *client.SolveStatus) {
	for _, st := range s.Statuses { // before the end of a step is told
		switch st.Name {
		case PeakMemory:
			p.peaks[st.Vertex] = max(p.peaks[st.Vertex], st.Current)
		case OutOfPIDs, OutOfMemory:
			p.limits[st.Vertex.String()] = st.Name
		}
	}
	for _, v := range s.Vertexes {
		p.vertex(v)
	}
	for _, st := range s.Statuses {
		if at := p.seen[st.Vertex]; at != nil && st.Total > 0 {
			p.sink.Emit(event.StepProgress{Service: p.service, Key: at.key, What: st.ID, Current: st.Current, Total: st.Total})
		}
	}
	for _, l := range s.Logs {
		if at := p.seen[l.Vertex]; at != nil {
			p.log(at, l.Stream == 2, l.Data, at.done)
		}
	}
}

// log keeps and tells what a step printed, without secrets.
func (p *progress) log(at *step, stderr bool, data []byte, end bool) {
	stream := 0
	if stderr {
		stream = 1
	}
	if data = at.masks[stream].pass(data, end); len(data) == 0 {
		return
	}
	keepEnd(&at.log, data)
	p.sink.Emit(event.StepLog{Service: p.service, Key: at.key, Stderr: stderr, Data: data})
}

// vertex tells of a step. BuildKit writes the values of build arguments into its name.
func (p *progress) vertex(v *client.Vertex) {
	at := p.seen[v.Digest]
	if at == nil {
		at = &step{stepName: parseStepName(p.hidden.hide(v.Name)), key: v.Digest.String(), masks: [2]masker{{words: p.hidden}, {words: p.hidden}}}
		at.internal = at.stage == "" && (strings.HasPrefix(v.Name, "[internal]") || strings.HasPrefix(v.Name, "[context"))
		p.seen[v.Digest] = at
	}
	if v.Started != nil && !at.started {
		at.started, at.firstStart = true, *v.Started
		p.sink.Emit(event.StepStarted{
			Service: p.service, Key: at.key, Platform: at.platform, Stage: at.stage, Step: at.text,
			Index: at.index, Total: at.total, At: *v.Started,
		})
	}
	at.cached = at.cached || v.Cached
	if v.Completed == nil || at.done {
		return
	}
	if strings.HasSuffix(v.Error, context.Canceled.Error()) { // a failed step quotes its command before that
		return // another build has the same step and runs it for both, or all of them were stopped
	}
	at.done = true
	p.log(at, false, nil, true)
	p.log(at, true, nil, true)
	if v.Error != "" && p.failed == nil {
		p.failed = at
	}
	p.sink.Emit(event.StepFinished{
		Service: p.service, Key: at.key, Stage: at.stage, Step: at.text,
		Cached: at.cached, Duration: v.Completed.Sub(at.firstStart), PeakMemory: p.peaks[v.Digest], Err: p.hidden.hide(v.Error),
	})
}

// steps counts the instructions of the Dockerfile that took part.
func (p *progress) steps() int { return p.count(func(*step) bool { return true }) }

// cachedSteps counts those that did not have to run.
func (p *progress) cachedSteps() int { return p.count(func(s *step) bool { return s.cached }) }

func (p *progress) count(which func(*step) bool) int {
	n := 0
	for _, s := range p.seen {
		if s.total > 0 && s.done && !strings.HasPrefix(s.text, "FROM ") && which(s) {
			n++
		}
	}
	return n
}

// keepEnd appends to a log and drops its beginning beyond maxStepLog.
func keepEnd(log *bytes.Buffer, data []byte) {
	log.Write(data)
	if over := log.Len() - maxStepLog; over > 0 {
		log.Next(over)
	}
}

// stepName is what BuildKit's vertex names tell:
// "[linux/arm64 builder 3/5] RUN npm run build".
type stepName struct {
	platform, stage, text string
	index, total          int
}

var vertexName = pattern.Lazy(`^\[(?:([a-z0-9]+/[a-z0-9/]+(?:->[a-z0-9/]+)?) )?(?:([^\s/]+) +)?(\d+)/(\d+)\] (.*)$`)

func parseStepName(name string) stepName {
	m := vertexName().FindStringSubmatch(name)
	if m == nil {
		return stepName{text: name}
	}
	index, _ := strconv.Atoi(m[3])
	total, _ := strconv.Atoi(m[4])
	return stepName{platform: m[1], stage: m[2], text: m[5], index: index, total: total}
}
