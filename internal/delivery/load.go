package delivery

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/docker"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// loader gives images to Docker's engine. It is a pipeline.Pusher.
type loader struct {
	*docker.Engine
	store *image.Store
	sink  event.Sink
}

// openLoader finds Docker's engine before anything is built for it.
func openLoader(ctx context.Context, store *image.Store, sink event.Sink, jobs []pipeline.Job) (loader, error) {
	eng, err := docker.Open(ctx, sink)
	if err != nil {
		return loader{}, err
	}
	l := loader{eng, store, sink}
	if fleet.CompressionOf(jobs) == "zstd" && !eng.Zstd() {
		_ = eng.Close()
		return loader{}, diag.Fail(diag.ExitUsage, "Docker's engine at %s reads no layers in zstd, which Docker 23 and newer do", eng.Host()).
			WithHint("write compression: gzip into slipway.yaml, or update Docker")
	}
	for _, j := range jobs {
		if len(j.Request.Platforms) > 1 && !slices.ContainsFunc(j.Request.Platforms, l.runs) {
			_ = eng.Close()
			return loader{}, diag.Fail(diag.ExitUsage, "Docker's engine at %s is %s and takes one platform of an image, and %s is built for %s",
				eng.Host(), eng.Platform(), j.Request.Name, strings.Join(j.Request.Platforms, ", ")).
				WithHint("add --platform %s, or build one platform, or push to a registry", eng.Platform())
		}
	}
	return l, nil
}

// runs tells whether the engine runs a platform without emulation; variants of
// an architecture ("linux/arm64/v8") count as the same.
func (l loader) runs(platform string) bool {
	return platform == l.Platform() || strings.HasPrefix(platform, l.Platform()+"/")
}

// Push implements pipeline.Pusher.
func (l loader) Push(ctx context.Context, name string) error {
	platforms, err := l.store.Platforms(ctx, name)
	if err != nil {
		return err
	}
	chosen := ""
	switch at := slices.IndexFunc(platforms, l.runs); {
	case at >= 0:
		chosen = platforms[at]
	case len(platforms) == 1:
		chosen = platforms[0]
		l.sink.Emit(event.Note{Warning: true, Text: fmt.Sprintf("%s is for %s, and Docker's engine is %s: it runs there under emulation only", name, chosen, l.Platform())})
	}
	if len(platforms) > 1 {
		l.sink.Emit(event.Note{Text: fmt.Sprintf("of %s Docker's engine gets %s alone", name, chosen)})
	}
	img, err := l.store.Image(ctx, name, chosen)
	if err != nil {
		return err
	}
	return l.Load(ctx, name, img)
}
