package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
)

// notary remembers what it was asked to say something of.
type notary struct {
	world *world
	made  []Made
	names int // that images had then
	fails error
}

func (n *notary) Attest(_ context.Context, m Made) error {
	n.made, n.names = append(n.made, m), n.names+len(n.world.tagged)
	return n.fails
}

func TestEvidenceIsKeptBeforeAnImageGoesAnywhere(t *testing.T) {
	w := newWorld()
	b, n := w.build(), &notary{world: w}
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	b.Attester, b.Pusher, b.Now = n, w, func() time.Time { at = at.Add(time.Second); return at }
	if _, err := b.Run(t.Context(), []Job{job("api")}); err != nil {
		t.Fatal(err)
	}
	if len(n.made) != 1 || n.names != 0 || n.made[0].Built.Result.Digest == "" || !n.made[0].Finished.After(n.made[0].Started) {
		t.Errorf("asked for %+v when %d images had names", n.made, n.names)
	}
	if diff := cmp.Diff([]string{"x/api:1"}, w.pushed); diff != "" {
		t.Errorf("pushed (-want +got)\n%s", diff)
	}
}

func TestAnImageWithoutItsEvidenceGetsNoName(t *testing.T) {
	w := newWorld()
	b, n := w.build(), &notary{world: w, fails: errors.New("no key")}
	b.Attester, b.Pusher = n, w
	if _, err := b.Run(t.Context(), []Job{job("api")}); !errors.Is(err, n.fails) {
		t.Error(err)
	}
	if len(w.tagged)+len(w.pushed) > 0 {
		t.Errorf("named %v, pushed %v", w.tagged, w.pushed)
	}
}

func TestWhatIsNoImageOfTheStoreHasNoEvidence(t *testing.T) {
	w := newWorld()
	b, n := w.build(), &notary{world: w}
	b.Attester = n
	unnamed, file := job("a"), job("c")
	unnamed.Image, file.Request.Output.Kind = "", engine.OutputTar
	if _, err := b.Run(t.Context(), []Job{unnamed, file}); err != nil || len(n.made) > 0 {
		t.Errorf("asked for %v: %v", n.made, err)
	}
}
