package baseimage

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/event"
)

// seen keeps events.
type seen []event.Event

func (s *seen) Emit(e event.Event) { *s = append(*s, e) }

func TestPackagesOfAllBasesAreOneTransfer(t *testing.T) {
	var got seen
	tr := &transfers{Sink: &got}
	tr.begin()
	tr.end() // nothing was downloaded
	tr.begin()
	tr.begin()
	tr.Emit(event.Transfer{What: "package libc6 2.41", Current: 5, Total: 5, Done: true})
	tr.end()
	tr.Emit(event.Transfer{What: "Go 1.26.1 for amd64", Current: 7})
	tr.end()
	tr.begin()
	tr.end()
	want := seen{
		event.Transfer{What: "package libc6 2.41", Of: debianPackages, Current: 5, Total: 5, Done: true},
		event.Transfer{What: "Go 1.26.1 for amd64", Current: 7},
		event.Transfer{What: debianPackages, Done: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
