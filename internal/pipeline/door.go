package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/report"
)

// unknownPeak is what a service counts of which no build was measured: half a
// gigabyte. Ordinary compilers stay below it, and a machine has more than that
// for each core, so a fleet that is new does not wait for memory it has.
const unknownPeak = 500e6

// door lets services begin to build: while there is a slot, and as long as what
// they took the last times fits into memory together. One that is alone always
// may. The longest go first, because the last one to end ends the build; where
// one does not fit, the next one that does takes its turn.
type door struct {
	slots int
	ram   int64 // bytes; 0: any
	sink  event.Sink

	mu      sync.Mutex
	left    *sync.Cond
	waiting []guest // in the order in which they may begin
	inside  int
	taken   int64 // bytes
	told    bool
}

// guest is a service that waits at the door.
type guest struct {
	index   int // of its job
	service string
	took    time.Duration // 0: not known, and first in the queue
	stage   string        // of the quality pipeline; "": an image
	peak    int64         // bytes; 0: not known
}

// needs is the memory that a service is reckoned with, in bytes.
func (g guest) needs() int64 { return cmp.Or(g.peak, unknownPeak) }

func newDoor(slots int, ram int64, waiting []guest, sink event.Sink) *door {
	d := &door{slots: max(1, slots), ram: ram, waiting: waiting, sink: sink}
	d.left = sync.NewCond(&d.mu)
	slices.SortStableFunc(d.waiting, longestFirst)
	return d
}

func longestFirst(a, b guest) int {
	if (a.took == 0) != (b.took == 0) {
		return cmp.Compare(a.took, b.took)
	}
	return cmp.Or(cmp.Compare(b.took, a.took), cmp.Compare(usualPlace(a.stage), usualPlace(b.stage)))
}

// usualPlace orders stages that were never measured: a browser takes longest; unit
// tests have no companions to wait for, so that packages are installed while those of
// the browser start; the scan needs the image.
func usualPlace(stage string) int {
	return slices.Index([]string{plan.StageE2E, plan.StageUnitTests, plan.StageIntegration, "", plan.StageScan, plan.StageLint}, stage)
}

// next waits until a service may begin, and returns it; without one in the queue
// it is not ok.
func (d *door) next() (guest, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.waiting) > 0 {
		if d.inside < d.slots {
			if i := slices.IndexFunc(d.waiting, d.fits); i >= 0 {
				g := d.waiting[i]
				d.waiting = slices.Delete(d.waiting, i, i+1)
				d.inside++
				d.taken += g.needs()
				return g, true
			}
			d.tell(d.waiting[0])
		}
		d.left.Wait()
	}
	return guest{}, false
}

func (d *door) fits(g guest) bool {
	return d.inside == 0 || d.ram == 0 || d.taken+g.needs() <= d.ram
}

// tell says once why a slot stays empty.
func (d *door) tell(g guest) {
	if d.told {
		return
	}
	d.told = true
	took := "its builds took up to " + report.Bytes(g.peak)
	if g.peak == 0 {
		took = "not measured yet, counted as " + report.Bytes(unknownPeak)
	}
	d.sink.Emit(event.Note{Service: g.service, Text: fmt.Sprintf("waits for memory: %s, running builds take %s, of %s", took, report.Bytes(d.taken), report.Bytes(d.ram))})
}

// leave says that a service is done.
func (d *door) leave(g guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inside--
	d.taken -= g.needs()
	d.left.Signal()
}
