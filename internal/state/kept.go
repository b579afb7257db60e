package state

import (
	"context"
	"errors"
	"sync"

	"github.com/slipway-build/slipway/internal/engine/embedded"
	"github.com/slipway-build/slipway/internal/event"
)

// Kept is an engine that stays open between the commands of a process that outlives
// them (package resident). A nil Kept keeps none. One command at a time may use it.
type Kept struct {
	mu   sync.Mutex
	eng  *embedded.Engine // nil: none is open
	lent bool
}

// open returns the kept engine if it serves this command, else a new one, which is kept
// when the command closes it.
func (k *Kept) open(ctx context.Context, d Dir, may StepRights, sink event.Sink) (Engine, error) {
	if k == nil {
		eng, err := d.openEngine(ctx, "slipway build", may, sink)
		if err != nil {
			return nil, err
		}
		return eng, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lent {
		return nil, errors.New("two commands want the kept engine")
	}
	if k.eng != nil {
		o, err := d.engineOptions(ctx, "slipway build", may, sink)
		if err != nil {
			return nil, err
		}
		if !k.eng.Serve(o, sink) {
			if err := k.close(); err != nil {
				sink.Emit(event.Note{Warning: true, Text: "closing the engine of an earlier command: " + err.Error()})
			}
		}
	}
	if k.eng == nil {
		eng, err := d.openEngine(ctx, "slipway build", may, sink)
		if err != nil {
			return nil, err
		}
		k.eng = eng
	}
	k.lent = true
	return lent{k.eng, k}, nil
}

// lent is the kept engine while a command has it.
type lent struct {
	*embedded.Engine
	kept *Kept
}

// Close gives it back.
func (l lent) Close() error {
	l.kept.mu.Lock()
	defer l.kept.mu.Unlock()
	l.kept.lent = false
	again, err := l.Rest()
	if !again {
		err = errors.Join(err, l.kept.close())
	}
	return err
}

// Close closes the engine, if one is open.
func (k *Kept) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.close()
}

func (k *Kept) close() error {
	if k.eng == nil {
		return nil
	}
	eng := k.eng
	k.eng = nil
	return eng.Close()
}
