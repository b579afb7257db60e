//go:build linux

package embedded

import (
	"context"
	"errors"
	"testing"
)

func TestCollectionsEndWhenTheyAreClosed(t *testing.T) {
	c := newCollections(t.Context())
	began, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- c.run(context.Background(), func(ctx context.Context) error {
			close(began)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	<-began
	c.close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the collection that ran ended with %v", err)
	}
	late := func(context.Context) error { t.Error("a collection began after close"); return nil }
	if err := c.run(context.Background(), late); err != nil {
		t.Error(err)
	}
}
